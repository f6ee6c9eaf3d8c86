"""The mock server judges its agents, and tells it on the command line, in the control plane, and in the fixture."""

import socket
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from websockets.sync.client import connect

from opamp_agent_checks import HttpRequestFacts, Received
from opamp_conformance.client.agent import Agent
from opamp_conformance.redaction import Redactor
from opamp_conformance.results.agent_transcript import transcript_of_messages
from opamp_mock_server import DEVIATIONS, Delays, Limits, MockServer, Settings
from opamp_mock_server.testing import OpampServer
from opamp_proto import CONTENT_TYPE, uuid_text
from opamp_proto import opamp_pb2 as pb
from support.command_line import Cli
from support.fault_injection import free_port
from support.http_requests import ask


def post(url: str, message: pb.AgentToServer, **headers: str) -> int:
    own = {"Content-Type": CONTENT_TYPE, "OpAMP-Instance-UID": uuid_text(message.instance_uid)}
    request = urllib.request.Request(url, message.SerializeToString(), {**own, **headers})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_mock_server_judges_agents_over_http() -> None:
    agent = Agent("test")
    with MockServer(Settings(judges_agents=True, limits=Limits(rate=3))) as server:
        assert server.judge is not None
        assert post(server.url, agent.full_status(), **{"Accept-Encoding": "gzip"}) == 200
        assert post(server.url, agent.check_in(), **{"Content-Encoding": "identity"}) == 200
        assert server.judge.findings == []
        assert post(server.url.replace("opamp", "logs"), agent.check_in(), **{"Content-Type": "text/plain"}) == 404
        assert server.judge.findings == []
        assert post(server.url, agent.check_in(), **{"Content-Type": "text/plain"}) == 415
        assert {post(server.url, agent.check_in()) for _ in range(6)} == {200, 429}
        found = {finding.requirement for finding in server.judge.findings}
    assert found == {"http.content-type", "throttle.http-retry-after-time"}


def test_a_message_above_the_limit_is_no_breach() -> None:
    message = Agent("test").full_status()
    message.agent_description.identifying_attributes[0].value.string_value = "x" * 200_000
    with MockServer(Settings(judges_agents=True, max_body_bytes=100_000)) as server:
        assert post(server.url, message) == 413
        assert server.judge is not None
        assert server.judge.findings == []


def test_the_wrong_method_is_a_breach_of_agents_only() -> None:
    uid = uuid_text(Agent("test").instance_uid)
    with MockServer(Settings(judges_agents=True)) as server:
        assert server.judge is not None
        for headers in ({}, {"OpAMP-Instance-UID": uid}):
            with pytest.raises(urllib.error.HTTPError, match="405"):
                urllib.request.urlopen(urllib.request.Request(server.url, headers=headers, method="PUT"), timeout=5)
            assert [one.requirement for one in server.judge.findings] == ["http.post"] * len(headers)


def test_an_agent_that_gives_up_a_request_may_send_the_next_one() -> None:
    agent = Agent("test")
    with MockServer(Settings(judges_agents=True, delays=Delays(0.4, 0.4))) as server:
        host, port = server.url.split("/")[2].split(":")
        data = agent.full_status().SerializeToString()
        head = f"POST /v1/opamp HTTP/1.1\r\nHost: x\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(data)}\r\n"
        head += f"OpAMP-Instance-UID: {uuid_text(agent.instance_uid)}\r\n\r\n"
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head.encode() + data)
            time.sleep(0.1)
        assert post(server.url, agent.check_in()) == 200
        assert server.judge is not None
        assert server.judge.findings == []


def test_the_mock_server_judges_agents_over_websocket() -> None:
    agent = Agent("test")
    with MockServer(Settings(judges_agents=True)) as server:
        assert server.judge is not None
        with connect("ws" + server.url.removeprefix("http")) as websocket:
            websocket.send(b"\0" + agent.full_status().SerializeToString())
            websocket.recv()
            websocket.send("hello")
            websocket.recv()
            websocket.send(b"\0" + agent.check_in().SerializeToString())
            websocket.recv()
        for _ in range(100):
            if len(server.judge.findings) == 2:
                break
            time.sleep(0.02)
        assert {one.requirement for one in server.judge.findings} == {
            "ws.binary-frames.agent",
            "disconnect.ws-client-message-first",
        }


