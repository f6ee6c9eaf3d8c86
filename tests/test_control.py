"""The mock server's control plane, as programs and people use it: its resources, its description, and whom it refuses."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.sync.client import ClientConnection, connect

from opamp_conformance.client.agent import REQUEST_INSTANCE_UID, Agent
from opamp_mock_server import DEVIATIONS, DeviationError, MockServer, Settings
from opamp_mock_server.control import agent as agent_control
from opamp_mock_server.control import server as server_control
from opamp_mock_server.service.message_log import MessageLog
from opamp_proto import opamp_pb2 as pb
from support.control_plane import ControlError, ask, send, status_of

KEY = "c2VjcmV0LWtleQ"
NOBODY = "00" * 16


@pytest.fixture
def server() -> Iterator[MockServer]:
    with MockServer(Settings(control=True)) as server:
        yield server


# ---- one agent


def test_it_is_off_unless_asked_for() -> None:
    with MockServer() as server:
        server.control_url = server.url.replace("/v1/opamp", "/control")
        assert status_of(server, "GET", f"/agents/{NOBODY}") == 404
        assert status_of(server, "GET", "/") == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"agents/{NOBODY}", b"", 404),
        ("GET", "agents/xyz", b"", 400),
        ("GET", "fleets/1", b"", 404),
        ("GET", f"agents/{NOBODY}/nonesuch", b"", 404),
        ("PATCH", f"agents/{NOBODY}", b"", 405),
        ("PUT", f"agents/{NOBODY}/remote_config", b"{", 400),
        ("PUT", f"agents/{NOBODY}/remote_config", b'""', 400),
        ("PUT", f"agents/{NOBODY}/remote_config", b"\xff", 400),
        ("PUT", f"agents/{NOBODY}/remote_config", b'{"nonesuch": 1}', 400),
        ("PUT", f"agents/{NOBODY}/packages", b"[]", 400),
        ("PUT", f"agents/{NOBODY}/packages", b'{"p": {"type": "x", "version": "1", "content": "!"}}', 400),
        (
            *("PUT", f"agents/{NOBODY}/packages"),
            *(b'{"p": {"type": "PackageType_TopLevel", "version": {}, "content": ""}}', 400),
        ),
        ("POST", f"agents/{NOBODY}/fault", b'{"kind": "none"}', 400),
        ("DELETE", f"agents/{NOBODY}/connection", b"", 404),
        ("DELETE", f"agents/{NOBODY}", b"", 204),
        ("POST", f"agents/{NOBODY}/commands", b"{}", 204),
        (
            "PUT",
            f"agents/{NOBODY}/packages",
            rb'{"p": {"type": "PackageType_TopLevel", "version": "\ud800", "content": ""}}',
            400,
        ),
        ("PUT", f"agents/{NOBODY}/remote_config", rb'{"\ud800": 1}', 400),
        ("GET", "agents/" + "0%20" * 16, b"", 400),
        ("GET", "/agents", b"", 404),
        ("GET", "agents/", b"", 400),
        ("POST", "messages/", b"", 404),
        ("POST", "agents", b"", 405),
        ("GET", "agents?limit=0", b"", 400),
        ("GET", "agents?limit=1.5", b"", 400),
        ("GET", "agents?limit=9999999999999999", b"", 400),
        ("GET", "agents?after=1", b"", 400),
        ("GET", "messages?within=-1", b"", 400),
        ("GET", "messages?within=nan", b"", 400),
        ("GET", "messages?after=-1", b"", 400),
        ("GET", "messages?has=nonesuch", b"", 400),
        ("PUT", "deviations", b'{"active": "fleet.request-uid.echo"}', 400),
        ("PUT", "deviations", b'{"active": ["nonesuch"]}', 400),
        ("PUT", "deviations", b'{"active": ["fleet.document.kind"]}', 400),
    ],
)
def test_what_it_answers(method: str, path: str, body: bytes, status: int) -> None:
    with MockServer(Settings(control=True, enrollment_keys=(KEY,))) as server:
        assert status_of(server, method, f"/{path}", body) == 401
        key = {"Authorization": f"ApiKey {KEY}"}
        if status == 204:
            assert ask(server, method, f"/{path}", body, key) is None
        else:
            assert status_of(server, method, f"/{path}", body, key) == status


# ---- the whole server


def test_agents_are_listed_in_parts(server: MockServer) -> None:
    fleet = sorted((Agent("control") for _ in range(3)), key=lambda agent: agent.instance_uid)
    for agent in reversed(fleet):
        send(server, agent.full_status())
    uids = [agent.instance_uid.hex() for agent in fleet]
    first = ask(server, "GET", "/agents?limit=2")
    assert [agent["instance_uid"] for agent in first["agents"]] == uids[:2]
    assert first["total"] == 3
    rest = ask(server, "GET", f"/agents?after={uids[1]}")
    assert [agent["instance_uid"] for agent in rest["agents"]] == uids[2:]
    assert rest["agents"][0] == ask(server, "GET", f"/agents/{uids[2]}")


def test_messages_are_kept_with_their_answers(server: MockServer) -> None:
    agent = Agent("control")
    send(server, agent.full_status(flags=REQUEST_INSTANCE_UID))
    send(server, b"\xff")
    told = ask(server, "GET", "/messages")
    assert (told["oldest"], told["newest"]) == (1, 2)
    first, second = told["messages"]
    assert first["instance_uid"] == agent.instance_uid.hex()
    assert "agent_description" in first["received"]
    assert "agent_identification" in first["sent"]
    assert abs(first["at"] - time.time()) < 60
    assert second["received"] is None
    assert second["instance_uid"] == ""
    assert "error_response" in second["sent"]
    assert ask(server, "GET", "/messages?after=1")["messages"] == [second]
    assert ask(server, "GET", "/messages?limit=1")["messages"] == [first]


def test_an_answer_is_bounded_and_the_next_goes_on(server: MockServer) -> None:
    agent = Agent("control")
    for _ in range(3):
        message = agent.full_status()
        message.effective_config.config_map.config_map[""].body = b"x" * 700_000
        send(server, message)
    first = ask(server, "GET", "/messages")["messages"]
    assert [kept["number"] for kept in first] == [1]
    assert [kept["number"] for kept in ask(server, "GET", "/messages?after=1")["messages"]] == [2]


def test_only_so_many_wait(server: MockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_control, "_MOST_WAITING", 2)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(ask, server, "GET", "/messages?within=30") for _ in range(2)]
        deadline = time.monotonic() + 10
        status = 0
        while status != 503 and time.monotonic() < deadline:
            with suppress(ControlError):
                ask(server, "GET", "/messages")
                continue
            status = status_of(server, "GET", "/messages")
        assert status == 503
        send(server, Agent("control").full_status())
        assert [len(one.result()["messages"]) for one in waiting] == [1, 1]
    assert ask(server, "GET", "/messages?after=1")["messages"] == []


def test_messages_are_chosen_by_agent_and_by_fields(server: MockServer) -> None:
    one, other = Agent("control"), Agent("control")
    for agent in (one, other):
        send(server, agent.full_status())
        send(server, agent.check_in())
    uid = one.instance_uid.hex()
    assert [kept["number"] for kept in ask(server, "GET", f"/messages?agent={uid}")["messages"]] == [1, 2]
    assert [kept["number"] for kept in ask(server, "GET", "/messages?has=health")["messages"]] == [1, 3]
    both = ask(server, "GET", f"/messages?agent={uid}&has=health&has=agent_description")
    assert [kept["number"] for kept in both["messages"]] == [1]


def test_a_message_is_waited_for(server: MockServer) -> None:
    began = time.monotonic()
    assert ask(server, "GET", "/messages?within=0.3")["messages"] == []
    assert time.monotonic() - began >= 0.3
    agent = Agent("control")
    speaking = threading.Timer(0.3, lambda: send(server, agent.full_status()))
    speaking.start()
    [kept] = ask(server, "GET", "/messages?within=9&has=health")["messages"]
    assert kept["instance_uid"] == agent.instance_uid.hex()
    speaking.join()


def test_a_server_that_stops_does_not_wait_for_who_waits() -> None:
    server = MockServer(Settings(control=True))
    with server, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, server, "GET", "/messages?within=60")
        time.sleep(0.3)
        assert not waiting.done()
        began = time.monotonic()
        server.stop()
        assert waiting.result()["messages"] == []
    assert time.monotonic() - began < 4


def test_what_the_server_says_unasked_is_kept(server: MockServer) -> None:
    agent = Agent("control", capabilities=0xFFFF)
    with connect(server.url.replace("http", "ws", 1), compression=None) as websocket:
        websocket.send(b"\0" + agent.full_status().SerializeToString())
        websocket.recv(timeout=5)
        ask(server, "POST", f"/agents/{agent.instance_uid.hex()}/commands", {})
        websocket.recv(timeout=5)
    pushed = ask(server, "GET", "/messages")["messages"][-1]
    assert pushed["received"] is None
    assert pushed["instance_uid"] == agent.instance_uid.hex()
    assert "command" in pushed["sent"]


def test_a_recording_is_bounded() -> None:
    recording = MessageLog(most=3, most_bytes=1000)
    for number in range(5):
        recording.note(pb.AgentToServer(sequence_num=number), pb.ServerToAgent())
    assert [kept.number for kept in recording.after(0)] == [3, 4, 5]
    assert (recording.oldest, recording.newest) == (3, 5)
    large = pb.AgentToServer(instance_uid=bytes(600))
    recording.note(large, pb.ServerToAgent())
    recording.note(large, pb.ServerToAgent())
    assert [kept.number for kept in recording.after(0)] == [7]
    recording.forget()
    assert recording.after(0) == []
    assert (recording.oldest, recording.newest) == (8, 7)


def echoes(server: MockServer) -> bool:
    agent = Agent("control")
    return send(server, agent.full_status(flags=REQUEST_INSTANCE_UID)).instance_uid == agent.instance_uid


def test_deviations_are_switched() -> None:
    begun = DEVIATIONS["capabilities.server.undefined-bits-zero"]
    with MockServer(Settings(control=True, deviations=(begun,))) as server:
        told = ask(server, "GET", "/deviations")
        assert told["active"] == [begun.id]
        assert told["known"] == {deviation.id: deviation.summary for deviation in DEVIATIONS.values()}
        assert echoes(server)
        ask(server, "PUT", "/deviations", {"active": ["fleet.request-uid.echo"]})
        assert ask(server, "GET", "/deviations")["active"] == ["fleet.request-uid.echo"]
        assert not echoes(server)
        assert send(server, Agent("control").full_status()).capabilities & 0x80 == 0
        ask(server, "POST", "/reset")
        assert ask(server, "GET", "/deviations")["active"] == [begun.id]
        assert echoes(server)
        assert send(server, Agent("control").full_status()).capabilities & 0x80
        ask(server, "PUT", "/deviations", {"active": []})
        assert ask(server, "GET", "/deviations")["active"] == []


def test_every_deviation_can_be_switched_on_while_agents_are_there(
    server: MockServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever agents then see, nothing goes wrong in the server itself."""
    for deviation in DEVIATIONS.values():
        agent = Agent("control")
        with connect(server.url.replace("http", "ws", 1), compression=None) as websocket:

            def speak(websocket: ClientConnection = websocket, agent: Agent = agent) -> None:
                websocket.send(b"\0" + agent.full_status().SerializeToString())
                with suppress(ConnectionClosed, TimeoutError):
                    websocket.recv(timeout=0.5)

            speak()
            with suppress(DeviationError):
                server.deviate([deviation])
            speak()
        with suppress(OSError, HTTPException):
            send(server, agent.check_in())
        server.deviate([])
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
    assert echoes(server)


