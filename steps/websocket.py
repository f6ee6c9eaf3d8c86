"""Steps about WebSockets and the messages on them."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.actions.websocket import ZERO_IN_TWO_BYTES
from opamp_conformance.assertions import websocket as assert_websocket
from opamp_conformance.client.agent import Agent
from opamp_conformance.wire.exchange import Exchange
from opamp_proto import varint


@when(
    parsers.parse(
        'the agent opens a WebSocket that offers the subprotocol "{subprotocol}" and reports its full status'
    ),
    target_fixture="exchange",
)
def _(context: ScenarioContext, agent: Agent, subprotocol: str) -> Exchange:
    return context.websocket.open_and_report(agent, {"Sec-WebSocket-Protocol": subprotocol})


@when("the agent opens a WebSocket that offers compression and reports its full status", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    extensions = {"Sec-WebSocket-Extensions": "x-nonesuch, x-another; level=9"}
    return context.websocket.open_and_report(agent, extensions)


@when(parsers.parse("the agent reports its full status in {count:d} fragments"), target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent, count: int) -> Exchange:
    return context.websocket.report_in_fragments(agent, count)


@when("the agent sends a message with only the header", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.websocket.send_header_only(agent)


@when("the agent reports its full status after a header of 0 in two bytes", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.websocket.report_with_header(agent, ZERO_IN_TWO_BYTES)


@when(parsers.parse("the agent reports its full status after the header {header:d}"), target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent, header: int) -> Exchange:
    return context.websocket.report_with_header(agent, varint(header))


@when("the agent sends a text message and checks in", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.websocket.send_text_and_check_in(agent)


@when(parsers.parse("the agent checks in {count:d} times without waiting for answers"), target_fixture="exchanges")
def _(context: ScenarioContext, agent: Agent, count: int) -> list[Exchange]:
    return context.websocket.check_in_without_waiting(agent, count)


@given("the agent knows how many unsolicited messages the server sends", target_fixture="unsolicited")
def _(context: ScenarioContext, agent: Agent) -> float:
    return context.websocket.unsolicited_per_second(agent)


@when(
    parsers.parse("the agent checks in {count:d} times, and waits for {least:d} messages that are not unsolicited"),
    target_fixture="answers",
)
def _(context: ScenarioContext, agent: Agent, count: int, least: int, unsolicited: float) -> float:
    return context.websocket.answers_to_check_ins(agent, count, least, unsolicited)


@when("the agent pings the server", target_fixture="problem")
def _(context: ScenarioContext, agent: Agent) -> str | None:
    return context.websocket.ping(agent)


@then("the answer is a binary message")
def _(exchange: Exchange) -> None:
    assert_websocket.binary(exchange)


@then("the answer begins with the header 0")
def _(exchange: Exchange) -> None:
    assert_websocket.header_zero(exchange)


@then("only a ServerToAgent follows the header")
def _(exchange: Exchange) -> None:
    assert_websocket.server_to_agent_after_header(exchange)


@then("the answer has no field that only an AgentToServer has")
def _(exchange: Exchange) -> None:
    assert_websocket.no_agent_fields(exchange)


@then("the message is not processed")
def _(exchange: Exchange) -> None:
    assert_websocket.not_processed(exchange)


@then(parsers.parse("the server has sent {least:d} messages that are not unsolicited"))
def _(answers: float, least: int) -> None:
    assert_websocket.answers_arrived(answers, least)


@then("the WebSocket stays open")
def _(exchange: Exchange) -> None:
    assert_websocket.stays_open(exchange)


@then("the server answers with a pong")
def _(problem: str | None) -> None:
    assert_websocket.pong(problem)
