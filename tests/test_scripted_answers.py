"""What a test lets the mock server send and answer, and the record of the transport."""

import base64
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from opamp_conformance.client.agent import Agent
from opamp_mock_server import MockServer, Settings, Tls
from opamp_mock_server.testing import OpampServer, ScriptedAnswer
from opamp_proto import CONTENT_TYPE
from opamp_proto import opamp_pb2 as pb
from support.command_line import wait_until
from support.http_requests import ask, send, status_of

FULL_STATE = pb.ServerToAgentFlags_ReportFullState


@pytest.fixture
def server() -> Iterator[MockServer]:
    with MockServer(Settings(control=True)) as server:
        yield server


@pytest.fixture
def agent(server: MockServer) -> Agent:
    agent = Agent("scripted")
    send(server.url, agent.full_status())
    return agent


def path_of(agent: Agent, resource: str) -> str:
    return f"/agents/{agent.instance_uid.hex()}/{resource}"


def response_to(server: MockServer, message: pb.AgentToServer, timeout: float = 5) -> tuple[HTTPResponse, bytes]:
    parts = urlsplit(server.url)
    with closing(HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)) as connection:
        connection.request("POST", parts.path, message.SerializeToString(), {"Content-Type": CONTENT_TYPE})
        response = connection.getresponse()
        return response, response.read()


def opened(server: MockServer) -> ClientConnection:
    return connect(server.url.replace("http", "ws", 1), compression=None)


def reply_of(websocket: ClientConnection, message: pb.AgentToServer) -> pb.ServerToAgent:
    websocket.send(b"\0" + message.SerializeToString())
    payload = websocket.recv(timeout=5)
    assert isinstance(payload, bytes)
    return pb.ServerToAgent.FromString(payload[1:])


# ---- the JSON form of messages


def test_instance_uids_in_messages_are_hexadecimal_digits_as_in_paths(server: MockServer, agent: Agent) -> None:
    for number, form in enumerate((bytes.hex, lambda uid: base64.b64encode(uid).decode())):
        uid = bytes([number]) * 16
        body = {"instance_uid": form(agent.instance_uid), "agent_identification": {"new_instance_uid": form(uid)}}
        ask(server, "POST", path_of(agent, "answers"), {"message": body})
        assert send(server.url, agent.check_in()).agent_identification.new_instance_uid == uid
        [logged] = ask(server, "GET", "/messages?last=1")["messages"]
        assert logged["received"]["instance_uid"] == agent.instance_uid.hex()
        assert logged["sent"]["instance_uid"] == agent.instance_uid.hex()
        assert logged["sent"]["agent_identification"] == {"new_instance_uid": uid.hex()}
    assert ask(server, "GET", path_of(agent, "")[:-1])["status"]["instance_uid"] == agent.instance_uid.hex()
    ask(server, "POST", path_of(agent, "messages"), {"instanceUid": "00" * 16})
    assert send(server.url, agent.check_in()).instance_uid == b"\0" * 16


# ---- what provokes agents


@pytest.mark.parametrize(
    ("resource", "body", "provoked_by"),
    [
        ("answers", {"status": 429}, "a scripted answer"),
        ("answers", {"data": "/w=="}, "a scripted answer"),
        ("answers", {"message": {"flags": "1"}}, "a scripted answer"),
        ("fault", {"kind": "overloaded"}, "the fault overloaded"),
        ("messages", {"flags": "1"}, "a scripted message"),
    ],
)
def test_findings_after_what_a_test_asked_for_are_provoked(
    server: MockServer, agent: Agent, resource: str, body: object, provoked_by: str
) -> None:
    other = Agent("other")
    send(server.url, other.full_status())
    ask(server, "POST", path_of(agent, resource), body)
    response_to(server, agent.check_in())
    for one in (agent, other):
        message = one.check_in()
        message.capabilities |= 1 << 40
        send(server.url, message)
    found = {
        one["instance_uid"]: one["provoked_by"]
        for one in ask(server, "GET", "/findings")["findings"]
        if one["requirement"] == "capabilities.agent.undefined-bits-zero"
    }
    assert found == {agent.instance_uid.hex(): provoked_by, other.instance_uid.hex(): ""}


