"""Steps about the WebSocket transport of an agent."""

from pytest_bdd import then, when

from opamp_conformance.actions.agent_side import websocket as websocket_actions
from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.assertions.agent_side import connection_settings as assert_settings
from opamp_conformance.scripted_server.records import PongReceived


@when("the server sends a WebSocket message of the header only")
def _(agent_session: AgentSession) -> None:
    websocket_actions.send_header_only(agent_session)


@when("the server asks for the agent's full state, under a header that is not 0")
def _(agent_session: AgentSession) -> None:
    websocket_actions.ask_under_wrong_header(agent_session)


@when("the server pings the agent")
def _(agent_session: AgentSession) -> None:
    websocket_actions.ping(agent_session)


@when("the server asks for the agent's full state, in a message of two fragments")
def _(agent_session: AgentSession) -> None:
    websocket_actions.ask_in_fragments(agent_session)


@then("the agent answers with a pong")
def _(agent_session: AgentSession) -> None:
    agent_session.expect(PongReceived, "a pong")


@then("the agent's full report comes")
def _(agent_session: AgentSession) -> None:
    agent_session.message("a full report", lambda message: message.HasField("agent_description"))


@then("the agent keeps its connection")
def _(agent_session: AgentSession) -> None:
    assert_settings.stays(agent_session.before_fence())
    websocket_actions.require_no_end(agent_session)
