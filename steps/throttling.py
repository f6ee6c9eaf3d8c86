"""Steps about servers that are too busy, or fail."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.assertions import status_reporting as assert_status_reporting
from opamp_conformance.assertions import throttling as assert_throttling
from opamp_conformance.assertions.common import exchange_satisfies
from opamp_conformance.client import sample_messages
from opamp_conformance.client.agent import Agent
from opamp_conformance.wire.exchange import Exchange


@given("the operator overloads the server for the agent's next message")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.control_plane.overload(agent)


@given("the operator makes the agent's next message fail")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.control_plane.fail(agent)


@when("the agent reports its full status, and does not retry", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send_once(agent.full_status())


@when("the agent checks in, and does not retry", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send_once(agent.check_in())


@when(parsers.parse("the agent reports a configuration of {size:d} bytes"), target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent, size: int) -> Exchange:
    return context.client.send(sample_messages.with_large_configuration(agent, size))


@then("the report is answered, or refused as too large")
def _(exchange: Exchange) -> None:
    assert_status_reporting.answered_unless_too_large(exchange)


@then("the error is Unavailable")
def _(exchange: Exchange) -> None:
    assert_throttling.unavailable(exchange)


@then("the agent is asked to wait for 30 seconds or more")
def _(exchange: Exchange) -> None:
    exchange_satisfies("throttle.min-30s", exchange)
