"""Steps about WebSockets and the messages on them."""

from pytest_bdd import parsers, then, when

from opamp_conformance.agent import Agent
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import websocket as expect_websocket
from opamp_conformance.lanes import ZERO_IN_TWO_BYTES
from opamp_conformance.scene import Scene
from opamp_proto import varint


@when(
    parsers.parse(
        'the agent opens a WebSocket that offers the subprotocol "{subprotocol}" and reports its full status'
    ),
    target_fixture="exchange",
)
def _(scene: Scene, agent: Agent, subprotocol: str) -> Exchange:
    return scene.lanes.report_opening_with(agent, {"Sec-WebSocket-Protocol": subprotocol})


@when("the agent opens a WebSocket that offers compression and reports its full status", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.lanes.report_opening_with(agent, {"Sec-WebSocket-Extensions": "x-nonesuch, x-another; level=9"})


@when(parsers.parse("the agent reports its full status in {count:d} fragments"), target_fixture="exchange")
def _(scene: Scene, agent: Agent, count: int) -> Exchange:
    return scene.lanes.report_in_fragments(agent, count)


@when("the agent sends a message of nothing but the header", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.lanes.send_header_only(agent)


@when("the agent reports its full status behind a header of 0 in two bytes", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.lanes.report_behind(agent, ZERO_IN_TWO_BYTES)


@when(parsers.parse("the agent reports its full status behind the header {header:d}"), target_fixture="exchange")
def _(scene: Scene, agent: Agent, header: int) -> Exchange:
    return scene.lanes.report_behind(agent, varint(header))


@when("the agent sends a text message and checks in", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.lanes.send_text_and_check_in(agent)


@when(parsers.parse("the agent checks in {count:d} times without waiting for answers"), target_fixture="exchanges")
def _(scene: Scene, agent: Agent, count: int) -> list[Exchange]:
    return scene.lanes.check_in_without_waiting(agent, count)


@when("the agent pings the server", target_fixture="problem")
def _(scene: Scene, agent: Agent) -> str | None:
    return scene.lanes.ping(agent)


@then("the answer is a binary message")
def _(exchange: Exchange) -> None:
    expect_websocket.binary(exchange)


@then("the answer begins with the header 0")
def _(exchange: Exchange) -> None:
    expect_websocket.header_zero(exchange)


@then("nothing but a ServerToAgent follows the header")
def _(exchange: Exchange) -> None:
    expect_websocket.server_to_agent_behind_header(exchange)


@then("the answer has no field that only an AgentToServer has")
def _(exchange: Exchange) -> None:
    expect_websocket.no_fields_of_agents(exchange)


@then("the message is not processed")
def _(exchange: Exchange) -> None:
    expect_websocket.not_processed(exchange)


@then("the WebSocket goes on")
def _(exchange: Exchange) -> None:
    expect_websocket.goes_on(exchange)


@then("the server answers with a pong")
def _(problem: str | None) -> None:
    expect_websocket.pong(problem)
