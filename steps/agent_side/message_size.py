"""Steps about the sizes of messages."""

from pytest_bdd import when

from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.scripted_server.replies import Refusal


@when("the server answers the agent's full report with the status 413")
def _(agent_session: AgentSession) -> None:
    agent_session.answer_report_with(Refusal(413))
