"""What a scenario can assert of plain HTTP."""

from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import described, that
from opamp_conformance.transports.http import GZIP, Response


def status(exchange: Exchange, expected: int) -> None:
    actual = f"the status {exchange.status}" if exchange.status else (exchange.failure or described(exchange))
    that(exchange.status == expected, f"the status {expected}", actual)


def refused(exchange: Exchange) -> None:
    """By HTTP or by OpAMP: the specification does not say which."""
    by_http = exchange.status is not None and exchange.status >= 400
    that(exchange.is_error or by_http, "a status of 400 or more, or an error_response", described(exchange))


def not_plain_http(exchange: Exchange) -> None:
    refused = exchange.status is None or exchange.status >= 400 or exchange.status == 101
    that(refused, "a failed WebSocket opening, so a status of 400 or more", str(exchange.response))


def compressed(exchange: Exchange) -> None:
    response = exchange.response
    encoding = response.headers.get("content-encoding", "none") if isinstance(response, Response) else "none"
    that(exchange.reply and encoding.lower() == GZIP, "the Content-Encoding gzip", encoding)
