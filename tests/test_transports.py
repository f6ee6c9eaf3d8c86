"""The client on servers that close connections, or send messages that no one requested."""

import asyncio
import contextlib
import gzip
import socket
import struct
import threading
import time
from typing import Any

import pytest
import uuid6
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from opamp_conformance.client.agent import Agent
from opamp_conformance.client.client import Client
from opamp_conformance.client.timing import Timing
from opamp_conformance.errors import PreconditionFailedError
from opamp_conformance.targets import Endpoint
from opamp_conformance.wire.http import HttpRequest, HttpResponse, HttpTransport
from opamp_conformance.wire.transport import NoResponseError, Transport
from opamp_conformance.wire.websocket import WebSocketMessage
from opamp_proto import opamp_pb2 as pb
from support.bad_server import BadServer, acknowledgement, read_request, respond, websocket_server
from support.in_memory import TYPED, InMemory


def send(url: str, count: int) -> list[int]:
    async def statuses() -> list[int]:
        agent = Agent("test")
        async with HttpTransport(url, {}, None, 2) as transport:
            return [(await transport.send(HttpRequest.of(agent.check_in()))).status for _ in range(count)]

    return asyncio.run(statuses())


@pytest.mark.parametrize("is_reset", [False, True])
def test_a_request_on_a_kept_connection_that_the_server_closes_is_sent_again(is_reset: bool) -> None:
    def answer_once(connection: socket.socket) -> None:
        respond(connection, acknowledgement(read_request(connection)))
        read_request(connection)
        if is_reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with BadServer(answer_once) as server:
        assert send(server.url, 4) == [200] * 4


def test_a_request_on_a_new_connection_is_not_sent_again() -> None:
    requests = []
    behaviour = BadServer(lambda connection: requests.append(read_request(connection)))
    with behaviour as server, pytest.raises(NoResponseError, match="without a response"):
        send(server.url, 1)
    assert len(requests) == 1


@pytest.mark.parametrize("transport", list(Transport))
def test_a_path_that_looks_like_a_host_is_only_a_path(transport: Transport) -> None:
    lines: list[bytes] = []

    def note(connection: socket.socket) -> None:
        lines.append(connection.recv(65536).splitlines()[0])

    with BadServer(note) as server:
        endpoint = Endpoint(server.url.replace("/v1/opamp", "//x/y"))
        with Client(endpoint, Timing(0.5), transport) as client, contextlib.suppress(NoResponseError):
            client.send(Agent("test").check_in())
    assert lines[0].split()[1] == b"//x/y"


def reply(uid: bytes, **fields: object) -> bytes:
    return b"\0" + pb.ServerToAgent(instance_uid=uid, **fields).SerializeToString()  # type: ignore[arg-type]


@pytest.mark.parametrize("delay", [0, 0.0002, 0.001, 0.005])
def test_a_message_behind_a_reply_does_not_answer_the_next_message(delay: float) -> None:
    def answer_and_push(connection: ServerConnection) -> None:
        for number, data in enumerate(connection):
            uid = pb.AgentToServer.FromString(data[1:]).instance_uid  # type: ignore[arg-type]
            connection.send(reply(uid, capabilities=number + 1))
            time.sleep(delay)
            connection.send(reply(uid, flags=1))

    agent = Agent("test")
    with (
        websocket_server(answer_and_push) as url,
        Client(Endpoint(url), Timing(2, quiet=0.05), Transport.WEBSOCKET) as client,
    ):
        answers = [client.send(agent.check_in()).reply for _ in range(4)]
        client.close_websockets()
    assert [answer.capabilities for answer in answers] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "rest", [{"flags": 1}, {"capabilities": 1}, {"agent_identification": {"new_instance_uid": uuid6.uuid7().bytes}}]
)
def test_an_answer_may_come_in_two_messages(rest: dict[str, Any]) -> None:
    """The server acknowledges a message at once, and sends what it has to say when it has processed it."""

    def answer_in_two(connection: ServerConnection) -> None:
        for data in connection:
            uid = pb.AgentToServer.FromString(data[1:]).instance_uid  # type: ignore[arg-type]
            connection.send(reply(uid, **({} if "capabilities" in rest else {"capabilities": 1})))
            time.sleep(0.005)
            connection.send(reply(uid, **rest))

    agent = Agent("test")
    with websocket_server(answer_in_two) as url, Client(Endpoint(url), Timing(2), Transport.WEBSOCKET) as client:
        if "flags" in rest:
            agent.check_in()  # It is lost.
        message = agent.check_in() if "flags" in rest else agent.full_status()
        message.flags = int("agent_identification" in rest)
        exchange = client.send(message)
        client.close_websockets()
        broken = [finding.requirement for finding in client.log.findings]
    expected = pb.ServerToAgent(instance_uid=agent.instance_uid, **{"capabilities": 1, **rest})
    assert exchange.everything == expected
    assert broken == []


