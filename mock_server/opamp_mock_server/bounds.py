"""What a connection of uvicorn's is here: bounded in what it takes, and open to deviations."""

from asyncio import TimerHandle
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol, which bounds messages by itself; named, so that a deviation can break its rules."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with a limit on the bytes around bodies and on the time one request takes.

    Without it, uvicorn reads headers of any size and keeps a half-sent request open for ever.
    """

    request_timeout: ClassVar[float] = 20.0
    """Seconds from a request's first byte, or the connection's start, to its last byte."""
    max_header_bytes: ClassVar[int] = 64 * 1024
    """Bytes of one request that are not body: request line, headers, chunk framing, trailers."""

    _not_body = 0
    _in_request = False
    _deadline: TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._not_body += len(data)
        super().data_received(data)
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            self._disarm()
        elif self._not_body > self.max_header_bytes:
            self._refuse(b"431 Request Header Fields Too Large")
        elif self._in_request and self._deadline is None:
            self._arm()

    def handle_websocket_upgrade(self) -> None:
        self._disarm()  # From here on another protocol has the connection.
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        self._in_request = True
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        self._not_body -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._not_body = 0
        self._in_request = False
        self._disarm()
        super().on_message_complete()

    def _arm(self) -> None:
        self._deadline = self.loop.call_later(self.request_timeout, self._expire)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        self._deadline = None
        self._refuse(b"408 Request Timeout")

    def _refuse(self, status: bytes) -> None:
        self._disarm()
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(b"HTTP/1.1 %s\r\nconnection: close\r\ncontent-length: 0\r\n\r\n" % status)
        self.transport.close()
