"""WebSocket connections, on the parser of the library websockets (RFC 6455), without ASGI around each message.

Most messages of agents have a few hundred bytes and arrive whole, in one frame. Such a frame is read here. The library
reads all others: parts of messages, control frames, texts, large messages, and whatever is wrong. It also makes all
frames that the server sends. docs/http-stack.md has the measurements.
"""

import asyncio
import logging
from asyncio import TimerHandle
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from uvicorn.server import ServerState
from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request as OpeningRequest
from websockets.http11 import Response as OpeningResponse
from websockets.protocol import State
from websockets.server import ServerProtocol

from opamp_mock_server.limits.pending_bytes import FREE_BYTES
from opamp_mock_server.transports.eager_start import start_eagerly
from opamp_mock_server.transports.frames import whole_message, wire_size
from opamp_mock_server.transports.http_messages import Request, RequestRefusedError, Response
from opamp_mock_server.transports.transport_settings import TransportSettings
from opamp_mock_server.transports.websocket import WebSocketConnection, WebSocketEndpoint

_log = logging.getLogger("opamp_mock_server.websocket")
_frames_log = logging.getLogger("opamp_mock_server.websocket.frames")
_frames_log.setLevel(logging.WARNING)

_OF_SERVER_RESTART: Final = 1012  # RFC 6455, section 7.4.1, and the registry of close codes at IANA.
_NOT_UTF8: Final = 1007
_INTERNAL_ERROR: Final = 1011
_TRY_AGAIN_LATER: Final = 1013
_CLOSE_SECONDS: Final = 10.0
"""How long a client may take to answer a Close frame."""
_PING_SECONDS: Final = 20.0
"""So often, a client is asked by a Ping frame whether it is there. It has as long to send anything."""
_MOST_IN_A_ROW: Final = 16
"""So many messages of a client are answered before others have their turn."""


