"""Deviations from WebSocket Transport and RFC 6455."""

import asyncio
from collections.abc import MutableMapping
from typing import ClassVar
from weakref import WeakKeyDictionary

from google.protobuf.message import DecodeError
from websockets.frames import Frame

from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.transports.http_messages import Request, RequestHeaders
from opamp_mock_server.transports.websocket import HEADER, Socket, WebSocketConnection, WebSocketEndpoint
from opamp_mock_server.transports.websocket_protocol import WebSocketProtocol
from opamp_proto import opamp_pb2 as pb

_LARGE_BYTES = 16 * 1024
EMPTY_MESSAGE = b""
"""Sent in place of a missing reply, so that a client does not wait for the reply until its timeout."""


@breaks("ws.roles", also=["connection.http-then-upgrade"])
class ExtensionsRefused(WebSocketEndpoint):
    """A WebSocket handshake that offers extensions or subprotocols is refused."""

    def check(self, request: Request, headers: RequestHeaders) -> None:
        names = {name for name, _ in request.headers}
        if names & {b"sec-websocket-extensions", b"sec-websocket-protocol"}:
            request = request._replace(path="/nowhere")
        super().check(request, headers)


@breaks("ws.roles:fragments", also=["size.ws.default"])
class FragmentsRefused(WebSocketProtocol):
    """A message in fragments ends the connection."""

    def handle_cont(self, event: Frame) -> None:
        self.conn.fail(1003, "this server does not support fragments")
        self.handle_parser_exception()


@breaks("ws.roles:pong")
class PingsUnanswered(WebSocketProtocol):
    """A Ping frame is not answered."""

    def handle_ping(self, event: Frame) -> None:
        self.conn.data_to_send()


@breaks("ws.roles:close")
class CloseFrameUnanswered(WebSocketProtocol):
    """A Close frame is not answered by a Close frame: the connection just ends."""

    def handle_close(self, event: Frame) -> None:
        self.conn.data_to_send()
        super().handle_close(event)


@breaks("ws.roles:close-tcp")
class TcpLeftOpen(WebSocketProtocol):
    """After a client's Close frame and its own, the server does not end the TCP connection."""

    def handle_close(self, event: Frame) -> None:
        if self.close_sent:
            super().handle_close(event)
        else:
            self.transport.write(b"".join(self.conn.data_to_send()))


class _TextConnection(WebSocketConnection):
    def message(self, data: bytes) -> bytes | str:
        return "ok" if _is_acknowledgement(data) else super().message(data)


@breaks("ws.binary-frames.server")
class TextAcknowledgements(WebSocketEndpoint):
    """Acknowledgements are sent as text messages."""

    def connection(self, socket: Socket) -> WebSocketConnection:
        return _TextConnection(socket)


class _HeaderOneConnection(WebSocketConnection):
    def message(self, data: bytes) -> bytes | str:
        return b"\1" + data if _is_acknowledgement(data) else super().message(data)


@breaks("ws.header.zero.server")
class AcknowledgementWithHeaderOne(WebSocketEndpoint):
    """Acknowledgements have the header 1 instead of 0."""

    def connection(self, socket: Socket) -> WebSocketConnection:
        return _HeaderOneConnection(socket)


class _LargeHeaderOneConnection(WebSocketConnection):
    def message(self, data: bytes) -> bytes | str:
        return b"\1" + data if len(data) > _LARGE_BYTES else super().message(data)


@breaks("ws.header.zero.server:large")
class LargeMessageWithHeaderOne(WebSocketEndpoint):
    """Messages of more than 16 KiB have the header 1 instead of 0."""

    def connection(self, socket: Socket) -> WebSocketConnection:
        return _LargeHeaderOneConnection(socket)


class _NewlineConnection(WebSocketConnection):
    def message(self, data: bytes) -> bytes | str:
        return super().message(data + b"\n" if _is_acknowledgement(data) else data)


@breaks("ws.layout.server")
class AcknowledgementWithNewline(WebSocketEndpoint):
    """An acknowledgement has a newline after its data."""

    def connection(self, socket: Socket) -> WebSocketConnection:
        return _NewlineConnection(socket)


