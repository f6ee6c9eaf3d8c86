"""The checks of every exchange that look at more than the two messages: at HTTP, and at what came before."""

from collections.abc import Callable
from typing import Final

from opamp_conformance.errors import Violation
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import HttpRequest, HttpResponse
from opamp_proto import CONTENT_TYPE

# A server may refuse a larger request before it has arrived, and the client may not see the refusal.
_MAX_REQUEST_BYTES: Final = 16 * 1024


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


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an Accept-Encoding header names gzip or all codings, with another weight than 0."""
    for option in accept_encoding.lower().split(","):
        coding, _, weight = option.partition(";")
        is_refused = weight.strip().replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000")
        if coding.strip() in ("gzip", "x-gzip", "*") and not is_refused:
            return True
    return False


EXCHANGE_CHECKS: Final[dict[str, Callable[[Exchange], Violation | None]]] = {
    "http.respond-each": _unanswered,
    "http.response-compression": _compressed_unasked,
}
"""The checks of exchanges, by requirement."""
CUSTOM_MESSAGES: Final = "custom.capability-matches"
NEW_INSTANCE_UIDS: Final = "identification.request-uid.answered"
"""The requirements that the memory of earlier exchanges checks."""


class Memory:
    """What the suite's agents have declared so far, and what the server has announced to them."""

    def __init__(self) -> None:
        self._custom: dict[bytes, set[str]] = {}
        self._announced: dict[bytes, bytes] = {}

    def note(self, exchange: Exchange) -> None:
        """Note the declarations of an exchange, before its reply is checked."""
        sent = exchange.request.message
        if sent is not None and sent.HasField("custom_capabilities"):
            self._custom[sent.instance_uid] = set(sent.custom_capabilities.capabilities)

    def undeclared_custom_message(self, exchange: Exchange) -> Violation | None:
        """Return the violation of a custom message whose capability the agent has not declared."""
        reply = exchange.message
        if reply is None or not reply.HasField("custom_message"):
            return None
        got = reply.custom_message.capability
        declared = self._custom.get(exchange.instance_uid, set()) | self._custom.get(reply.instance_uid, set())
        if got in declared:
            return None
        return Violation("only custom messages of capabilities that the agent has declared", repr(got))

    def uid_that_is_not_new(self, exchange: Exchange) -> Violation | None:
        """Return the violation of a new_instance_uid that the agent has already, or that another agent got."""
        reply, sender = exchange.message, exchange.instance_uid
        announced = reply.agent_identification.new_instance_uid if reply is not None else b""
        if not announced or exchange.is_push:  # An unsolicited message may be for another agent of the same WebSocket.
            return None
        owner = self._announced.setdefault(announced, sender)
        if announced == sender:
            return Violation("a new_instance_uid that differs from the instance_uid of the agent", announced.hex())
        if owner != sender:
            return Violation("another new_instance_uid for each agent", f"{announced.hex()} for a second agent")
        return None
