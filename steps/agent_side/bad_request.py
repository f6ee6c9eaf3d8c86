"""Steps about errors that an agent must not answer with the same message."""

from pytest_bdd import when

from opamp_conformance.actions.agent_side import status_reporting as status_actions
from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_proto import opamp_pb2 as pb


@when("the server answers the agent's full report with a BadRequest")
def _(agent_session: AgentSession) -> None:
    status_actions.answer_report_with_error(agent_session, pb.ServerErrorResponseType_BadRequest)
