"""Steps about connections: their end, who lives on them, and who lives at all."""

from pytest_bdd import given, then, when

from opamp_conformance.agent import Agent
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import replies as expect_replies
from opamp_conformance.expect import websocket as expect_websocket
from opamp_conformance.scene import Scene


@given("the agent has said goodbye")
def _(scene: Scene, agent: Agent) -> None:
    scene.say_goodbye(agent)


@given("the agent has closed its connection")
def _(scene: Scene, agent: Agent) -> None:
    scene.lanes.close(agent)


@given("the agent has checked in and was not asked for the full state")
def _(scene: Scene, agent: Agent) -> None:
    scene.check_in_unasked(agent)


@when("the agent closes its WebSocket", target_fixture="code")
def _(scene: Scene, agent: Agent) -> int | None:
    return scene.lanes.close(agent)


@when("the operator has the agent's WebSocket closed", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    scene.operator.close_connection(agent)
    return scene.client.receive(agent.instance_uid)


@when("a clone of the agent reports its full status on a WebSocket of its own", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.lanes.report_apart(agent.clone())


@when("the agent checks in and closes the connection after it", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.check_in_and_close(agent)


@then("the server answers with a Close frame")
def _(code: int | None) -> None:
    expect_websocket.close_frame(code)


@then("the WebSocket was closed by a Close frame")
def _(exchange: Exchange) -> None:
    expect_websocket.closed_by_frame(exchange)


@then("the clone is given a new_instance_uid, or turned away")
def _(exchange: Exchange) -> None:
    expect_websocket.turned_away_or_renamed(exchange)


@then("the server takes the agent for disconnected")
def _(scene: Scene, agent: Agent) -> None:
    expect_replies.connected(scene.operator.record_once(agent, connected=False), False)


@then("the server takes the agent for connected")
def _(scene: Scene, agent: Agent) -> None:
    expect_replies.connected(scene.operator.record_once(agent, connected=True), True)


@then("the server does not ask for the full state")
def _(exchange: Exchange) -> None:
    expect_replies.no_full_state_requested(exchange)
