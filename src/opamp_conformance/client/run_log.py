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
