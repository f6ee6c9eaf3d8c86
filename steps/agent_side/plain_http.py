"""Steps about the plain HTTP transport of an agent."""

from pytest_bdd import then, when

from opamp_conformance.actions.agent_side import plain_http as http_actions
from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.assertions.agent_side import plain_http as assert_http
from opamp_proto import opamp_pb2 as pb


@when("the server takes 1.5 seconds for a response, at an interval of polls of 1 second")
def _(agent_session: AgentSession) -> None:
    http_actions.answer_slowly(agent_session)


@then("no other request of the agent came in between")
def _(agent_session: AgentSession) -> None:
    assert_http.one_at_a_time(agent_session.server.judge)


@when("the server asks for the agent's full state, in a response with gzip", target_fixture="report")
def _(agent_session: AgentSession) -> pb.AgentToServer:
    return http_actions.ask_with_gzip(agent_session)
