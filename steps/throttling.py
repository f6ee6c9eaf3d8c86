"""Steps about servers that are too busy, or fail."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance import messages
from opamp_conformance.agent import Agent
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import errors as expect_errors
from opamp_conformance.expect import replies as expect_replies
from opamp_conformance.scene import Scene


@given("the operator has the server overloaded for the agent")
def _(scene: Scene, agent: Agent) -> None:
    scene.operator.overload(agent)


@given("the operator has the next message of the agent fail")
def _(scene: Scene, agent: Agent) -> None:
    scene.operator.fail(agent)


@when("the agent reports its full status, and does not try again", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.send_once(agent.full_status())


@when("the agent checks in, and does not try again", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.send_once(agent.check_in())


@when(parsers.parse("the agent reports a configuration of {size:d} bytes"), target_fixture="exchange")
def _(scene: Scene, agent: Agent, size: int) -> Exchange:
    return scene.client.send(messages.with_large_configuration(agent, size))


@then("the report is answered, or refused as too large")
def _(exchange: Exchange) -> None:
    expect_replies.answered_unless_too_large(exchange)


@then("the error is Unavailable")
def _(exchange: Exchange) -> None:
    expect_errors.unavailable(exchange)


@then("the agent is asked to wait for 30 seconds or more")
def _(exchange: Exchange) -> None:
    expect_errors.long_wait(exchange)
