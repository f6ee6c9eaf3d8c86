"""Requests for a new instance_uid: the flag RequestInstanceUid, and what an agent does with the answer."""

from collections.abc import Sequence

from opamp_conformance.actions.preconditions import require_16_bytes
from opamp_conformance.client.agent import REQUEST_INSTANCE_UID, Agent
from opamp_conformance.client.client import Client
from opamp_conformance.errors import PreconditionFailedError
from opamp_conformance.wire.exchange import Exchange


class InstanceUidRequests:
    """Asks for new instance_uids, and adopts them. A Given that the target breaks raises PreconditionFailedError."""

    def __init__(self, client: Client, run_id: str) -> None:
        self._client = client
        self._run_id = run_id

    def ask(self, agent: Agent) -> Exchange:
        return self._client.send(agent.full_status(flags=REQUEST_INSTANCE_UID))

    def ask_in_a_row(self, agents: Sequence[Agent]) -> list[Exchange]:
        return [self.ask(agent) for agent in agents]

    def ask_at_once(self, agents: Sequence[Agent]) -> list[Exchange]:
        return self._client.send_at_once([agent.full_status(flags=REQUEST_INSTANCE_UID) for agent in agents])

    def clones_ask_at_once(self, agent: Agent, clones: int) -> list[Exchange]:
        return self.ask_at_once([agent, *(agent.clone() for _ in range(clones))])

    def answered(self, agent: Agent) -> Exchange:
        """Ask, and require an answer with a new_instance_uid, in any form (AgentToServerFlags)."""
        exchange = self.ask(agent)
        if not exchange.new_instance_uid:
            raise PreconditionFailedError("identification.request-uid.answered", "no new_instance_uid is announced")
        return exchange

    def enrolled_anew(self, agent: Agent, *, described: bool = True) -> Exchange:
        """Ask, and require a new enrollment by the fleet contract; ``described`` says whether the report is full."""
        exchange = self.ask(agent) if described else self._client.send(agent.check_in(flags=REQUEST_INSTANCE_UID))
        if exchange.reply.HasField("error_response") or not exchange.new_instance_uid:
            raise PreconditionFailedError("fleet.request-uid.unknown-agent", "no new_instance_uid is announced")
        return require_16_bytes(exchange)

    def adopt(self, agent: Agent, exchange: Exchange) -> None:
        """Let the agent use the new_instance_uid of an exchange from now on."""
        agent.adopt(exchange.new_instance_uid)

    def rename(self, agent: Agent) -> None:
        """Let the agent ask for a new instance_uid, and adopt it."""
        self.adopt(agent, require_16_bytes(self.answered(agent)))

    def successor(self, exchange: Exchange) -> Agent:
        """Return the agent that the target knows under the new_instance_uid of an exchange."""
        successor = Agent(self._run_id, require_16_bytes(exchange).new_instance_uid)
        successor.sequence_num = exchange.request.message.sequence_num if exchange.request.message else 0
        return successor
