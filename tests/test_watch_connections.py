"""How watch reads the bytes of connections: what a right agent and server may do has no finding, and is judged."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import Final

import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from opamp_conformance.client.agent import Agent
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.targets import ENDPOINT_PATH
from opamp_conformance.watch.relay import Relay, Upstream
from opamp_conformance.watch.watcher import ConnectionWatch, Watcher
from opamp_proto import CONTENT_TYPE, uuid_text
from opamp_proto import opamp_pb2 as pb

OPENING: Final = (
    b"GET /v1/opamp HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SWITCHED: Final = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{}\r\n"
CLOSE: Final = struct.pack(">H", 1000)


class Watched:
    """One agent whose connections are watched."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.watcher = Watcher((Contract.OPAMP,), self.said.append, ENDPOINT_PATH)
        self.agent = Agent("watched")
        self.first = self.agent.full_status()
        self.second = self.agent.check_in()
        self.tap: ConnectionWatch = self.watcher.connection()

    def request(self, message: pb.AgentToServer, *headers: str, path: str = "/v1/opamp") -> tuple[bytes, bytes]:
        body = message.SerializeToString()
        own = ("Host: x", f"Content-Type: {CONTENT_TYPE}", f"OpAMP-Instance-UID: {uuid_text(message.instance_uid)}")
        lines = (f"POST {path} HTTP/1.1", *own, f"Content-Length: {len(body)}", *headers, "", "")
        return "\r\n".join(lines).encode(), body

    def response(self, *headers: str, has_length: bool = True) -> bytes:
        length = (f"Content-Length: {len(self.answer)}",) if has_length else ()
        lines = ("HTTP/1.1 200 OK", f"Content-Type: {CONTENT_TYPE}", *length, *headers, "", "")
        return "\r\n".join(lines).encode() + self.answer

    @property
    def answer(self) -> bytes:
        return pb.ServerToAgent(instance_uid=self.agent.instance_uid, capabilities=1).SerializeToString()

    def exchange(self, message: pb.AgentToServer, *headers: str) -> None:
        head, body = self.request(message, *headers)
        self.tap.from_client(head + body)
        self.tap.from_server(self.response())

    def open_websocket(self, *headers: str) -> None:
        self.tap.from_client(OPENING)
        self.tap.from_server(SWITCHED.format("".join(f"{line}\r\n" for line in headers)).encode())

    def from_client(self, opcode: Opcode, data: bytes, *extensions: PerMessageDeflate, fin: bool = True) -> None:
        self.tap.from_client(Frame(opcode, data, fin).serialize(mask=True, extensions=extensions))

    def from_server(self, opcode: Opcode, data: bytes, *extensions: PerMessageDeflate) -> None:
        self.tap.from_server(Frame(opcode, data).serialize(mask=False, extensions=extensions))

    def next_connection(self) -> None:
        self.tap.closed()
        self.tap = self.watcher.connection()

    @property
    def found(self) -> list[str]:
        self.tap.closed()
        return [one.requirement for one in (*self.watcher.judge.findings, *self.watcher.findings)]


@pytest.fixture
def watched() -> Iterator[Watched]:
    watched = Watched()
    yield watched
    assert watched.said == []
    assert watched.watcher.unjudged == 0


def test_interim_responses_are_no_answers(watched: Watched) -> None:
    head, body = watched.request(watched.first, "Expect: 100-continue")
    watched.tap.from_client(head)
    watched.tap.from_server(b"HTTP/1.1 100 Continue\r\n\r\n")
    watched.tap.from_client(body)
    watched.tap.from_server(watched.response())
    watched.exchange(watched.second)
    assert watched.found == []
    assert watched.watcher.messages == 2


def test_a_response_ends_with_the_connection(watched: Watched) -> None:
    for message in (watched.first, watched.second):
        watched.tap.from_client(b"".join(watched.request(message)))
        watched.tap.from_server(watched.response("Connection: close", has_length=False))
        watched.tap.from_server(b"")
        watched.next_connection()
    assert watched.found == []
    assert watched.watcher.messages == 2


def test_a_request_is_given_up_with_its_connection(watched: Watched) -> None:
    watched.tap.from_client(b"".join(watched.request(watched.first)))
    watched.next_connection()
    watched.exchange(watched.first)
    assert watched.found == []