def test_an_agent_that_leaves_as_it_should_has_no_finding() -> None:
    agent = Agent("test")
    with MockServer(Settings(judges_agents=True)) as server, connect("ws" + server.url[4:]) as websocket:
        for message in (agent.full_status(), agent.check_in(), agent.disconnect()):
            websocket.send(b"\0" + message.SerializeToString())
            websocket.recv()
        websocket.close()
        time.sleep(0.2)
        assert server.judge is not None
        assert server.judge.findings == []


def test_findings_are_in_the_control_plane_and_the_fixture(opamp_server: OpampServer) -> None:
    message = Agent("test").full_status()
    message.capabilities |= 1 << 40
    post(opamp_server.url, message)
    assert [one.requirement for one in opamp_server.findings] == ["capabilities.agent.undefined-bits-zero"]
    with MockServer(Settings(control=True, deviations=(DEVIATIONS["http.respond-each"],))) as server:
        post(server.url, message)
        listed = ask(server, "GET", f"/findings?agent={message.instance_uid.hex()}")
        assert listed["agents"] == listed["total"] == 1
        [finding] = listed["findings"]
        assert finding["requirement"] == "capabilities.agent.undefined-bits-zero"
        assert finding["provoked_by"] == "http.respond-each"
        assert finding["messages"][0]["capabilities"] == str(message.capabilities)
        ask(server, "POST", "/reset")
        assert ask(server, "GET", "/findings")["total"] == 0


@pytest.mark.parametrize(("breaks", "code"), [(True, 1), (False, 0), (None, 2)])
def test_serve_judges_agents_for_a_while(cli: Cli, tmp_path: Path, breaks: bool | None, code: int) -> None:
    port = free_port()
    serve = ("serve", "--port", str(port), "--contract", "opamp", "--for", "4s", "--fail-on", "MUST")
    with ThreadPoolExecutor() as pool:
        files = ("--junit", tmp_path / "junit.xml", "--jsonl", tmp_path / "jsonl", "--html", tmp_path / "html")
        running = pool.submit(cli, *serve, *files, timeout=600)
        message = Agent("test").full_status()
        message.effective_config.config_map.config_map["a.yaml"].body = b"hunter2-in-a-file"
        message.capabilities |= int(pb.AgentCapabilities_ReportsEffectiveConfig) | ((1 << 40) if breaks else 0)
        deadline = time.monotonic() + 30
        while breaks is not None and time.monotonic() < deadline:
            try:
                post(f"http://127.0.0.1:{port}/v1/opamp", message)
                break
            except urllib.error.URLError:
                time.sleep(0.05)
        result = running.result()
    assert result.returncode == code
    assert ("failure  capabilities.agent.undefined-bits-zero, in 1 message of" in result.stdout) == bool(breaks)
    assert ("no agent came" in result.stdout) == (breaks is None)
    assert ("<failure" in (tmp_path / "junit.xml").read_text()) == bool(breaks)
    for name in ("junit.xml", "jsonl", "html"):
        text = (tmp_path / name).read_text()
        assert (message.instance_uid.hex() in text) == bool(breaks)
        assert ("a.yaml" in text) == bool(breaks)
        assert b"hunter2-in-a-file".hex() not in text


def test_messages_of_findings_are_shown_without_files_and_what_is_unreadable_only_by_its_beginning() -> None:
    message = Agent("test").full_status()
    message.effective_config.config_map.config_map["a.yaml"].body = b"hunter2"
    unreadable = b"x" * 64 + b"hunter2"
    over_http = HttpRequestFacts("POST", CONTENT_TYPE, None)
    read, http, cut = transcript_of_messages(
        [
            Received(1.0, 1, b"\0" + message.SerializeToString(), message),
            Received(1.5, 1, message.SerializeToString(), message, over_http),
            Received(3.0, 1, unreadable, None),
        ],
        Redactor({}),
    )
    assert read.request_message == http.request_message
    assert "a.yaml" in read.request_message
    assert read.request_bytes == "00" + http.request_bytes
    assert http.request_headers == {"Content-Type": CONTENT_TYPE}
    assert http.sent_at == 0.5
    assert cut.request_bytes == (b"x" * 64).hex()
    for entry in (read, http, cut):
        assert b"hunter2".hex() not in entry.request_bytes + entry.request_message
