"""The capabilities that the server announces (ServerCapabilities, CustomCapabilities)."""

from functools import cached_property

from opamp_conformance.actions.preconditions import require_accepted
from opamp_conformance.client.agent import Agent
from opamp_conformance.client.client import Client
from opamp_conformance.errors import NotApplicableError, PreconditionFailedError
from opamp_conformance.wire.exchange import Exchange
from opamp_proto import opamp_pb2 as pb


class ServerCapabilities:
    """Looks at the first reply to an agent. A capability that is not announced makes a scenario not applicable."""

    def __init__(self, client: Client, run_id: str, assumed: int = 0) -> None:
        """``assumed`` are the bits that the server is graded by even if it does not announce them."""
        self._client = client
        self._run_id = run_id
        self._assumed = assumed

    @cached_property
    def announced(self) -> int:
        """The bits that the server announces."""
        return int(self._first_reply.capabilities)

    @property
    def custom_capability(self) -> str:
        """A custom capability of the server; raises NotApplicableError if it has none."""
        capabilities = self._first_reply.custom_capabilities.capabilities
        if not capabilities:
            raise NotApplicableError("the server announces no custom capabilities")
        return capabilities[0]

    def require(self, capability: str) -> None:
        """Raise NotApplicableError unless a capability is announced or assumed; its name is the specification's."""
        if not (self.announced | self._assumed) & pb.ServerCapabilities.Value(f"ServerCapabilities_{capability}"):
            raise NotApplicableError(f"the server does not announce {capability}")

    def tell(self) -> Exchange:
        """Let the server announce its capabilities to an unknown agent; requires that it does."""
        exchange = require_accepted(self._client.send(Agent(self._run_id).full_status()))
        if not exchange.reply.capabilities:
            raise PreconditionFailedError("capabilities.server.first-message", "the first response has no capabilities")
        return exchange

    def tell_custom(self) -> Exchange:
        """Let the server announce its custom capabilities to an unknown agent."""
        exchange = self.tell()
        if not exchange.reply.custom_capabilities.capabilities:
            raise NotApplicableError("the server announces no custom capabilities")
        return exchange

    @cached_property
    def _first_reply(self) -> pb.ServerToAgent:
        reply = self._client.send(Agent(self._run_id).full_status()).reply
        if reply.HasField("error_response"):
            raise PreconditionFailedError(
                "response.no-error-on-success", "an unknown agent's full report is answered with an error"
            )
        return reply
