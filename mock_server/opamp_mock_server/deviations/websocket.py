"""Ways to break what the specification, and RFC 6455, say of WebSockets."""

from collections.abc import MutableMapping
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from google.protobuf.message import DecodeError
from websockets.frames import Frame

from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.transports.http_connection import WebSocketProtocol
from opamp_mock_server.transports.websocket import (
    HEADER,
    Receive,
    Scope,
    Send,
    WebSocketConnection,
    WebSocketEndpoint,
)
from opamp_proto import opamp_pb2 as pb

NO_MESSAGE = b""
"""What stands for an answer that does not come, so that nobody has to wait for it."""


@breaks("ws.roles", also=["connection.http-then-upgrade"])
class ExtrasRefused(WebSocketEndpoint):
    """An opening that offers extensions or subprotocols is refused."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        names = {name for name, _ in scope["headers"]}
        if names & {b"sec-websocket-extensions", b"sec-websocket-protocol"}:
            scope = {**scope, "path": "/nowhere"}
        await super().__call__(scope, receive, send)


@breaks("ws.roles:fragments")
class FragmentsRefused(WebSocketProtocol):
    """A message in fragments ends the connection."""

    def handle_cont(self, event: Frame) -> None:
        self.conn.fail(1003, "no fragments here")
        self.handle_parser_exception()


@breaks("ws.roles:pong")
class PingsUnanswered(WebSocketProtocol):
    """A ping is not answered."""

    def handle_ping(self) -> None:
        self.conn.data_to_send()


@breaks("ws.roles:close")
class CloseUnanswered(WebSocketProtocol):
    """A Close frame is answered by the end of the connection."""

    def handle_close(self, event: Frame) -> None:
        self.conn.data_to_send()
        super().handle_close(event)


class _Textual(WebSocketConnection):
    def event(self, data: bytes) -> dict[str, Any]:
        return {"type": "websocket.send", "text": "ok"} if _is_acknowledgement(data) else super().event(data)


@breaks("ws.binary-frames.server")
class TextFrames(WebSocketEndpoint):
    """Acknowledgements are sent as text."""

    def connection(self, send: Send) -> WebSocketConnection:
        return _Textual(send)


class _Headed(WebSocketConnection):
    def event(self, data: bytes) -> dict[str, Any]:
        event = super().event(data)
        return {**event, "bytes": b"\1" + data} if _is_acknowledgement(data) else event


@breaks("ws.header.zero.server")
class HeaderOne(WebSocketEndpoint):
    """Acknowledgements have the header 1."""

    def connection(self, send: Send) -> WebSocketConnection:
        return _Headed(send)


class _Trailing(WebSocketConnection):
    def event(self, data: bytes) -> dict[str, Any]:
        return super().event(data + b"\n" if _is_acknowledgement(data) else data)


@breaks("ws.layout.server")
class NewlineBehind(WebSocketEndpoint):
    """A newline follows each acknowledgement."""

    def connection(self, send: Send) -> WebSocketConnection:
        return _Trailing(send)


@breaks("ws.direction")
class AgentToServerBack(WebSocketEndpoint):
    """A check-in is answered by an AgentToServer."""

    async def attend(self, event: dict[str, Any], connection: WebSocketConnection) -> None:
        data = event.get("bytes") or b""
        if data[:1] == HEADER and _is_check_in(data[1:]):
            await self._service.answer(data[1:], connection)
            await connection.send(data[1:])
        else:
            await super().attend(event, connection)


@breaks("ws.header.varint")
class HeaderOfOneByte(WebSocketEndpoint):
    """The header is taken for a byte."""

    def header(self, payload: bytes) -> tuple[int, int]:
        return (payload[0] if payload else 0), 1


@breaks("ws.header.check", also=["ws.header.nonzero-malformed.server"])
class HeaderIgnored(WebSocketEndpoint):
    """The header is read, and not looked at."""

    def header(self, payload: bytes) -> tuple[int, int]:
        return 0, super().header(payload)[1]


@breaks("ws.empty-data-valid")
class NothingTakenForTheEnd(WebSocketEndpoint):
    """A message of nothing but the header ends the connection."""

    async def attend(self, event: dict[str, Any], connection: WebSocketConnection) -> None:
        if event.get("bytes") == HEADER:
            await connection.close()
        else:
            await super().attend(event, connection)


@breaks("bad-request.respond:text")
class TextsIgnored(WebSocketEndpoint):
    """A text message is not answered."""

    async def attend(self, event: dict[str, Any], connection: WebSocketConnection) -> None:
        if event.get("bytes") is not None:
            await super().attend(event, connection)


class _Counting(WebSocketConnection):
    """Counts what is sent, so that a push can be told from an answer."""

    sent = 0

    async def send(self, data: bytes) -> None:
        self.sent += 1
        await super().send(data)


@breaks("ws.full-duplex")
class PushTakesTheTurn(WebSocketEndpoint):
    """The first message after a push is taken for the answer to it, and gets none."""

    _answered: ClassVar[MutableMapping[WebSocketConnection, int]] = WeakKeyDictionary()

    def connection(self, send: Send) -> WebSocketConnection:
        return _Counting(send)

    async def attend(self, event: dict[str, Any], connection: WebSocketConnection) -> None:
        if not isinstance(connection, _Counting):  # It was opened before.
            await super().attend(event, connection)
            return
        pushed = connection.sent > self._answered.get(connection, 0)
        if pushed and _is_check_in((event.get("bytes") or b"")[1:]):
            await self._service.answer((event.get("bytes") or b"")[1:], connection)
            await connection.send(NO_MESSAGE)
        else:
            await super().attend(event, connection)
        self._answered[connection] = connection.sent


@breaks("response.must-respond:in-a-row")
class EveryThirdUnanswered(WebSocketEndpoint):
    """Of the check-ins on one WebSocket, the third is not answered."""

    _taken: ClassVar[MutableMapping[WebSocketConnection, int]] = WeakKeyDictionary()

    async def attend(self, event: dict[str, Any], connection: WebSocketConnection) -> None:
        taken = self._taken[connection] = self._taken.get(connection, 0) + _is_check_in((event.get("bytes") or b"")[1:])
        if taken == 4:
            await connection.send(NO_MESSAGE)
        else:
            await super().attend(event, connection)


def _is_acknowledgement(data: bytes) -> bool:
    return [field.name for field, _ in pb.ServerToAgent.FromString(data).ListFields()] == ["instance_uid"]


def _is_check_in(data: bytes) -> bool:
    try:
        message = pb.AgentToServer.FromString(data)
    except DecodeError:
        return False
    return {field.name for field, _ in message.ListFields()} <= {"instance_uid", "sequence_num", "capabilities"}
