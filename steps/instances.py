"""Steps about several instances of a server."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.assertions import identification as assert_identification
from opamp_conformance.client.agent import Agent
from opamp_conformance.wire.exchange import Exchange


@given("a server with another instance")
def _(context: ScenarioContext) -> None:
    context.other_instance.require()


@when("the agent checks in at the other instance", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.other_instance.check_in(agent)


@when("the agent disconnects at the other instance", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.other_instance.disconnect(agent)


@when("the agent asks the other instance for a new instance_uid", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.other_instance.ask_for_instance_uid(agent)


@when(
    parsers.parse("the agent and {clones:d} clones of it ask both instances for a new instance_uid at once"),
    target_fixture="exchanges",
)
def _(context: ScenarioContext, agent: Agent, clones: int) -> list[Exchange]:
    return context.other_instance.clones_ask_both(agent, clones)


@when("the agent reports its full status to both instances at once", target_fixture="exchanges")
def _(context: ScenarioContext, agent: Agent) -> list[Exchange]:
    return context.other_instance.report_to_both(agent)


@then("every message is accepted, and no new_instance_uid is announced")
def _(exchanges: list[Exchange]) -> None:
    assert_identification.all_accepted_none_announced(exchanges)