def test_an_upgrade_that_is_no_websocket_is_ignored(watched: Watched) -> None:
    head, body = watched.request(watched.first, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c")
    watched.tap.from_client(head + body[:5])
    watched.tap.from_client(body[5:])
    watched.tap.from_server(watched.response())
    watched.exchange(watched.second)
    assert watched.found == []
    assert watched.watcher.messages == 2


def test_a_response_may_come_before_the_end_of_the_request(watched: Watched) -> None:
    head, body = watched.request(watched.first)
    watched.tap.from_client(head)
    watched.tap.from_server(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
    watched.tap.from_client(body)
    watched.exchange(watched.first)
    assert watched.found == []
    assert watched.watcher.messages == 1


def test_other_paths_are_not_judged(watched: Watched) -> None:
    head, _ = watched.request(watched.first, path="/v1/logs")
    watched.tap.from_client(head + b"\xff" * len(watched.first.SerializeToString()))
    watched.tap.from_server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    assert watched.found == []
    assert watched.watcher.messages == 0


def test_the_wrong_method_is_found(watched: Watched) -> None:
    head, body = watched.request(watched.first)
    watched.tap.from_client(head.replace(b"POST", b"PUT", 1) + body)
    watched.tap.from_server(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
    assert watched.found == ["http.post"]


@pytest.mark.parametrize("has_context", [True, False])
def test_compressed_websocket_messages_are_judged(watched: Watched, has_context: bool) -> None:
    parameters = "" if has_context else "; client_no_context_takeover; server_no_context_takeover"
    watched.open_websocket(f"Sec-WebSocket-Extensions: permessage-deflate{parameters}")
    agents, servers = (PerMessageDeflate(True, not has_context, 15, 15) for _ in range(2))
    for message in (watched.first, watched.second):
        watched.from_client(Opcode.BINARY, b"\0" + message.SerializeToString(), agents)
        watched.from_server(Opcode.BINARY, b"\0" + watched.answer, servers)
    watched.from_server(Opcode.CLOSE, CLOSE)
    assert watched.found == []
    assert watched.watcher.messages == 2


@pytest.mark.parametrize("begins", ["agent", "server", "neither"])
def test_who_ends_a_websocket(watched: Watched, begins: str) -> None:
    watched.open_websocket()
    watched.from_client(Opcode.BINARY, b"\0" + watched.first.SerializeToString())
    watched.from_server(Opcode.BINARY, b"\0" + watched.answer)
    if begins == "server":
        watched.from_server(Opcode.CLOSE, CLOSE)
    if begins != "neither":
        watched.from_client(Opcode.CLOSE, CLOSE)
    assert watched.found == (["disconnect.ws-client-message-first"] if begins == "agent" else [])


@pytest.mark.parametrize("cuts", ["agent", "server"])
def test_who_cuts_a_websocket_after_agent_disconnect(watched: Watched, cuts: str) -> None:
    watched.open_websocket()
    for message in (watched.first, watched.agent.disconnect()):
        message.sequence_num = 1
        watched.from_client(Opcode.BINARY, b"\0" + message.SerializeToString())
        watched.from_server(Opcode.BINARY, b"\0" + watched.answer)
    (watched.tap.from_client if cuts == "agent" else watched.tap.from_server)(b"")
    closing = "disconnect.ws-client-close-frame"
    assert (closing in watched.found) == (cuts == "agent")


def test_fragments_make_one_message(watched: Watched) -> None:
    watched.open_websocket()
    data = b"\0" + watched.first.SerializeToString()
    watched.from_client(Opcode.BINARY, data[:1], fin=False)
    for index in range(1, len(data)):
        watched.from_client(Opcode.CONT, data[index : index + 1], fin=False)
    watched.from_client(Opcode.CONT, b"")
    watched.from_server(Opcode.BINARY, b"\0" + watched.answer)
    watched.from_server(Opcode.CLOSE, CLOSE)
    assert watched.found == []
    assert watched.watcher.messages == 1


async def _until_ended() -> None:
    while len(asyncio.all_tasks()) > 2:  # Beside this one, the relay's that accepts.
        await asyncio.sleep(0.01)


def _upload(address: tuple[str, int]) -> bytes:
    """Send a large body as long as that is possible; returns the beginning of the response."""
    with socket.create_connection(address, timeout=5) as client:
        client.sendall(b"POST /v1/opamp HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(200):
                client.sendall(b"x" * 65536)
        return client.recv(1000)


def test_a_server_that_refuses_while_the_client_still_sends() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        writer.transport.abort()

    async def passed_on() -> list[bytes]:
        said: list[str] = []
        watcher = Watcher((Contract.OPAMP,), said.append, ENDPOINT_PATH)
        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            upstream = Upstream("127.0.0.1", server.sockets[0].getsockname()[1])
            async with Relay(upstream, watcher.connection, said.append).listen("127.0.0.1", 0, None) as address:
                responses = [await asyncio.to_thread(_upload, address) for _ in range(10)]
                await _until_ended()
        return responses

    assert [response[:12] for response in asyncio.run(passed_on())] == [b"HTTP/1.1 413"] * 10


def test_a_name_that_cannot_be_looked_up_gets_one_message() -> None:
    async def say() -> list[str]:
        said: list[str] = []
        watcher = Watcher((Contract.OPAMP,), said.append, ENDPOINT_PATH)
        relay = Relay(Upstream("a" * 70 + ".example", 80), watcher.connection, said.append)
        async with relay.listen("127.0.0.1", 0, None) as address:
            for _ in range(2):
                reader, writer = await asyncio.open_connection(*address)
                assert await asyncio.wait_for(reader.read(), 5) == b""
                writer.close()
            await _until_ended()
        return said

    [line] = asyncio.run(say())
    assert line.startswith("cannot connect to aaaa")


@pytest.mark.parametrize("side", ["agent", "server"])
def test_bytes_still_pass_after_a_check_has_failed(side: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    watcher = Watcher((Contract.OPAMP,), said.append, ENDPOINT_PATH)

    def fail(event: object) -> None:
        raise ZeroDivisionError("a check divides")

    if side == "agent":
        monkeypatch.setattr(watcher.judge, "received", fail)
    else:
        monkeypatch.setattr(watcher.findings, "inspect", fail)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.rpartition(b"Content-Length: ")[2]))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    async def passed_on() -> bytes:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            upstream = Upstream("127.0.0.1", server.sockets[0].getsockname()[1])
            async with Relay(upstream, watcher.connection, said.append).listen("127.0.0.1", 0, None) as address:
                reader, writer = await asyncio.open_connection(*address)
                data = Agent("watched").full_status().SerializeToString()
                for _ in range(2):
                    writer.write(f"POST /v1/opamp HTTP/1.1\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
                came = await asyncio.wait_for(reader.read(), 5)
                writer.close()
                await _until_ended()
        return came

    assert asyncio.run(passed_on()).count(b"\r\n\r\nok") == 2
    assert said == [
        "a connection is passed on, and not judged any more: a defect of the suite: ZeroDivisionError: a check divides"
    ]
