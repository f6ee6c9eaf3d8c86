"""Steps about available components."""

from pytest_bdd import parsers, then, when

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.assertions import available_components as assert_available_components
from opamp_conformance.client import sample_messages
from opamp_conformance.client.agent import Agent
from opamp_conformance.wire.exchange import Exchange


@when("the agent reports its full status with all its components", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(sample_messages.full_status_with_components(agent))


@when(parsers.parse("the agent reports components nested {depth:d} levels deep"), target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent, depth: int) -> Exchange:
    return context.client.send(sample_messages.with_components(agent, depth))


@then("the server does not ask for the components")
def _(exchange: Exchange) -> None:
    assert_available_components.not_asked_for(exchange)
