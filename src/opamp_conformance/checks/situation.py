"""One answer to one ordinary message of an agent, with what came before: what the rules of a conversation look at."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from opamp_conformance.checks.agent_memory import AgentMemory
from opamp_conformance.errors import Violation
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import GZIP, HttpRequest
from opamp_conformance.wire.websocket import WebSocketMessage
from opamp_proto import CONTENT_TYPE, INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb

# A server may refuse a larger message, or a client that it does not like, whatever the message says.
_MAX_BYTES: Final = 16 * 1024
_REFUSALS: Final = (401, 403, 413, 429, 431, 502, 503, 504)
_ORDINARY_HEADERS: Final = {"content-type", "content-encoding", "accept-encoding", "connection", "opamp-instance-uid"}


@dataclass(frozen=True, slots=True)
class Situation:
    """An answer in its context. ``agent`` is the memory before the message, None for an unknown agent.

    ``is_first_on_connection`` says that this WebSocket has only had errors so far; over plain HTTP it is true.
    ``announced_to`` is the agent that has received the same new_instance_uid before, empty if none has.
    """

    exchange: Exchange
    sent: pb.AgentToServer
    reply: pb.ServerToAgent
    agent: AgentMemory | None
    is_first_on_connection: bool = True
    announced_to: bytes = b""

    @property
    def is_error(self) -> bool:
        return self.reply.HasField("error_response")

    @property
    def is_bad_request(self) -> bool:
        return self.is_error and self.reply.error_response.type == pb.ServerErrorResponseType_BadRequest

    @property
    def is_disconnect(self) -> bool:
        return self.sent.HasField("agent_disconnect")

    @property
    def asks_for_uid(self) -> bool:
        """Whether the agent asks for a new instance_uid."""
        return bool(self.sent.flags & pb.AgentToServerFlags_RequestInstanceUid)

    @property
    def announced(self) -> bytes:
        """The new_instance_uid that the server announces, empty if none."""
        return self.exchange.new_instance_uid

    @property
    def wants_full_state(self) -> bool:
        """Whether the server asks for the full state in the answer."""
        return bool(self.reply.flags & pb.ServerToAgentFlags_ReportFullState)


Rule = Callable[[Situation], Violation | None]
"""A check of an answer in its context."""


def is_ordinary(exchange: Exchange) -> bool:
    """Return whether every server has to process a request: a well-formed message in an ordinary form.

    A server that refuses a client by an HTTP status has not looked at the message.
    """
    message = exchange.request.message
    if message is None or len(message.instance_uid) != INSTANCE_UID_BYTES:
        return False
    if exchange.is_push or len(exchange.request.body) > _MAX_BYTES or exchange.status in _REFUSALS:
        return False
    # A message without capabilities is a poll, which is hardly specified.
    return bool(message.capabilities) and is_read_by_every_server(exchange)


def shows_its_sender(exchange: Exchange) -> bool:
    """Return whether every server knows the sender of a message, even if it answers with an error.

    A server that fails to decompress a message does not know it.
    """
    request = exchange.request
    is_encoded = isinstance(request, HttpRequest) and any(
        name.lower() == "content-encoding" for name in request.headers
    )
    return is_read_by_every_server(exchange) and not is_encoded


def is_read_by_every_server(exchange: Exchange) -> bool:
    """Return whether every server has to read the message of a request before it can refuse it."""
    request = exchange.request
    if not request.with_credentials:
        return False
    if isinstance(request, WebSocketMessage):
        return not request.headers and not exchange.is_refused_opening
    headers = {name.lower(): value for name, value in request.headers.items()}
    return (
        request.method == "POST"
        and set(headers) <= _ORDINARY_HEADERS
        and headers.get("content-type") == CONTENT_TYPE
        and headers.get("content-encoding", GZIP) == GZIP
    )