def test_silence_and_messages_over_websocket_provoke_too(server: MockServer, agent: Agent) -> None:
    with opened(server) as websocket:
        reply_of(websocket, agent.check_in())
        ask(server, "POST", path_of(agent, "messages"), {"flags": "1"})
        websocket.recv(timeout=5)
        ask(server, "POST", path_of(agent, "answers"), {})
        websocket.send(b"\0" + agent.check_in().SerializeToString())
        message = agent.check_in()
        message.capabilities |= 1 << 40
        reply_of(websocket, message)
    found = ask(server, "GET", "/findings")["findings"]
    [finding] = [one for one in found if one["requirement"] == "capabilities.agent.undefined-bits-zero"]
    assert finding["provoked_by"] == "a scripted message, a scripted answer"


# ---- answers


def test_the_next_messages_get_a_status_and_are_not_processed(server: MockServer, agent: Agent) -> None:
    ask(server, "POST", path_of(agent, "answers"), {"status": 429, "retry_after": 7, "times": 2})
    for _ in range(2):
        response, body = response_to(server, agent.check_in())
        assert (response.status, response.headers["Retry-After"], body) == (429, "7", b"")
    assert ask(server, "GET", path_of(agent, "")[:-1])["sequence_num"] == 1
    assert send(server.url, agent.check_in()).instance_uid == agent.instance_uid


def test_an_answer_may_be_any_message(server: MockServer, agent: Agent) -> None:
    error = {"type": "ServerErrorResponseType_BadRequest", "error_message": "a test"}
    ask(server, "POST", path_of(agent, "answers"), {"message": {"error_response": error}})
    reply = send(server.url, agent.check_in())
    assert reply.error_response.error_message == "a test"
    assert reply.instance_uid == agent.instance_uid
    assert not send(server.url, agent.check_in()).HasField("error_response")


def test_an_answer_may_be_any_bytes(server: MockServer, agent: Agent) -> None:
    garbage = b"\xff\xff garbage"
    ask(server, "POST", path_of(agent, "answers"), {"data": base64.b64encode(garbage).decode(), "times": 2})
    response, body = response_to(server, agent.check_in())
    assert (response.status, body) == (200, garbage)
    with opened(server) as websocket:
        websocket.send(b"\0" + agent.check_in().SerializeToString())
        assert websocket.recv(timeout=5) == b"\0" + garbage


def test_silence_is_no_answer(server: MockServer, agent: Agent) -> None:
    ask(server, "POST", path_of(agent, "answers"), {"times": 2})
    with pytest.raises(TimeoutError):
        response_to(server, agent.check_in(), timeout=0.5)
    with opened(server) as websocket:
        websocket.send(b"\0" + agent.check_in().SerializeToString())
        with pytest.raises(TimeoutError):
            websocket.recv(timeout=0.5)
        assert reply_of(websocket, agent.check_in()).instance_uid == agent.instance_uid


def test_a_server_with_silent_requests_stops(agent: Agent, server: MockServer) -> None:
    ask(server, "POST", path_of(agent, "answers"), {})
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as waiting:
        body = agent.check_in().SerializeToString()
        head = f"POST {parts.path} HTTP/1.1\r\nHost: a\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}"
        waiting.sendall(f"{head}\r\n\r\n".encode() + body)
        ask(server, "GET", f"/messages?agent={agent.instance_uid.hex()}&after=1&within=5")
        server.stop()


def test_a_status_waits_for_plain_http(server: MockServer, agent: Agent) -> None:
    ask(server, "POST", path_of(agent, "answers"), {"status": 503})
    with opened(server) as websocket:
        assert reply_of(websocket, agent.check_in()).instance_uid == agent.instance_uid
    assert response_to(server, agent.check_in())[0].status == 503


