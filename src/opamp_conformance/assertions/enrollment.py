"""Which agents are enrolled (docs/fleet-contract.md)."""

from opamp_conformance.actions.enrollment import Enrollment
from opamp_conformance.assertions.common import require
from opamp_conformance.client.agent import Agent


def enrolled(enrollment: Enrollment, agent: Agent) -> None:
    """Assert that an agent is enrolled: the server accepts its agent_disconnect."""
    require(enrollment.is_enrolled(agent), "an enrolled agent, whose agent_disconnect is accepted", "BadRequest")


def not_enrolled(enrollment: Enrollment, agent: Agent) -> None:
    """Assert that an agent is not enrolled: the server refuses its agent_disconnect."""
    expected = "an agent that is not enrolled, so its agent_disconnect is refused"
    require(not enrollment.is_enrolled(agent), expected, "accepted")
