"""Steps about reports, their answers, and what each side knows of the other."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance import messages
from opamp_conformance.agent import Agent
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import errors as expect_errors
from opamp_conformance.expect import replies as expect_replies
from opamp_conformance.scene import Scene


@given("an agent that was told the server's capabilities", target_fixture="exchange")
def _(scene: Scene) -> Exchange:
    return scene.told_capabilities()


@when(parsers.parse("the agent checks in {count:d} times"), target_fixture="exchanges")
def _(scene: Scene, agent: Agent, count: int) -> list[Exchange]:
    return [scene.client.send(agent.check_in()) for _ in range(count)]


@when("the agent sends one check-in twice", target_fixture="exchanges")
def _(scene: Scene, agent: Agent) -> list[Exchange]:
    return [scene.client.send(message) for message in [agent.check_in()] * 2]


@when(parsers.re(r"the agent checks in after (?P<count>\d+) lost messages?"), target_fixture="exchange")
def _(scene: Scene, agent: Agent, count: str) -> Exchange:
    agent.lose(int(count))
    return scene.client.send(agent.check_in())


@when("the agent checks in with the sequence number it had before", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    agent.count_from(agent.sequence_num)
    return scene.client.send(agent.check_in())


@when(parsers.parse("the agent checks in with the sequence number {number:d}"), target_fixture="exchange")
def _(scene: Scene, agent: Agent, number: int) -> Exchange:
    agent.count_from(number)
    return scene.client.send(agent.check_in())


@when("the agent reports that it is unhealthy", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.send(messages.unhealthy(agent))


@when(parsers.parse("the agent reports the health of components nested {depth:d} deep"), target_fixture="exchange")
def _(scene: Scene, agent: Agent, depth: int) -> Exchange:
    return scene.client.send(messages.with_nested_health(agent, depth))


@then("the answer is no BadRequest")
def _(exchange: Exchange) -> None:
    expect_errors.not_bad_request(exchange)


@then("the answer is not Unavailable")
def _(exchange: Exchange) -> None:
    expect_errors.available(exchange)


@then("the server knows that the agent is unhealthy")
def _(scene: Scene, agent: Agent) -> None:
    expect_replies.known(scene.operator.record(agent), "health", "status", "StatusFatalError")


@then("the server knows the description of the agent")
def _(scene: Scene, agent: Agent) -> None:
    expect_replies.known(scene.operator.record(agent), "agent_description", "identifying_attributes", None)


@then("the server answers each of them")
def _(exchanges: list[Exchange]) -> None:
    for exchange in exchanges:
        expect_replies.answered(exchange)


@then("the response is a bare acknowledgement")
def _(exchange: Exchange) -> None:
    expect_replies.bare_acknowledgement(exchange)


@then("the server asks for the full state")
def _(exchange: Exchange) -> None:
    expect_replies.full_state_requested(exchange)


@then("the response carries the server's capabilities")
def _(exchange: Exchange) -> None:
    expect_replies.capabilities_told(exchange)


@then("AcceptsStatus is among the server's capabilities")
def _(exchange: Exchange) -> None:
    expect_replies.accepts_status(exchange)


@then("the server's capabilities are all defined")
def _(exchange: Exchange) -> None:
    expect_replies.defined_capabilities(exchange)
