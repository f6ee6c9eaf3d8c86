"""Steps about connections: how they end, and which agents are connected."""

from pytest_bdd import given, then, when

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.assertions import connections as assert_connections
from opamp_conformance.assertions import status_reporting as assert_status_reporting
from opamp_conformance.client.agent import Agent
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.websocket import Closing


@given("the agent has sent agent_disconnect")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.agents.disconnect(agent)


@given("the agent has closed its connection")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.websocket.close(agent)


@given("the agent's connection has broken")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.websocket.break_connection(agent)


@given("the agent has checked in and was not asked for the full state")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.agents.check_in_without_gap(agent)


@when("the agent closes its WebSocket", target_fixture="closing")
def _(context: ScenarioContext, agent: Agent) -> Closing:
    return context.websocket.close(agent)


@when("the operator closes the agent's WebSocket", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    context.control_plane.close_connection(agent)
    return context.websocket.receive(agent)


@when("a clone of the agent reports its full status on another WebSocket", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.websocket.report_on_separate_connection(agent.clone())


@when("the agent checks in and closes the connection after the response", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.http.check_in_and_close(agent)


@then("the server answers with a Close frame and ends the connection")
def _(closing: Closing) -> None:
    assert_connections.close_frame(closing)


@then("the WebSocket was closed by a Close frame")
def _(exchange: Exchange) -> None:
    assert_connections.closed_by_frame(exchange)


@then("the clone receives a new_instance_uid, or is refused")
def _(exchange: Exchange) -> None:
    assert_connections.refused_or_renamed(exchange)


@then("the server regards the agent as disconnected")
def _(context: ScenarioContext, agent: Agent) -> None:
    assert_connections.disconnected(context.control_plane.settled_record(agent, connected=False))


@then("the server regards the agent as connected")
def _(context: ScenarioContext, agent: Agent) -> None:
    assert_connections.connected(context.control_plane.settled_record(agent, connected=True))


@then("the server does not ask for the full state")
def _(exchange: Exchange) -> None:
    assert_status_reporting.no_full_state_requested(exchange)


@when("the agent sends only its instance_uid", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.agents.send_only_uid(agent)


@then("the server regards both agents as disconnected")
def _(context: ScenarioContext, agent: Agent, other_agent: Agent) -> None:
    for one in (agent, other_agent):
        assert_connections.disconnected(context.control_plane.settled_record(one, connected=False))


@when("the other agent reports its full status on a WebSocket of its own", target_fixture="exchange")
def _(context: ScenarioContext, other_agent: Agent) -> Exchange:
    return context.client.send(other_agent.full_status())


@when("a clone of the agent checks in on another WebSocket", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.websocket.check_in_on_separate_connection(agent.clone())


@given("a clone of the agent has reported its full status on another WebSocket")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.websocket.report_on_separate_connection(agent.clone())


@when("a second clone of the agent reports its full status on a third WebSocket", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.websocket.report_on_third_connection(agent.clone())


@given("another agent has reported its full status on a WebSocket of its own", target_fixture="other_agent")
def _(context: ScenarioContext) -> Agent:
    return context.agents.reported()


@when("a clone of the agent reports its full status on the other agent's WebSocket", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent, other_agent: Agent) -> Exchange:
    return context.websocket.report_as_clone_on_connection_of(other_agent, agent.clone())


@given("the other agent has sent agent_disconnect on the agent's WebSocket")
def _(context: ScenarioContext, agent: Agent, other_agent: Agent) -> None:
    context.websocket.disconnect_on_connection_of(agent, other_agent)