def test_a_server_that_is_lost_gets_no_more_messages() -> None:
    received = []
    agent = Agent("test")
    behaviour = BadServer(lambda connection: received.append(read_request(connection)))
    with behaviour as server, Client(Endpoint(server.url), Timing(2)) as client:
        assert client.send(agent.check_in()).response is None
        assert not client.look()
        with pytest.raises(PreconditionFailedError, match="not sent") as blocked:
            client.send(agent.check_in())
    assert blocked.value.requirement == "response.must-respond"
    assert len(received) == 2


def test_a_silence_is_waited_out_once_and_then_only_while_another_agent_gets_its_answer() -> None:
    def ignore_check_ins(connection: socket.socket) -> None:
        while request := read_request(connection):
            if b"service.name" not in request:
                time.sleep(3)
                return
            respond(connection, acknowledgement(request))

    agent = Agent("test")
    with BadServer(ignore_check_ins) as server, Client(Endpoint(server.url), Timing(2.5)) as client:
        silent = [client.send(agent.check_in()) for _ in range(2)]
    assert [exchange.response for exchange in silent] == [None, None]
    assert "within 2.5 seconds" in (silent[0].failure or "")
    assert "another agent got one" in (silent[1].failure or "")


def test_a_server_that_pauses_is_not_silent() -> None:
    """While nobody gets an answer, the client waits until the limit."""
    pause = threading.Event()

    def answer_after_the_pause(connection: socket.socket) -> None:
        while request := read_request(connection):
            pause.wait(10)
            respond(connection, acknowledgement(request))

    timing = Timing(10, silences=1)
    with BadServer(answer_after_the_pause) as server, Client(Endpoint(server.url), timing) as client:
        threading.Timer(1.5, pause.set).start()
        assert client.send(Agent("test").check_in()).response is not None
    assert timing.silences == 1
    assert timing.slowest > 1


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip"])
def test_a_gzip_response_may_have_several_members(encoding: str) -> None:
    body = gzip.compress(b"first ") + gzip.compress(b"second")
    assert HttpResponse(200, {"content-encoding": encoding}, body).data == b"first second"


@pytest.mark.parametrize(
    "body",
    [b"", gzip.compress(b"x")[:-4], gzip.compress(b"x") + b"garbage", gzip.compress(b"x") + b"\x1f\x8b"],
    ids=["empty", "incomplete", "garbage", "second member incomplete"],
)
def test_a_broken_gzip_body_is_an_error_for_client_and_server(body: bytes) -> None:
    with pytest.raises(ValueError, match="gzip"):
        _ = HttpResponse(200, {"content-encoding": "gzip"}, body).data
    with InMemory() as server:
        answer = server.request(body, headers={**TYPED, "content-encoding": "x-gzip"})
    reply = pb.ServerToAgent.FromString(answer.body)
    assert reply.error_response.type == pb.ServerErrorResponseType_BadRequest


def test_a_server_that_never_stops_sending_does_not_hold_the_client() -> None:
    def flood(connection: ServerConnection) -> None:
        uid = pb.AgentToServer.FromString(connection.recv()[1:]).instance_uid  # type: ignore[arg-type]
        with contextlib.suppress(ConnectionClosed):
            for _ in range(20_000):
                connection.send(reply(uid))
                time.sleep(0.001)

    agent = Agent("test")
    with websocket_server(flood) as url, Client(Endpoint(url), Timing(1), Transport.WEBSOCKET) as client:
        messages = [WebSocketMessage.of(agent.check_in()) for _ in range(5)]
        count, _ = client.count_answers(messages, lambda count, seconds: count >= 5)
        assert client.count_unsolicited(agent.instance_uid, 0.2) > 0
    assert count >= 5


def test_an_interrupt_right_after_the_end_of_an_exchange_does_not_stop_the_next_one() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    async def interrupted() -> None:
        asyncio.get_running_loop().call_soon(interrupt)

    with Client(Endpoint("http://127.0.0.1:1/v1/opamp"), Timing(1), Transport.HTTP) as client:
        with pytest.raises(KeyboardInterrupt):
            client.run(interrupted())
        assert client.run(asyncio.sleep(0, "done")) == "done"