class WebSocketProtocol(asyncio.Protocol):
    """One WebSocket. Its messages are answered in order, each of them after the previous one."""

    transport: asyncio.Transport

    def __init__(
        self,
        endpoint: WebSocketEndpoint,
        opening: Request,
        settings: TransportSettings,
        server: ServerState,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.loop = loop
        self.conn = ServerProtocol(max_size=settings.max_message_bytes, logger=_frames_log)
        self.close_sent = False
        self._endpoint = endpoint
        self._opening: Request | None = opening
        self._settings = settings
        self._server = server
        self._connection: WebSocketConnection | None = None
        self._unread = 0
        """The bytes that the library has, but has not made a frame of.

        A client that writes a length in more bytes than it needs keeps this above 0: the library reads all its frames.
        """
        self._parts: bytearray | None = None
        self._is_text = False
        self._waiting: deque[bytes | str] | None = None
        self._is_busy = False
        self._is_over = False
        self._arriving = 0
        self._held = 0
        self._writable: asyncio.Event | None = None
        self._stalled: TimerHandle | None = None
        self._closing: TimerHandle | None = None
        self._pinging: TimerHandle | None = None
        self._is_asked = False

    # ---- the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # it is one
        self.transport = transport
        self._server.connections.add(self)  # type: ignore[arg-type] # it shuts them down

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._stalled, self._closing, self._pinging):
            if timer is not None:
                timer.cancel()
        self._let_go()
        self._server.connections.discard(self)
        self.close_sent = True
        self.resume_writing()
        self._end()

    def data_received(self, data: bytes) -> None:
        self._is_asked = False
        if self._unread == 0 and self._parts is None and self.conn.state is State.OPEN:
            message = whole_message(data, self.conn.max_message_size)
            if message is not None:
                self._is_text = False
                self.receive(message)
                return
        if not self._hold(len(data)):
            self.conn.fail(_TRY_AGAIN_LATER, "too many large messages")
            self.handle_parser_exception()
            return
        self._unread += len(data)
        self.conn.receive_data(data)
        if self.conn.parser_exc is not None:
            self.handle_parser_exception()
            return
        for event in self.conn.events_received():
            if isinstance(event, Frame):
                self._unread -= wire_size(event)
                self._HANDLERS[event.opcode](self, event)
            elif isinstance(event, OpeningRequest):
                self._unread = 0
                self._open(event)
        if self._opening is not None:
            self.transport.abort()  # The head is whole, but the library cannot read it, and would wait for ever.

    def shutdown(self) -> None:
        """Close the connection, because the server ends."""
        if self.conn.state is State.OPEN:
            self.conn.send_close(_OF_SERVER_RESTART)
        self.close_sent = True
        self._write(is_last=True)
        self._end()

    def pause_writing(self) -> None:
        """Read nothing more from a client that does not read, not even pings, and drop it if it goes on."""
        self._writable = asyncio.Event()
        self.transport.pause_reading()
        self._stalled = self.loop.call_later(self._settings.limits.request_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        if self._writable is not None:
            self._writable.set()
            self._writable = None
        self._read_on()

    def _read_on(self) -> None:
        if self._writable is None and not self._waiting and not self.transport.is_closing():
            self.transport.resume_reading()

    # ---- the opening

    def _open(self, request: OpeningRequest) -> None:
        """Answer the opening: by 101, or by a status that refuses it."""
        assert self._opening is not None
        opening, self._opening = self._opening, None
        response = self.conn.accept(request)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._refuse(response)
            return
        try:
            self._connection = self._endpoint.open(opening, self)
        except RequestRefusedError as refused:
            self._refuse(_refusal(refused.response))
            return
        del response.headers["Date"]
        self.conn.send_response(response)
        self._write()
        self._pinging = self.loop.call_later(_PING_SECONDS, self._ask)

    def _refuse(self, response: OpeningResponse) -> None:
        self.conn.send_response(response)
        self.close_sent = True
        self._write(is_last=True)

    # ---- frames

    def handle_text(self, event: Frame) -> None:
        self._is_text = True
        self._begin(event)

    def handle_bytes(self, event: Frame) -> None:
        self._is_text = False
        self._begin(event)

    def _begin(self, event: Frame) -> None:
        if event.fin:
            self.receive(bytes(event.data))
        else:
            self._parts = bytearray(event.data)

    def handle_cont(self, event: Frame) -> None:
        """Collect the parts of a message in one buffer: an object for each part would take much memory."""
        assert self._parts is not None
        self._parts += event.data
        if event.fin:
            data, self._parts = bytes(self._parts), None
            self.receive(data)

    def handle_ping(self, event: Frame) -> None:
        self._write()  # The library has made the Pong frame.

    def handle_pong(self, event: Frame) -> None:
        """Every frame shows that the client is there."""

    def handle_close(self, event: Frame) -> None:
        self.close_sent = True
        self._write(is_last=True)  # The library has made the Close frame, unless this is the answer to one.
        self._end()

    def handle_parser_exception(self) -> None:
        """End the connection after what the library does not allow; it has made the Close frame."""
        self.close_sent = True
        self._write(is_last=True)
        self._end()

    # By name, so that the methods of a deviation are called.
    _HANDLERS: Final[dict[Opcode, Callable[["WebSocketProtocol", Frame], None]]] = {
        Opcode.CONT: lambda protocol, event: protocol.handle_cont(event),
        Opcode.TEXT: lambda protocol, event: protocol.handle_text(event),
        Opcode.BINARY: lambda protocol, event: protocol.handle_bytes(event),
        Opcode.PING: lambda protocol, event: protocol.handle_ping(event),
        Opcode.PONG: lambda protocol, event: protocol.handle_pong(event),
        Opcode.CLOSE: lambda protocol, event: protocol.handle_close(event),
    }

    # ---- messages

    def receive(self, data: bytes) -> None:
        """Take a whole message. It is answered at the end of this turn, or after the messages before it."""
        self._let_go()
        message: bytes | str = data
        if self._is_text:
            try:
                message = data.decode()
            except UnicodeDecodeError:  # RFC 6455, section 8.1
                self.conn.fail(_NOT_UTF8)
                self.handle_parser_exception()
                return
        if self.close_sent:
            return
        if not self._is_busy:
            self._is_busy = True
            self._settings.batch.take(self, message)
            return
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(message)
        self.transport.pause_reading()

    def handle(self, message: bytes | str) -> None:
        """Answer a message, and the waiting ones after it, until one of them takes time."""
        for _ in range(_MOST_IN_A_ROW):
            assert self._connection is not None
            answering = self._endpoint.receive(message, self._connection)
            try:
                begun = (
                    start_eagerly(answering, self.loop)
                    if self._settings.answers_from_memory
                    else self.loop.create_task(answering)
                )
            except Exception:
                self._failed()
                begun = None
            if begun is not None:
                self._server.tasks.add(begun)
                begun.add_done_callback(self._answered)
                return
            if not self._waiting:
                self._is_busy = False
                self._rest()
                return
            message = self._waiting.popleft()
        self._settings.batch.take(self, message)  # Others are answered before the rest of a long row.

    def go_on(self) -> None:
        """Nothing waits for what was written."""

    def _answered(self, task: "asyncio.Task[None]") -> None:
        self._server.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failed(task.exception())
        if self._waiting:
            self._settings.batch.take(self, self._waiting.popleft())
        else:
            self._is_busy = False
        self._rest()

    def _rest(self) -> None:
        """Do what has to wait until no message is being answered."""
        if self._is_over and not self._is_busy:
            self._tell_end()
        elif not self._is_over:
            self._read_on()

    def _failed(self, error: BaseException | None = None) -> None:
        _log.error("a message could not be answered", exc_info=error or True)
        self.transport.abort()

    # ---- sending and closing

    async def send(self, message: bytes | str) -> None:
        """Send a message when the client reads; a client that has gone gets none."""
        if self._writable is not None:
            await self._writable.wait()
        if self.close_sent:
            return
        if isinstance(message, bytes):
            self.conn.send_binary(message)
        else:
            self.conn.send_text(message.encode())
        self._write()

    def close(self, code: int) -> None:
        """Begin the closing handshake. The messages that have arrived are still answered, but not sent."""
        if self.close_sent or self.transport.is_closing():
            return
        self.conn.send_close(code)
        self.close_sent = True
        self._write()
        self._closing = self.loop.call_later(_CLOSE_SECONDS, self.transport.close)
        self._end()

    @property
    def has_close_frame(self) -> bool:
        """Whether the client has sent a Close frame."""
        return self.conn.close_rcvd is not None

    def _write(self, *, is_last: bool = False) -> None:
        """Write what the library has made, after what was written before."""
        data = b"".join(self.conn.data_to_send())
        if (data or is_last) and not self.transport.is_closing():
            self._settings.batch.send(self, data, is_last=is_last)

    def _end(self) -> None:
        """Tell the endpoint that the connection has ended, after the messages that have arrived."""
        if not self._is_over:
            self._is_over = True
            if not self._is_busy:
                self._tell_end()

    def _tell_end(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            task = self.loop.create_task(self._endpoint.ended(connection))
            self._server.tasks.add(task)
            task.add_done_callback(self._server.tasks.discard)

    def _ask(self) -> None:
        """Ask a client whether it is there, and drop it if it has sent nothing since it was asked before."""
        if self._is_asked:
            self.conn.fail(_INTERNAL_ERROR, "keepalive ping timeout")
            self.handle_parser_exception()
            return
        if not self.close_sent:
            self._is_asked = True
            self.conn.send_ping(b"")
            self._write()
            self._pinging = self.loop.call_later(_PING_SECONDS, self._ask)

    # ---- the budget for large messages

    def _hold(self, size: int) -> bool:
        """Take the budget for a part of a message; returns whether there was enough."""
        self._arriving += size
        if self._arriving <= FREE_BYTES:
            return True
        if not self._settings.pending.hold(size):
            return False
        self._held += size
        return True

    def _let_go(self) -> None:
        """Give back what the message that has arrived took of the budget."""
        self._arriving = 0
        self._settings.pending.release(self._held)
        self._held = 0


def _refusal(response: Response) -> OpeningResponse:
    """Return an HTTP response for the library."""
    headers = Headers()
    for name, value in (
        (b"content-type", response.content_type),
        (b"content-length", b"%d" % len(response.body)),
        (b"connection", b"close"),
        *response.headers,
    ):
        headers[name.decode("latin-1")] = value.decode("latin-1")
    return OpeningResponse(response.status, HTTPStatus(response.status).phrase, headers, response.body)
