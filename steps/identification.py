"""Steps about the instance_uid of a message."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.actions.preconditions import require_16_bytes
from opamp_conformance.assertions import identification as assert_identification
from opamp_conformance.assertions.common import satisfies
from opamp_conformance.client.agent import REQUEST_INSTANCE_UID, Agent
from opamp_conformance.wire.exchange import Exchange


@given("the agent has asked for a new instance_uid and received one", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.instance_uid.answered(agent)


@given("the agent has received a new instance_uid, and uses it")
def _(context: ScenarioContext, agent: Agent) -> None:
    agent.adopt(require_16_bytes(context.instance_uid.answered(agent)).new_instance_uid)


@given("the agent has asked for a new instance_uid and received one of 16 bytes", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return require_16_bytes(context.instance_uid.answered(agent))


@when(
    parsers.parse("the agent reports its full status with an instance_uid of {length:d} bytes"),
    target_fixture="exchange",
)
def _(context: ScenarioContext, agent: Agent, length: int) -> Exchange:
    return context.malformed.wrong_uid_length(agent, length)


@when(
    parsers.parse("the agent asks for a new instance_uid with an instance_uid of {length:d} bytes"),
    target_fixture="exchange",
)
def _(context: ScenarioContext, agent: Agent, length: int) -> Exchange:
    return context.malformed.wrong_uid_length(agent, length, flags=REQUEST_INSTANCE_UID)


@when(
    parsers.parse("{count:d} other agents report their full status on the agent's WebSocket"),
    target_fixture="exchanges",
)
def _(context: ScenarioContext, agent: Agent, count: int) -> list[Exchange]:
    return context.websocket.report_on_connection_of(agent, context.agents.several(count))


@then("the response echoes the instance_uid of the request")
def _(exchange: Exchange) -> None:
    assert_identification.echo(exchange)


@then("each response echoes the instance_uid of its request")
def _(exchanges: list[Exchange]) -> None:
    for exchange in exchanges:
        assert_identification.echo(exchange)


@then("an error with an instance_uid is addressed to its sender")
def _(exchange: Exchange) -> None:
    assert_identification.echo_if_named(exchange)


@then("an instance_uid is announced")
def _(exchange: Exchange) -> None:
    assert_identification.announced(exchange)


@then("each agent receives another instance_uid")
def _(exchanges: list[Exchange]) -> None:
    assert_identification.all_different(exchanges, "identification.request-uid.answered")


@then("new_instance_uid has 16 bytes")
def _(exchange: Exchange) -> None:
    satisfies("identification.new-instance-uid.length", exchange)


@then("new_instance_uid is a UUID version 7")
def _(exchange: Exchange) -> None:
    assert_identification.uuid_version_7(exchange)


@given("an unknown agent whose instance_uid is no UUID", target_fixture="agent")
def _(context: ScenarioContext) -> Agent:
    return context.agents.with_arbitrary_uid()


@given("another agent has reported its full status on the agent's WebSocket", target_fixture="other_agent")
def _(context: ScenarioContext, agent: Agent) -> Agent:
    return context.websocket.accompany(agent, context.agents.with_every_capability())


@when("both agents check in without waiting", target_fixture="exchanges")
def _(context: ScenarioContext, agent: Agent, other_agent: Agent) -> list[Exchange]:
    return context.websocket.check_in_both_without_waiting(agent, other_agent)


@then("each of the agents receives its own answer")
def _(exchanges: list[Exchange]) -> None:
    assert_identification.own_answers(exchanges)


@when("the agents report their full status on one WebSocket", target_fixture="exchanges")
def _(context: ScenarioContext, agents: list[Agent]) -> list[Exchange]:
    return context.websocket.report_on_connection_of(agents[0], agents)


@when("the operator offers the other agent a configuration")
def _(context: ScenarioContext, other_agent: Agent) -> None:
    context.offers.offer_configuration(other_agent, "receivers: {}")


@when("the other agent receives the next message", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent, other_agent: Agent) -> Exchange:
    return context.websocket.receive_for(agent, other_agent)


@then("the response is addressed to the agent")
def _(exchange: Exchange, agent: Agent) -> None:
    assert_identification.addressed_to(exchange, agent.instance_uid)


@then("the response is addressed to the other agent")
def _(exchange: Exchange, other_agent: Agent) -> None:
    assert_identification.addressed_to(exchange, other_agent.instance_uid)


@given("an agent whose instance_uid has only zeros", target_fixture="agent")
def _(context: ScenarioContext) -> Agent:
    return context.agents.with_zero_uid()
