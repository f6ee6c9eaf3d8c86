"""Steps about available components."""

from pytest_bdd import parsers, when

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.client import sample_messages
from opamp_conformance.client.agent import Agent
from opamp_conformance.wire.exchange import Exchange


@when(parsers.parse("the agent reports components nested {depth:d} levels deep"), target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent, depth: int) -> Exchange:
    return context.client.send(sample_messages.with_components(agent, depth))
