"""Steps about peers with fewer capabilities, or more."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.assertions import interoperability as assert_interoperability
from opamp_conformance.client import sample_messages
from opamp_conformance.client.agent import EVERY_CAPABILITY, Agent, capability
from opamp_conformance.wire.exchange import Exchange


@given("the agent has withdrawn the capability AcceptsRemoteConfig")
def _(context: ScenarioContext, agent: Agent) -> None:
    agent.capabilities &= ~capability("AcceptsRemoteConfig")
    context.agents.report(agent)


@when(parsers.parse("the agent withdraws the capability {name}"), target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent, name: str) -> Exchange:
    agent.capabilities &= ~capability(name)
    return context.client.send(agent.full_status())


@given("the operator has defined offers of every kind for the agent")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.offers.define_everything(agent)


@given("the operator has defined offers of every kind for the agents")
def _(context: ScenarioContext, agents: list[Agent]) -> None:
    for agent in agents:
        context.offers.define_everything(agent)


@then("the agents are offered the same")
def _(exchanges: list[Exchange]) -> None:
    assert_interoperability.same_offers(exchanges)


@when("the operator offers the agent everything")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.offers.offer_everything(agent)


@when("the agent reports its full status with fields of a newer protocol", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(sample_messages.with_newer_fields(agent))


@when("the agent reports a remote configuration status of a newer protocol", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(sample_messages.with_newer_value(agent))


@when("the agent describes itself with an attribute that is null", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(sample_messages.with_null_attribute(agent))


@when("the agent describes itself with attributes that are empty lists", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(sample_messages.with_empty_lists(agent))


@then("the agent is offered nothing")
def _(exchange: Exchange) -> None:
    assert_interoperability.nothing_offered(exchange)


@then("the server uses only capabilities that it has announced")
def _(context: ScenarioContext, exchange: Exchange) -> None:
    assert_interoperability.only_announced(exchange, context.server.announced)


@given(parsers.parse("the agent has checked in without the capability {name}"))
def _(context: ScenarioContext, agent: Agent, name: str) -> None:
    agent.capabilities &= ~capability(name)
    context.agents.check_in(agent)


@when("the agent reports its full status with a capability of a newer protocol", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(sample_messages.with_newer_capability(agent))


@when("the agent describes itself with attributes of each kind", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(sample_messages.with_attributes_of_each_kind(agent))


@given("the operator has defined a configuration for the agent")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.offers.define_configuration(agent, "receivers: {}")


@when("the agent reports its full status with every capability", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    agent.capabilities = EVERY_CAPABILITY
    return context.client.send(agent.full_status())
