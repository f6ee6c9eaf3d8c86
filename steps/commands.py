"""Steps about commands."""

from pytest_bdd import given, then, when

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.assertions import commands as assert_commands
from opamp_conformance.assertions.common import satisfies
from opamp_conformance.client.agent import Agent
from opamp_conformance.wire.exchange import Exchange


@given("the operator has offered the agent everything and sent it a restart command")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.offers.offer_everything(agent)
    context.control_plane.command_restart(agent)


@when("the operator sends the agent a restart command")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.control_plane.command_restart(agent)


@then("the message has no other content than the command")
def _(exchange: Exchange) -> None:
    assert_commands.sent_alone(exchange)


@then("the message has no command together with other content")
def _(exchange: Exchange) -> None:
    satisfies("command.alone", exchange)


@then("the message has no command")
def _(exchange: Exchange) -> None:
    assert_commands.none_sent(exchange)
