"""Steps about peers that can do less, or more."""

from pytest_bdd import given, then, when

from opamp_conformance import messages
from opamp_conformance.agent import Agent, capability
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import offers as expect_offers
from opamp_conformance.scene import Scene


@given("the agent has given up the capability AcceptsRemoteConfig")
def _(scene: Scene, agent: Agent) -> None:
    agent.capabilities &= ~capability("AcceptsRemoteConfig")
    scene.report(agent)


@when("the operator offers the agent everything there is")
def _(scene: Scene, agent: Agent) -> None:
    scene.operator.offer_everything(agent)


@when("the agent reports its full status with fields of a newer protocol", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.send(messages.with_newer_fields(agent))


@when("the agent reports a remote configuration status of a newer protocol", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.send(messages.with_newer_value(agent))


@when("the agent describes itself by an attribute that is null", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.send(messages.with_null_attribute(agent))


@when("the agent describes itself by attributes that are empty lists", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.send(messages.with_empty_lists(agent))


@then("the agent is offered nothing")
def _(exchange: Exchange) -> None:
    expect_offers.nothing_offered(exchange)


@then("the server uses only capabilities it has announced")
def _(scene: Scene, exchange: Exchange) -> None:
    expect_offers.only_announced(exchange, scene.operator.introduction.capabilities)
