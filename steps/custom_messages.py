"""Steps about custom capabilities and messages."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.assertions import custom_messages as assert_custom_messages
from opamp_conformance.assertions.common import satisfies
from opamp_conformance.client import sample_messages
from opamp_conformance.client.agent import Agent
from opamp_conformance.wire.exchange import Exchange


@given("a server with a custom capability", target_fixture="custom_capability")
def _(context: ScenarioContext) -> str:
    context.control_plane.require()
    return context.server.custom_capability


@given("a server that announces custom capabilities", target_fixture="exchange")
def _(context: ScenarioContext) -> Exchange:
    return context.server.tell_custom()


@given("an agent that has the server's custom capability", target_fixture="agent")
def _(context: ScenarioContext, custom_capability: str) -> Agent:
    return context.agents.with_custom_capability(custom_capability)


@given(parsers.parse('an agent that has the custom capability "{name}"'), target_fixture="agent")
def _(context: ScenarioContext, name: str) -> Agent:
    return context.agents.with_custom_capability(name)


@given("the agent has withdrawn its custom capabilities")
def _(context: ScenarioContext, agent: Agent) -> None:
    agent.custom_capabilities = ()
    context.agents.report(agent)


@when("the operator sends the agent a custom message")
def _(context: ScenarioContext, agent: Agent, custom_capability: str) -> None:
    context.control_plane.send_custom_message(agent, custom_capability)


@then("the custom message arrives")
def _(exchange: Exchange, custom_capability: str) -> None:
    assert_custom_messages.arrived(exchange, custom_capability)


@then("no custom message arrives")
def _(exchange: Exchange) -> None:
    assert_custom_messages.none_arrived(exchange)


@then("the names of the server's custom capabilities are reverse FQDNs")
def _(exchange: Exchange) -> None:
    satisfies("custom.reverse-fqdn", exchange)


@then("the message has no custom capabilities")
def _(exchange: Exchange) -> None:
    assert_custom_messages.no_capabilities(exchange)


@given("an agent that has the server's custom capabilities", target_fixture="agent")
def _(context: ScenarioContext, exchange: Exchange) -> Agent:
    return context.agents.with_custom_capability(*exchange.reply.custom_capabilities.capabilities)


@when(
    "the agent sends a custom message of the server's first custom capability after 1 lost message",
    target_fixture="exchange",
)
def _(context: ScenarioContext, agent: Agent, exchange: Exchange) -> Exchange:
    agent.lose(1)
    name = exchange.reply.custom_capabilities.capabilities[0]
    return context.client.send(sample_messages.custom_message(agent, name))


@when("the agent sends a custom message of the server's first custom capability", target_fixture="exchanges")
def _(context: ScenarioContext, agent: Agent, exchange: Exchange) -> list[Exchange]:
    return context.agents.send_custom_message(agent, exchange.reply.custom_capabilities.capabilities[0])


@then("a custom message that arrives is for a custom capability of the agent")
def _(exchanges: list[Exchange], agent: Agent) -> None:
    for exchange in exchanges:
        assert_custom_messages.only_of(exchange, agent.custom_capabilities or ())
