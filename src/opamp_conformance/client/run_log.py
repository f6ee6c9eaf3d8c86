"""The observations of all clients of one process."""

from dataclasses import dataclass, field

from opamp_conformance.checks.findings import Findings
from opamp_conformance.client.agent_tracker import AgentTracker
from opamp_conformance.wire.exchange import Exchange


@dataclass
class RunLog:
    """The exchanges of the current scenario, the findings of the run, and the agents that the run created."""

    exchanges: list[Exchange] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    agents: AgentTracker = field(default_factory=AgentTracker)

    def record(self, exchange: Exchange) -> None:
        """Record one exchange; every message of the target passes here."""
        self.exchanges.append(exchange)
        self.agents.record(exchange)
        self.findings.inspect(exchange)

    def lacks_something(self, exchange: Exchange) -> bool:
        """Return whether an answer that is not yet recorded breaks what it has to be."""
        return self.findings.conversation.lacks_something(exchange)

    def record_unjudged(self, exchange: Exchange) -> None:
        """Record an exchange that is not part of a scenario."""
        self.agents.record(exchange)
        self.findings.conversation.forget(exchange.instance_uid)

    def connection_closed(self, connection_id: bytes) -> None:
        """Note that a WebSocket is closed."""
        self.agents.connection_closed(connection_id)
        self.findings.conversation.connection_closed(connection_id)

    def overlapping(self, *instance_uids: bytes) -> None:
        """Note that agents send messages whose order of arrival is not known."""
        for instance_uid in instance_uids:
            self.findings.conversation.overlapping(instance_uid)

    def end_scenario(self) -> None:
        """Forget the exchanges of a scenario, and its agents, whose connections are closed."""
        self.exchanges.clear()
        self.findings.conversation.forget_agents()
