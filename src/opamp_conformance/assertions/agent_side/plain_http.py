"""The plain HTTP transport of an agent ("Plain HTTP Transport")."""

from opamp_agent_checks import AgentJudge
from opamp_conformance.assertions.common import require


def one_at_a_time(judge: AgentJudge) -> None:
    """Assert that no request came before the response to the last one. An agent may give that up, and close it."""
    found = judge.by_requirement().get("http.one-request-in-flight", [])
    require(not found, "no request before the response to the last one", found[0].actual if found else "")
