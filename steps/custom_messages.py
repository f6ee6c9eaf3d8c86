"""Steps about custom capabilities and messages."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.agent import Agent
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import offers as expect_offers
from opamp_conformance.scene import Scene


@given("a server with a custom capability", target_fixture="custom_capability")
def _(scene: Scene) -> str:
    scene.operator.require_control()
    return scene.operator.custom_capability


@given("a server that announces custom capabilities", target_fixture="exchange")
def _(scene: Scene) -> Exchange:
    return scene.told_custom_capabilities()


@given("an agent that has the server's custom capability", target_fixture="agent")
def _(scene: Scene, custom_capability: str) -> Agent:
    return scene.agent_with_custom_capability(custom_capability)


@given(parsers.parse('an agent that has the custom capability "{name}"'), target_fixture="agent")
def _(scene: Scene, name: str) -> Agent:
    return scene.agent_with_custom_capability(name)


@given("the agent has given up its custom capabilities")
def _(scene: Scene, agent: Agent) -> None:
    agent.custom_capabilities = ()
    scene.report(agent)


@when("the operator sends the agent a custom message")
def _(scene: Scene, agent: Agent, custom_capability: str) -> None:
    scene.operator.send_custom_message(agent, custom_capability)


@then("the custom message arrives")
def _(exchange: Exchange, custom_capability: str) -> None:
    expect_offers.custom_message(exchange, custom_capability)


@then("no custom message arrives")
def _(exchange: Exchange) -> None:
    expect_offers.no_custom_message(exchange)


@then("the server's custom capabilities are named by reverse FQDN")
def _(exchange: Exchange) -> None:
    expect_offers.reverse_fqdn(exchange)


@then("the message has no custom capabilities")
def _(exchange: Exchange) -> None:
    expect_offers.no_custom_capabilities(exchange)
