"""The agents of a scenario, and their ordinary reports."""

import secrets
import time
import uuid
from typing import Final

from opamp_conformance.actions.preconditions import require_accepted
from opamp_conformance.client import sample_messages
from opamp_conformance.client.agent import EVERY_CAPABILITY, Agent, capability
from opamp_conformance.client.client import Client
from opamp_conformance.errors import NotApplicableError
from opamp_conformance.wire.exchange import Exchange
from opamp_proto import INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb

_MORE_THAN_A_SECOND: Final = 1.1


class Agents:
    """Makes agents, and lets them report. A Given that the target breaks raises PreconditionFailedError."""

    def __init__(self, client: Client, run_id: str) -> None:
        self._client = client
        self._run_id = run_id

    def unknown(self) -> Agent:
        """Make an agent that the target has never seen."""
        return Agent(self._run_id)

    def with_arbitrary_uid(self) -> Agent:
        """Make an agent with an instance_uid of 16 bytes that is no UUID of any version."""
        uid = bytearray(secrets.token_bytes(INSTANCE_UID_BYTES))
        uid[6], uid[8] = 0xFF, 0
        return Agent(self._run_id, bytes(uid))

    def with_uuid_of(self, version: int) -> Agent:
        """Make an agent whose instance_uid is a UUID of version 1 or 4."""
        return Agent(self._run_id, {1: uuid.uuid1, 4: uuid.uuid4}[version]().bytes)

    def with_zero_uid(self) -> Agent:
        """Make an agent that does not have an instance_uid yet, and sends zeros in its place."""
        return Agent(self._run_id, bytes(INSTANCE_UID_BYTES))

    def send_only_uid(self, agent: Agent) -> Exchange:
        """Send a message that has only its instance_uid, as a heartbeat or a poll."""
        message = pb.AgentToServer(instance_uid=agent.instance_uid)
        return self._client.send_bytes(message.SerializeToString(), message)

    def several(self, count: int) -> list[Agent]:
        return [self.unknown() for _ in range(count)]

    def with_every_capability(self, *without: str) -> Agent:
        """Make an agent with every capability that the specification defines, except for some."""
        missing = sum(capability(name) for name in without)
        return Agent(self._run_id, capabilities=EVERY_CAPABILITY & ~missing)

    def with_custom_capability(self, *names: str) -> Agent:
        agent = self.with_every_capability()
        agent.custom_capabilities = names
        return agent

    def send_custom_message(self, agent: Agent, custom_capability: str) -> list[Exchange]:
        """Send a custom message of a custom capability, and check in.

        What the server sends in return arrives with the answers, or between them.
        """
        message = sample_messages.custom_message(agent, custom_capability)
        return [self._client.send(message), self._client.send(agent.check_in())]

    def only_reporting_status(self) -> Agent:
        """Make an agent that has only the capability that every agent must have."""
        return Agent(self._run_id, capabilities=capability("ReportsStatus"))

    def reported(self) -> Agent:
        """Make an agent that has reported its full status (the specification does not define enrollment)."""
        agent = self.unknown()
        self.report(agent)
        return agent

    def reported_like(self, agent: Agent) -> Agent:
        """Make another agent with the same capabilities that has reported its full status."""
        other = Agent(self._run_id, capabilities=agent.capabilities)
        self.report(other)
        return other

    def report(self, agent: Agent) -> Exchange:
        """Report the full status of an agent."""
        return require_accepted(self._client.send(agent.full_status()))

    def check_in(self, agent: Agent, times: int = 1) -> None:
        for _ in range(times):
            require_accepted(self._client.send(agent.check_in()))

    def check_in_later(self, agent: Agent) -> Exchange:
        """Check in when the time in full seconds is another one than that of the message before."""
        time.sleep(_MORE_THAN_A_SECOND)
        return self._client.send(agent.check_in())

    def check_in_without_gap(self, agent: Agent) -> None:
        """Check in when nothing is missing.

        If a server asks for the full state even then, it asks on any connection, so the request proves nothing.
        """
        exchange = require_accepted(self._client.send(agent.check_in()))
        if exchange.reply.flags & pb.ServerToAgentFlags_ReportFullState:
            raise NotApplicableError("the server asks for the full state even if nothing is missing")

    def disconnect(self, agent: Agent) -> None:
        """Send agent_disconnect, and leave the connection open."""
        require_accepted(self._client.send(agent.disconnect()))
