"""The offers that a server makes to every agent that can take them, without an operator."""

from functools import cached_property
from typing import Final

from opamp_conformance.client.agent import EVERY_CAPABILITY, ORDINARY_CAPABILITIES, Agent
from opamp_conformance.client.client import Client
from opamp_proto import opamp_pb2 as pb

_FIELDS: Final = {
    "OffersRemoteConfig": "remote_config",
    "OffersConnectionSettings": "connection_settings",
    "OffersPackages": "packages_available",
}
"""The field of ServerToAgent that a capability is about."""


class StandingOffers:
    """Lets one agent with every capability report, and looks what it is offered. The answer holds for the whole run."""

    def __init__(self, client: Client, run_id: str) -> None:
        self._client = client
        self._run_id = run_id

    def has(self, capability: str) -> bool:
        """Return whether every agent is offered what a server capability is about, by its name in the specification."""
        return self.seen.HasField(_FIELDS[capability])

    def has_any(self) -> bool:
        """Return whether every agent is offered anything."""
        return any(self.has(capability) for capability in _FIELDS)

    def offers_signal(self, field: str, capability: int) -> bool:
        """Return whether an agent whose only signal of own telemetry is ``field`` is offered settings for it."""
        agent = Agent(self._run_id, capabilities=ORDINARY_CAPABILITIES | capability)
        message = self._client.send(agent.full_status()).message
        return message is not None and bool(message.connection_settings.HasField(field))

    @cached_property
    def seen(self) -> pb.ServerToAgent:
        """The offers to a new agent, in one message."""
        agent = Agent(self._run_id, capabilities=EVERY_CAPABILITY)
        seen = pb.ServerToAgent()
        for exchange in (
            self._client.send(agent.full_status()),
            self._client.receive_next(agent.check_in, agent.instance_uid),
        ):
            if exchange.message is not None:
                seen.MergeFrom(exchange.everything)
        return seen