def test_answers_are_deleted(server: MockServer, agent: Agent) -> None:
    for path in (path_of(agent, "answers"), path_of(agent, "")[:-1], None):
        ask(server, "POST", path_of(agent, "answers"), {"status": 503})
        ask(server, *(("DELETE", path) if path else ("POST", "/reset")))
        assert send(server.url, agent.full_status()).instance_uid == agent.instance_uid


@pytest.mark.parametrize(
    "body",
    [
        {"status": 200},
        {"status": True},
        {"status": 503, "data": ""},
        {"retry_after": 3},
        {"status": 503, "retry_after": -1},
        {"data": "?"},
        {"data": 7},
        {"times": 0},
        {"times": 1001},
        {"message": {"nonesuch": 1}},
        {"message": 7},
        {"nonesuch": 1},
    ],
)
def test_invalid_answers_are_refused(server: MockServer, agent: Agent, body: object) -> None:
    assert status_of(server, "POST", path_of(agent, "answers"), body) == 400


def test_no_more_than_a_thousand_answers_wait_for_an_agent(server: MockServer, agent: Agent) -> None:
    ask(server, "POST", path_of(agent, "answers"), {"status": 503, "times": 600})
    assert status_of(server, "POST", path_of(agent, "answers"), {"status": 503, "times": 401}) == 503
    ask(server, "POST", path_of(agent, "answers"), {"status": 503, "times": 400})


# ---- messages


def test_a_message_is_sent_at_once_over_a_websocket(server: MockServer, agent: Agent) -> None:
    with opened(server) as websocket:
        reply_of(websocket, agent.check_in())
        ask(server, "POST", path_of(agent, "messages"), {"flags": FULL_STATE})
        payload = websocket.recv(timeout=5)
        assert isinstance(payload, bytes)
        pushed = pb.ServerToAgent.FromString(payload[1:])
        assert (pushed.flags, pushed.instance_uid) == (FULL_STATE, agent.instance_uid)


def test_a_message_is_part_of_the_next_reply_over_http(server: MockServer, agent: Agent) -> None:
    uid = base64.b64encode(bytes(range(16))).decode()
    ask(server, "POST", path_of(agent, "messages"), {"flags": FULL_STATE})
    ask(server, "POST", path_of(agent, "messages"), {"agent_identification": {"new_instance_uid": uid}})
    reply = send(server.url, agent.check_in())
    assert (reply.flags, reply.agent_identification.new_instance_uid) == (FULL_STATE, bytes(range(16)))
    assert not send(server.url, agent.check_in()).flags


def test_the_fixture_sends_and_answers(opamp_server: OpampServer) -> None:
    agent = Agent("scripted")
    send(opamp_server.url, agent.full_status())
    opamp_server.send(pb.ServerToAgent(flags=FULL_STATE))
    assert send(opamp_server.url, agent.check_in()).flags == FULL_STATE
    answer = pb.ServerToAgent(error_response=pb.ServerErrorResponse(error_message="a test"))
    opamp_server.answer_next(ScriptedAnswer(message=answer))
    assert send(opamp_server.url, agent.check_in()).error_response.error_message == "a test"
    assert not send(opamp_server.url, agent.check_in()).HasField("error_response")


# ---- what was sent, and the transport


def test_messages_are_found_by_what_was_sent(server: MockServer, agent: Agent) -> None:
    ask(server, "POST", path_of(agent, "messages"), {"flags": FULL_STATE})
    send(server.url, agent.check_in())
    send(server.url, agent.check_in())
    [found] = ask(server, "GET", "/messages?has_sent=flags")["messages"]
    assert found["received"]["sequence_num"] == "2"
    numbers = [message["number"] for message in ask(server, "GET", "/messages?last=2")["messages"]]
    assert numbers == [2, 3]
    assert status_of(server, "GET", "/messages?has_sent=nonesuch") == 400
    assert status_of(server, "GET", "/transport?kind=nonesuch") == 400