def test_a_mistyped_deviation_is_answered_with_the_nearest(server: MockServer) -> None:
    with pytest.raises(ControlError, match=r"did you mean 'fleet.request-uid.echo'"):
        ask(server, "PUT", "/deviations", {"active": ["fleet.request-uid.eho"]})
    with pytest.raises(ControlError, match=r"there is no deviation ''\n"):
        ask(server, "PUT", "/deviations", {"active": [""]})


def test_what_is_settled_at_the_start_stays() -> None:
    settled = DEVIATIONS["fleet.instances.check-in"]
    with MockServer(Settings(control=True, deviations=(settled,), instances=2)) as server:
        ask(server, "PUT", "/deviations", {"active": ["fleet.request-uid.echo", "fleet.request-uid.echo"]})
        assert ask(server, "GET", "/deviations")["active"] == [settled.id, "fleet.request-uid.echo"]
        assert not echoes(server)
        [server.url] = server.other_urls
        assert not echoes(server)
        server.deviate([])
        assert echoes(server)


@pytest.mark.parametrize("request_line", [("DELETE", "/connections"), ("POST", "/reset")])
def test_connections_of_agents_are_dropped(server: MockServer, request_line: tuple[str, str]) -> None:
    """Also one on which nothing was said yet; those of operators stay."""
    parts = urlsplit(server.url)
    with (
        socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5) as silent,
        closing(HTTPConnection(parts.hostname or "", parts.port, timeout=5)) as operators,
        connect(server.url.replace("http", "ws", 1), compression=None) as websocket,
    ):
        operators.request("GET", "/control/agents")
        operators.getresponse().read()
        mine = operators.sock
        ask(server, *request_line)
        with pytest.raises(ConnectionClosedError):
            websocket.recv(timeout=5)
        with suppress(ConnectionResetError):
            assert silent.recv(1) == b""
        operators.request("GET", "/control/agents")
        assert operators.getresponse().status == 200
        assert operators.sock is mine


