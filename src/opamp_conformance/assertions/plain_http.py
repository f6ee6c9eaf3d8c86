"""Requests and responses of plain HTTP (Plain HTTP Transport)."""

from collections.abc import Sequence

from opamp_conformance.assertions.common import described, require
from opamp_conformance.errors import PreconditionFailedError, ViolationError
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import GZIP, HttpResponse


def status(exchange: Exchange, expected: int) -> None:
    """Assert the status of an HTTP response."""
    actual = f"the status {exchange.status}" if exchange.status else (exchange.failure or described(exchange))
    require(exchange.status == expected, f"the status {expected}", actual)


def refused(exchange: Exchange) -> None:
    """The server may refuse by HTTP or by OpAMP: the specification leaves this open."""
    require(exchange.is_refused, "a status of 400 or more, or an error_response", described(exchange))


def any_refused(exchanges: Sequence[Exchange]) -> None:
    """Assert that a server asks for the credentials that were given."""
    is_refused = any(exchange.is_refused for exchange in exchanges)
    require(is_refused, "a server that asks for the credentials that were given", "a server that accepts everybody")


def not_plain_http(exchange: Exchange) -> None:
    """Assert that a request in another form than that of plain HTTP is refused (Plain HTTP Transport)."""
    is_refused = exchange.status is None or exchange.status >= 300 or exchange.status == 101
    require(is_refused, "a failed WebSocket opening, so a status of 300 or more", str(exchange.response))


def not_compressed(exchange: Exchange) -> None:
    """Assert that a response is not compressed, for an agent that does not accept gzip."""
    is_compressed = isinstance(exchange.response, HttpResponse) and exchange.response.is_compressed
    require(exchange.reply and not is_compressed, "no Content-Encoding gzip", "gzip")


def error_compressed(exchange: Exchange) -> None:
    """Assert that an error is compressed, for an agent that accepts gzip."""
    _require_readable_gzip(exchange)
    if not exchange.is_error:
        raise PreconditionFailedError("bad-request.respond", "the malformed message is not answered with an error")
    compressed(exchange)


def compressed(exchange: Exchange) -> None:
    """Assert that a response is compressed with gzip (Plain HTTP Transport, Content-Encoding)."""
    _require_readable_gzip(exchange)
    response = exchange.response
    encoding = response.headers.get("content-encoding", "none") if isinstance(response, HttpResponse) else "none"
    require(exchange.reply and encoding.lower() == GZIP, "the Content-Encoding gzip", encoding)


def _require_readable_gzip(exchange: Exchange) -> None:
    """Raise ViolationError if a response is said to be gzip, but is none, or has no end."""
    response = exchange.response
    if exchange.problem is not None and isinstance(response, HttpResponse) and response.is_compressed:
        raise ViolationError(exchange.problem)
