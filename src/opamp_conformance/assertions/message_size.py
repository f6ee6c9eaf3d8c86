"""Messages that are larger than the server's limit (Message Size Limits)."""

from typing import Final

from opamp_conformance.assertions.common import described, require
from opamp_conformance.errors import NotApplicableError
from opamp_conformance.wire.exchange import Exchange

STATUS: Final = 413  # RFC 9110, section 15.5.14
CLOSE_CODE: Final = 1009  # RFC 6455, section 7.4.1


def is_too_large(exchange: Exchange) -> bool:
    """Return whether the server has refused a message because of its size."""
    return exchange.status == STATUS or exchange.close_code == CLOSE_CODE


def not_accepted(exchange: Exchange) -> None:
    """Assert that the server refuses a message above the expected limit: --message-limit, or the recommended one."""
    expected = "a refusal, because the message is larger than the limit (--message-limit tells the suite another one)"
    require(not _is_accepted(exchange), expected, _came(exchange))


def refused(exchange: Exchange, *, is_limit_known: bool) -> None:
    """Assert that a message above the limit is refused with 413; raises NotApplicableError without a limit."""
    _require_limit_exceeded(exchange, is_limit_known=is_limit_known)
    require(exchange.status == STATUS, f"the status {STATUS}", _came(exchange))


def not_processed(exchange: Exchange, *, is_limit_known: bool) -> None:
    """A message above the limit is malformed, so it is answered by an error, or by the end of the connection."""
    _require_limit_exceeded(exchange, is_limit_known=is_limit_known)
    require(not _is_accepted(exchange), f"an error_response, or the close code {CLOSE_CODE}", _came(exchange))


def closed(exchange: Exchange, *, is_limit_known: bool) -> None:
    """Assert that a message above the limit ends the WebSocket with 1009; raises NotApplicableError without a limit."""
    _require_limit_exceeded(exchange, is_limit_known=is_limit_known)
    require(exchange.close_code == CLOSE_CODE, f"the close code {CLOSE_CODE}", _came(exchange))


def _require_limit_exceeded(exchange: Exchange, *, is_limit_known: bool) -> None:
    """Raise NotApplicableError if the server accepts the message, and its own limit may be larger."""
    if _is_accepted(exchange) and not is_limit_known:
        raise NotApplicableError(
            "the server accepts more than the recommended 64 MiB: give its limit with --message-limit"
        )


def _is_accepted(exchange: Exchange) -> bool:
    return exchange.message is not None and not exchange.is_refused


def _came(exchange: Exchange) -> str:
    if exchange.close_code is not None:
        return f"the close code {exchange.close_code}"
    return str(exchange.response) if exchange.message is None and exchange.response else described(exchange)
