"""Deviations from WebSocket Transport and RFC 6455."""

import asyncio
from collections.abc import MutableMapping
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from google.protobuf.message import DecodeError
from websockets.frames import Frame

from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.transports.http_connection import WebSocketProtocol
from opamp_mock_server.transports.websocket import HEADER, Receive, Scope, Send, WebSocketConnection, WebSocketEndpoint
from opamp_proto import opamp_pb2 as pb

EMPTY_MESSAGE = b""
"""Sent in place of a missing reply, so that a client does not wait for the reply until its timeout."""


@breaks("ws.roles", also=["connection.http-then-upgrade"])
class ExtensionsRefused(WebSocketEndpoint):
    """A WebSocket handshake that offers extensions or subprotocols is refused."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        names = {name for name, _ in scope["headers"]}
        if names & {b"sec-websocket-extensions", b"sec-websocket-protocol"}:
            scope = {**scope, "path": "/nowhere"}
        await super().__call__(scope, receive, send)


@breaks("ws.roles:fragments")
class FragmentsRefused(WebSocketProtocol):
    """A message in fragments ends the connection."""

    def handle_cont(self, event: Frame) -> None:
        self.conn.fail(1003, "this server does not support fragments")
        self.handle_parser_exception()


@breaks("ws.roles:pong")
class PingsUnanswered(WebSocketProtocol):
    """A Ping frame is not answered."""

    def handle_ping(self) -> None:
        self.conn.data_to_send()


@breaks("ws.roles:close")
class CloseFrameUnanswered(WebSocketProtocol):
    """A Close frame is not answered by a Close frame: the connection just ends."""

    def handle_close(self, event: Frame) -> None:
        self.conn.data_to_send()
        super().handle_close(event)


class _TextConnection(WebSocketConnection):
    def event(self, data: bytes) -> dict[str, Any]:
        return {"type": "websocket.send", "text": "ok"} if _is_acknowledgement(data) else super().event(data)


@breaks("ws.binary-frames.server")
class TextAcknowledgements(WebSocketEndpoint):
    """Acknowledgements are sent as text messages."""

    def connection(self, send: Send) -> WebSocketConnection:
        return _TextConnection(send)


class _HeaderOneConnection(WebSocketConnection):
    def event(self, data: bytes) -> dict[str, Any]:
        event = super().event(data)
        return {**event, "bytes": b"\1" + data} if _is_acknowledgement(data) else event


@breaks("ws.header.zero.server")
class AcknowledgementWithHeaderOne(WebSocketEndpoint):
    """Acknowledgements have the header 1 instead of 0."""

    def connection(self, send: Send) -> WebSocketConnection:
        return _HeaderOneConnection(send)


class _NewlineConnection(WebSocketConnection):
    def event(self, data: bytes) -> dict[str, Any]:
        return super().event(data + b"\n" if _is_acknowledgement(data) else data)


@breaks("ws.layout.server")
class AcknowledgementWithNewline(WebSocketEndpoint):
    """An acknowledgement has a newline after its data."""

    def connection(self, send: Send) -> WebSocketConnection:
        return _NewlineConnection(send)


@breaks("ws.direction")
class CheckInSentBack(WebSocketEndpoint):
    """A check-in is answered with the AgentToServer message of the agent."""

    async def attend(self, event: dict[str, Any], connection: WebSocketConnection) -> None:
        data = event.get("bytes") or b""
        if data[:1] == HEADER and _is_check_in(data[1:]):
            await self._service.answer(data[1:], connection)
            await connection.send(data[1:])
        else:
            await super().attend(event, connection)


@breaks("ws.header.varint")
class HeaderReadAsByte(WebSocketEndpoint):
    """The header is read as one byte instead of a varint."""

    def header(self, payload: bytes) -> tuple[int, int]:
        return (payload[0] if payload else 0), 1


@breaks("ws.header.check", also=["ws.header.nonzero-malformed.server"])
class HeaderValueIgnored(WebSocketEndpoint):
    """The value of the header is ignored."""

    def header(self, payload: bytes) -> tuple[int, int]:
        return 0, super().header(payload)[1]


@breaks("ws.empty-data-valid")
class HeaderAloneEndsConnection(WebSocketEndpoint):
    """A message that contains only the header ends the connection."""

    async def attend(self, event: dict[str, Any], connection: WebSocketConnection) -> None:
        if event.get("bytes") == HEADER:
            await connection.close()
        else:
            await super().attend(event, connection)


@breaks("bad-request.respond:text")
class TextMessagesUnanswered(WebSocketEndpoint):
    """A text message is not answered."""

    async def attend(self, event: dict[str, Any], connection: WebSocketConnection) -> None:
        if event.get("bytes") is not None:
            await super().attend(event, connection)


class _CountingConnection(WebSocketConnection):
    """Counts the sent messages, so that a push can be distinguished from a reply."""

    sent = 0

    async def send(self, data: bytes) -> None:
        self.sent += 1
        await super().send(data)


@breaks("ws.full-duplex")
class CheckInAfterPushUnanswered(WebSocketEndpoint):
    """The first check-in after a push gets an empty message instead of a reply."""

    _sent_at_last_reply: ClassVar[MutableMapping[WebSocketConnection, int]] = WeakKeyDictionary()

    def connection(self, send: Send) -> WebSocketConnection:
        return _CountingConnection(send)

    async def attend(self, event: dict[str, Any], connection: WebSocketConnection) -> None:
        if not isinstance(connection, _CountingConnection):  # It was opened before this deviation was activated.
            await super().attend(event, connection)
            return
        pushed = connection.sent > self._sent_at_last_reply.get(connection, 0)
        if pushed and _is_check_in((event.get("bytes") or b"")[1:]):
            await self._service.answer((event.get("bytes") or b"")[1:], connection)
            await connection.send(EMPTY_MESSAGE)
        else:
            await super().attend(event, connection)
        self._sent_at_last_reply[connection] = connection.sent


@breaks("response.must-respond:in-a-row")
class FourthCheckInUnanswered(WebSocketEndpoint):
    """The fourth check-in on a WebSocket gets an empty message instead of a reply."""

    _check_ins: ClassVar[MutableMapping[WebSocketConnection, int]] = WeakKeyDictionary()

    async def attend(self, event: dict[str, Any], connection: WebSocketConnection) -> None:
        data = (event.get("bytes") or b"")[1:]
        count = self._check_ins[connection] = self._check_ins.get(connection, 0) + _is_check_in(data)
        if count == 4:
            await connection.send(EMPTY_MESSAGE)
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


@breaks("response.must-respond:unsolicited-instead")
class UnsolicitedInsteadOfAcknowledgements(WebSocketEndpoint):
    """Acknowledgements are not sent, but an unsolicited message is sent every 0.1 seconds."""

    _senders: ClassVar[MutableMapping[WebSocketConnection, asyncio.Task[None]]] = WeakKeyDictionary()

    def connection(self, send: Send) -> WebSocketConnection:
        senders = self._senders

        class Connection(WebSocketConnection):
            async def send(self, data: bytes) -> None:
                reply = pb.ServerToAgent.FromString(data)
                if [field.name for field, _ in reply.ListFields()] != ["instance_uid"]:
                    await super().send(data)
                elif self not in senders:
                    senders[self] = asyncio.create_task(self._send_all_the_time(data))

            async def _send_all_the_time(self, data: bytes) -> None:
                for _ in range(200):
                    await super().send(data)
                    await asyncio.sleep(0.1)

        return Connection(send)
