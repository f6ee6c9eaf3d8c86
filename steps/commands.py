"""Steps about commands."""

from pytest_bdd import given, then, when

from opamp_conformance.agent import Agent
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import offers as expect_offers
from opamp_conformance.scene import Scene


@given("the operator has offered the agent everything and commanded it to restart")
def _(scene: Scene, agent: Agent) -> None:
    scene.operator.offer_everything(agent)
    scene.operator.command_restart(agent)


@when("the operator commands the agent to restart")
def _(scene: Scene, agent: Agent) -> None:
    scene.operator.command_restart(agent)


@then("a command comes alone")
def _(exchange: Exchange) -> None:
    expect_offers.command_alone(exchange)


@then("no command comes beside anything else")
def _(exchange: Exchange) -> None:
    expect_offers.no_command_beside_anything(exchange)


@then("there is no command")
def _(exchange: Exchange) -> None:
    expect_offers.no_command(exchange)