def test_connections_are_dropped_from_python(server: MockServer) -> None:
    with connect(server.url.replace("http", "ws", 1), compression=None) as websocket:
        server.drop_connections()
        with pytest.raises(ConnectionClosedError):
            websocket.recv(timeout=5)


def test_everything_begins_anew(server: MockServer) -> None:
    agent = Agent("control", capabilities=0xFFFF)
    send(server, agent.full_status())
    ask(server, "POST", f"/agents/{agent.instance_uid.hex()}/commands", {})
    ask(server, "POST", "/reset")
    assert ask(server, "GET", "/agents") == {"agents": [], "total": 0}
    assert ask(server, "GET", "/messages") == {"messages": [], "oldest": 2, "newest": 1}
    assert not send(server, agent.full_status()).HasField("command")
    assert ask(server, "GET", "/messages?after=1")["messages"][0]["number"] == 2


# ---- its description


def test_everything_is_described_and_nothing_else(server: MockServer) -> None:
    described = {
        (method.upper(), path)
        for path, item in ask(server, "GET", "/openapi.json")["paths"].items()
        for method in item
        if method != "parameters"
    }
    of_agents = {
        (method, "/".join(filter(None, ("/agents/{instance_uid}", resource))))
        for method, resource in agent_control.HANDLERS
    }
    of_server = {(method, f"/{resource}") for method, resource in server_control.HANDLERS}
    assert described == of_agents | of_server


