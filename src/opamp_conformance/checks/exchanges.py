"""The checks of every exchange that look at more than the two messages: at HTTP, and at the form of a message."""

from collections.abc import Callable
from typing import Final

from opamp_conformance.errors import Violation
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import HttpRequest, HttpResponse
from opamp_conformance.wire.websocket import HEADER, NO_CLOSE_FRAME, ReceivedMessage
from opamp_proto import CONTENT_TYPE

# A server may refuse a larger message before it has arrived, and the client may not see the refusal.
_MAX_REQUEST_BYTES: Final = 16 * 1024
_TRAVEL_SECONDS: Final = 2
_GZIP_MAGIC: Final = b"\x1f\x8b"
MIN_RETRY_SECONDS: Final = 30
"""The shortest interval for a retry that the specification recommends (Throttling)."""


def _unanswered(exchange: Exchange) -> Violation | None:
    """Return the violation of a server that leaves an HTTP request without any response, whatever its body is."""
    request = exchange.request
    if not isinstance(request, HttpRequest) or exchange.response is not None:
        return None
    is_opamp = request.method == "POST" and request.headers.get("Content-Type") == CONTENT_TYPE
    if not is_opamp or len(request.body) > _MAX_REQUEST_BYTES:
        return None
    return Violation("an HTTP response to each request", exchange.failure or "none")


def _compressed_unasked(exchange: Exchange) -> Violation | None:
    request, response = exchange.request, exchange.response
    if not isinstance(request, HttpRequest) or not isinstance(response, HttpResponse) or not response.is_compressed:
        return None
    accepted = {name.lower(): value for name, value in request.headers.items()}.get("accept-encoding", "")
    if accepts_gzip(accepted):
        return None
    return Violation(f"no gzip for a client with the Accept-Encoding {accepted!r}", "a response in gzip")


def _unmarked_gzip(exchange: Exchange) -> Violation | None:
    response = exchange.response
    if not isinstance(response, HttpResponse) or response.body[:2] != _GZIP_MAGIC or response.is_compressed:
        return None
    return Violation("a ServerToAgent, or a Content-Encoding header", "gzip without Content-Encoding")


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an Accept-Encoding header names gzip or all codings, with another weight than 0."""
    for option in accept_encoding.lower().split(","):
        coding, _, weight = option.partition(";")
        is_refused = weight.strip().replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000")
        if coding.strip() in ("gzip", "x-gzip", "*") and not is_refused:
            return True
    return False


def _header(exchange: Exchange) -> Violation | None:
    response = exchange.response
    if not isinstance(response, ReceivedMessage) or not response.is_binary or response.body[:1] == HEADER:
        return None
    return Violation("a WebSocket message that begins with the header 0", response.body[:4].hex() or "an empty message")


def _binary(exchange: Exchange) -> Violation | None:
    if not isinstance(exchange.response, ReceivedMessage) or exchange.response.is_binary:
        return None
    return Violation("a binary WebSocket message", "a text message")


def _close_frame(exchange: Exchange) -> Violation | None:
    if exchange.connection_id is None or exchange.failure != NO_CLOSE_FRAME:
        return None
    if len(exchange.request.body) > _MAX_REQUEST_BYTES:
        return None
    return Violation("a Close frame from a server that ends a WebSocket", "the end of the connection without one")


def _wait(exchange: Exchange) -> Violation | None:
    wait = exchange.retry_after if exchange.is_busy else None
    # A Retry-After header may be a date, which has whole seconds, and the answer takes time to arrive.
    if wait is None or wait >= MIN_RETRY_SECONDS - _TRAVEL_SECONDS:
        return None
    return Violation(f"a wait of {MIN_RETRY_SECONDS} seconds or more", f"{wait:g} seconds")


EXCHANGE_CHECKS: Final[dict[str, Callable[[Exchange], Violation | None]]] = {
    "http.respond-each": _unanswered,
    "http.response-compression": _compressed_unasked,
    "http.response-body": _unmarked_gzip,
    "disconnect.ws-server-close-frame": _close_frame,
    "throttle.min-30s": _wait,
    "ws.header.zero.server": _header,
    "ws.binary-frames.server": _binary,
}
"""The checks of exchanges, by requirement."""