class _EchoingConnection(WebSocketConnection):
    check_in = b""

    def message(self, data: bytes) -> bytes | str:
        return super().message(self.check_in if self.check_in and _is_acknowledgement(data) else data)


@breaks("ws.direction")
class CheckInSentBack(WebSocketEndpoint):
    """An acknowledgement of a check-in is the AgentToServer message of the agent."""

    def connection(self, socket: Socket) -> WebSocketConnection:
        return _EchoingConnection(socket)

    async def attend(self, message: bytes | str, connection: WebSocketConnection) -> None:
        if isinstance(connection, _EchoingConnection):  # It is not if it was opened before the deviation was activated.
            data = _bytes(message)
            connection.check_in = data[1:] if data[:1] == HEADER and _is_check_in(data[1:]) else b""
        await super().attend(message, connection)


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

    async def attend(self, message: bytes | str, connection: WebSocketConnection) -> None:
        if message == HEADER:
            await connection.close()
        else:
            await super().attend(message, connection)


@breaks("bad-request.respond:text")
class TextMessagesUnanswered(WebSocketEndpoint):
    """A text message is not answered."""

    async def attend(self, message: bytes | str, connection: WebSocketConnection) -> None:
        if isinstance(message, bytes):
            await super().attend(message, connection)


@breaks("bad-request.respond:text-processed")
class TextMessagesProcessed(WebSocketEndpoint):
    """A text message is processed as if it were a binary message."""

    async def attend(self, message: bytes | str, connection: WebSocketConnection) -> None:
        if isinstance(message, str):
            message = message.encode()
        await super().attend(message, connection)


class _CountingConnection(WebSocketConnection):
    """Counts the sent messages, so that a push can be distinguished from a reply."""

    sent = 0

    async def send(self, data: bytes, *, is_answer: bool = False) -> None:
        self.sent += 1
        await super().send(data, is_answer=is_answer)


@breaks("ws.full-duplex")
class CheckInAfterPushUnanswered(WebSocketEndpoint):
    """The first check-in after a push gets an empty message instead of a reply."""

    _sent_at_last_reply: ClassVar[MutableMapping[WebSocketConnection, int]] = WeakKeyDictionary()

    def connection(self, socket: Socket) -> WebSocketConnection:
        return _CountingConnection(socket)

    async def attend(self, message: bytes | str, connection: WebSocketConnection) -> None:
        if not isinstance(connection, _CountingConnection):  # It was opened before this deviation was activated.
            await super().attend(message, connection)
            return
        pushed = connection.sent > self._sent_at_last_reply.get(connection, 0)
        if pushed and _is_check_in(_bytes(message)[1:]):
            await self._service.answer(_bytes(message)[1:], connection)
            await connection.send(EMPTY_MESSAGE)
        else:
            await super().attend(message, connection)
        self._sent_at_last_reply[connection] = connection.sent


@breaks("response.must-respond:in-a-row")
class FourthCheckInUnanswered(WebSocketEndpoint):
    """The fourth check-in on a WebSocket gets an empty message instead of a reply."""

    _check_ins: ClassVar[MutableMapping[WebSocketConnection, int]] = WeakKeyDictionary()

    async def attend(self, message: bytes | str, connection: WebSocketConnection) -> None:
        data = _bytes(message)[1:]
        count = self._check_ins[connection] = self._check_ins.get(connection, 0) + _is_check_in(data)
        if count == 4:
            await connection.send(EMPTY_MESSAGE)
        else:
            await super().attend(message, connection)


def _bytes(message: bytes | str) -> bytes:
    return b"" if isinstance(message, str) else message


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

    def connection(self, socket: Socket) -> WebSocketConnection:
        senders = self._senders

        class Connection(WebSocketConnection):
            async def send(self, data: bytes, *, is_answer: bool = False) -> None:
                reply = pb.ServerToAgent.FromString(data)
                if [field.name for field, _ in reply.ListFields()] != ["instance_uid"]:
                    await super().send(data, is_answer=is_answer)
                elif self not in senders:
                    senders[self] = asyncio.create_task(self._send_all_the_time(data))

            async def _send_all_the_time(self, data: bytes) -> None:
                for _ in range(200):
                    await super().send(data)
                    await asyncio.sleep(0.1)

        return Connection(socket)