def test_it_does_as_described(server: MockServer, tmp_path: Path) -> None:
    """By schemathesis, which makes requests of the description, good ones and bad ones."""
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    send(server, Agent("control").full_status())
    assert server.control_url is not None
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.control_url}/openapi.json"),
        *("--url", server.control_url, "--max-examples", "10", "--seed", "7", "--phases", "examples,coverage,fuzzing"),
        # A message's JSON form is described in words alone; and listMessages waits as long as it is told to.
        *("--exclude-checks", "positive_data_acceptance", "--exclude-operation-id", "listMessages"),
    ]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout[-5000:]
    assert "Tested: 14" in result.stdout


# ---- pages of others


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://[x"},
        {"Host": "elsewhere.example"},
        {"Host": "elsewhere.example", "Origin": "http://elsewhere.example"},
        {"Host": "127.0.0.1.elsewhere.example:1"},
        {"Host": "["},
        {"Host": ""},
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_pages_of_others_do_not_operate_it(host: str, headers: dict[str, str]) -> None:
    """Wherever it listens; with keys, a page of others would need one, and any name will do."""
    with MockServer(Settings(control=True, host=host)) as server:
        server.control_url = (server.control_url or "").replace("0.0.0.0", "127.0.0.1")
        assert status_of(server, "POST", "/reset", b"", headers) == 403
        assert status_of(server, "GET", "/messages", None, headers) == 403
    if "Origin" not in headers and "." in headers["Host"]:
        key = {"Authorization": f"ApiKey {KEY}"}
        with MockServer(Settings(control=True, enrollment_keys=(KEY,))) as server:
            assert ask(server, "POST", "/reset", b"", {**headers, **key}) is None


@pytest.mark.parametrize("host", ["localhost:1", "[::1]:4320", "10.1.2.3", "mock:4320"])
def test_it_is_called_by_addresses_and_names_of_the_neighbourhood(server: MockServer, host: str) -> None:
    assert ask(server, "POST", "/reset", b"", {"Host": host}) is None
    own = {"Origin": (server.control_url or "").removesuffix("/control")}
    assert ask(server, "POST", "/reset", b"", own) is None
