"""Messages as large as the server's limit, and larger ones (Message Size Limits)."""

from dataclasses import replace
from typing import Final

from opamp_conformance.client.agent import Agent
from opamp_conformance.client.client import Client
from opamp_conformance.client.sample_messages import padded
from opamp_conformance.errors import NotApplicableError
from opamp_conformance.ledger.versions import SpecVersion
from opamp_conformance.targets.url import is_on_this_machine
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import HttpRequest
from opamp_conformance.wire.transport import Transport
from opamp_conformance.wire.websocket import HEADER, WebSocketMessage

RECOMMENDED_LIMIT: Final = 64 * 1024 * 1024
"""The default that the specification recommends, in bytes of a whole body or WebSocket message."""
_FRAGMENTS: Final = 3
# A server may refuse a message before it has arrived, and close the connection, so that its answer is lost. Then the
# exchange ends soon.
_ATTEMPTS: Final = 3
_SOON_SECONDS: Final = 3.0


class MessageSize:
    """Sends check-ins of an exact size. The limit is the target's own one, if it is known."""

    def __init__(self, client: Client, version: SpecVersion) -> None:
        """``version`` is the one by which the target is graded."""
        self._client = client
        self._version = version

    @property
    def limit(self) -> int:
        return self._client.endpoint.message_limit or RECOMMENDED_LIMIT

    @property
    def is_limit_known(self) -> bool:
        """Whether the limit is that of the target, not the recommended one."""
        return self._client.endpoint.message_limit is not None

    def require_large_messages_allowed(self) -> None:
        """Raise NotApplicableError unless the limit of the target is known, or 64 MiB may be sent to it.

        So much is sent only to a server on this machine that is graded by a version with a limit.
        """
        may_send = is_on_this_machine(self._client.endpoint.url) and not self._version.is_before(SpecVersion.V0_19)
        if not self.is_limit_known and not may_send:
            raise NotApplicableError(
                "64 MiB are sent only to a server on this machine, graded by v0.19.0 or newer: give the limit of the "
                "server with --message-limit"
            )

    def check_in(self, agent: Agent, beyond: int = 0) -> Exchange:
        """Check in with a message of the size of the limit, or a number of bytes ``beyond`` it."""
        return self._deliver(self._websocket(agent, beyond) if self._is_websocket else self._http(agent, beyond))

    def check_in_compressed(self, agent: Agent, beyond: int = 0) -> Exchange:
        """Check in with a body in gzip that has this size after decompression."""
        return self._deliver(self._http(agent, beyond).compressed())

    def check_in_in_parts(self, agent: Agent, beyond: int = 0) -> Exchange:
        """Check in with a body in chunks (RFC 9112), or a message in fragments (RFC 6455)."""
        if not self._is_websocket:
            return self._deliver(replace(self._http(agent, beyond), is_chunked=True))
        message = self._websocket(agent, beyond)
        size = len(message.body) // _FRAGMENTS + 1
        parts = tuple(message.body[start : start + size] for start in range(0, len(message.body), size))
        # Some servers add a ping between the parts to the size of the message.
        return self._deliver(replace(message, payload=parts, has_pings=False))

    @property
    def _is_websocket(self) -> bool:
        return self._client.transport is Transport.WEBSOCKET

    def _http(self, agent: Agent, beyond: int) -> HttpRequest:
        message = agent.check_in()
        # A server need not decode a message that is too large, so its answer need not name the agent.
        return HttpRequest(padded(message, self.limit + beyond), None if beyond else message)

    def _websocket(self, agent: Agent, beyond: int) -> WebSocketMessage:
        """Make a message whose header and data have the size."""
        message = agent.check_in()
        data = padded(message, self.limit + beyond - len(HEADER))
        return WebSocketMessage(HEADER + data, None if beyond else message, message.instance_uid)

    def _deliver(self, request: HttpRequest | WebSocketMessage) -> Exchange:
        """Deliver a message, and send it again if no answer arrives."""
        exchange = self._client.deliver(request)
        for _ in range(_ATTEMPTS - 1):
            has_ended = exchange.response is not None or exchange.close_code is not None
            if has_ended or exchange.seconds > _SOON_SECONDS:
                break
            exchange = self._client.deliver(request)
        return exchange