def test_the_record_of_the_transport() -> None:
    with MockServer(Settings(control=True, enrollment_keys=("key",))) as server:
        headers = {"Authorization": "ApiKey key"}
        agent = Agent("scripted")
        assert response_to(server, agent.full_status())[0].status == 401
        url = server.url.replace("http", "ws", 1)
        with pytest.raises(InvalidStatus):
            connect(url)
        send(server.url, agent.full_status(), key="key")
        with connect(url, compression=None, additional_headers=headers) as websocket:
            reply_of(websocket, agent.check_in())
        listed = ask(server, "GET", "/transport?kind=closed&within=5", headers=headers)["events"]
        assert [event["kind"] for event in listed] == ["closed"]
        events = ask(server, "GET", "/transport", headers=headers)["events"]
    seen = [(event["kind"], event["status"]) for event in events]
    assert seen == [
        ("refused", 401),
        ("refused", 401),
        ("request", None),
        ("response", 200),
        ("opened", 101),
        ("received", None),
        ("sent", None),
        ("closed", None),
    ]
    assert events[-1]["detail"] == "by the agent, with a Close frame"
    received = base64.b64decode(events[5]["data"])
    assert pb.AgentToServer.FromString(received[1:]).instance_uid == agent.instance_uid
    sent = base64.b64decode(events[6]["data"])
    assert pb.ServerToAgent.FromString(sent).instance_uid == agent.instance_uid


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST /elsewhere HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n", 404),
        (b"PUT /v1/opamp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n", 405),
        (b"POST /v1/opamp HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"\x16\x03\x01 this is TLS\r\n\r\n", 400),
    ],
)
def test_what_is_refused_by_its_head_is_recorded(server: MockServer, data: bytes, status: int) -> None:
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
        connection.sendall(data)
        assert connection.recv(100).startswith(b"HTTP/1.1 %d" % status)
    [event] = ask(server, "GET", "/transport?kind=refused&within=5")["events"]
    assert event["status"] == status


def test_downloads_are_recorded(server: MockServer, agent: Agent) -> None:
    package = {"type": "PackageType_TopLevel", "version": "1", "content": base64.b64encode(b"content").decode()}
    ask(server, "PUT", path_of(agent, "packages"), {"tool": package})
    parts = urlsplit(server.url)
    for name, status in (("tool", 200), ("nonesuch", 404)):
        with closing(HTTPConnection(parts.hostname or "", parts.port, timeout=5)) as connection:
            connection.request("GET", f"/packages/{agent.instance_uid.hex()}/{name}")
            assert connection.getresponse().status == status
    events = ask(server, "GET", "/transport?kind=download")["events"]
    assert [event["status"] for event in events] == [200, 404]
    assert events[0]["detail"].endswith("/tool")


@pytest.mark.parametrize("fault", ["no TLS", "an unknown authority", "a version"])
def test_tls_handshakes_that_fail_are_in_the_record(tmp_path: Path, fault: str) -> None:
    issued = trustme.CA().issue_cert("127.0.0.1")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(str(cert))
    issued.private_key_pem.write_to_path(str(key))
    settings = Settings(tls=Tls(cert, key, lowest=ssl.TLSVersion.TLSv1_3), judges_agents=True)
    with MockServer(settings) as mock:
        address = urlsplit(mock.url)
        context = ssl.create_default_context()
        if fault == "a version":
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=5) as client:
            if fault == "no TLS":
                client.sendall(b"GET / HTTP/1.1\r\n\r\n")
                client.recv(100)
            else:
                with pytest.raises(ssl.SSLError):
                    context.wrap_socket(client, server_hostname="127.0.0.1")
        wait_until(lambda: bool(mock.transport), 5)
        [event] = mock.transport
    assert event.kind == "refused"
    assert event.detail.startswith("a TLS handshake: ")
