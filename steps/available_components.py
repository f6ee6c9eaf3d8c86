"""Steps about available components."""

from pytest_bdd import parsers, when

from opamp_conformance import messages
from opamp_conformance.agent import Agent
from opamp_conformance.exchange import Exchange
from opamp_conformance.scene import Scene


@when(parsers.parse("the agent describes components nested {depth:d} deep"), target_fixture="exchange")
def _(scene: Scene, agent: Agent, depth: int) -> Exchange:
    return scene.client.send(messages.with_components(agent, depth))
