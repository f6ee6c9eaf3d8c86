"""Deviations from Message Size Limits."""

from typing import Any

from websockets.frames import Frame

from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.transports.http_messages import RequestRefusedError
from opamp_mock_server.transports.plain_http import HttpEndpoint
from opamp_mock_server.transports.websocket_protocol import WebSocketProtocol

_MUCH = 2**30
_POLICY_VIOLATION = 1008  # RFC 6455, section 7.4.1
_TOO_BIG = 1009
_NOT_AN_OPAMP_MESSAGE = b"\1"


@breaks("size.http.server-413")
class TooLargeIsBadRequest(HttpEndpoint):
    """A request that is larger than the limit is refused with 400 instead of 413."""

    def too_large(self) -> RequestRefusedError:
        return RequestRefusedError(400, "the message is too large", (b"connection", b"close"))


@breaks("size.http.server-receive", also=["size.http.server-413", "size.http.default"])
class LargerRequestAccepted(HttpEndpoint):
    """A request may be a little larger than the limit."""

    def decode(self, content_encoding: bytes | None, body: bytes) -> bytes:
        return body if content_encoding is None else super().decode(content_encoding, body)


@breaks("size.http.server-receive:gzip", also=["size.http.server-413", "size.http.default"])
class OnlyCompressedSizeLimited(HttpEndpoint):
    """The limit of a compressed request counts its compressed size."""

    def gunzip(self, body: bytes) -> bytes:
        limit, self._max_body_bytes = self._max_body_bytes, _MUCH
        try:
            return super().gunzip(body)
        finally:
            self._max_body_bytes = limit


@breaks("size.http.default")
class LargestRequestRefused(HttpEndpoint):
    """A request that is as large as the limit is refused."""

    def decode(self, content_encoding: bytes | None, body: bytes) -> bytes:
        data = super().decode(content_encoding, body)
        if len(data) == self._max_body_bytes:
            raise self.too_large()
        return data


@breaks("size.ws.server-receive", also=["size.ws.server-malformed", "size.ws.server-1009", "size.ws.default"])
class LargerMessageAccepted(WebSocketProtocol):
    """A WebSocket message may be larger than the limit."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.conn.max_message_size = _MUCH


@breaks("size.ws.server-receive:fragments", also=["size.ws.server-malformed", "size.ws.server-1009", "size.ws.default"])
class OnlyFragmentsLimited(WebSocketProtocol):
    """The limit counts each fragment of a WebSocket message, but not their sum."""

    def handle_bytes(self, event: Frame) -> None:
        super().handle_bytes(event)
        self._count_anew()

    def handle_cont(self, event: Frame) -> None:
        super().handle_cont(event)
        self._count_anew()

    def _count_anew(self) -> None:
        if self.conn.current_size is not None:
            self.conn.current_size = 0


@breaks("size.ws.server-1009")
class OtherCodeForTooLarge(WebSocketProtocol):
    """A WebSocket message that is larger than the limit ends the connection with the code 1008."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        fail = self.conn.fail

        def fail_otherwise(code: int, reason: str = "") -> None:
            fail(_POLICY_VIOLATION if code == _TOO_BIG else code, reason)

        self.conn.fail = fail_otherwise  # type: ignore[method-assign]


@breaks("size.ws.server-1009:open")
class ConnectionLeftOpen(WebSocketProtocol):
    """A WebSocket message that is larger than the limit is answered by a BadRequest, and the connection stays open."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._limit, self.conn.max_message_size = self.conn.max_message_size or 0, _MUCH

    def receive(self, data: bytes) -> None:
        super().receive(_NOT_AN_OPAMP_MESSAGE if len(data) > self._limit else data)


@breaks("size.ws.default")
class LargestMessageRefused(WebSocketProtocol):
    """A WebSocket message that is as large as the limit is refused."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self.conn.max_message_size is not None:
            self.conn.max_message_size -= 1
