"""Steps about connection settings."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.agent import Agent
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import offers as expect_offers
from opamp_conformance.operator import SETTINGS
from opamp_conformance.scene import Scene
from opamp_proto import opamp_pb2 as pb


@given("a server that offers connection settings")
def _(scene: Scene) -> None:
    scene.operator.require("OffersConnectionSettings")


@given(parsers.parse("the operator has offered the agent settings for {kind}"))
def _(scene: Scene, agent: Agent, kind: str) -> None:
    scene.operator.offer_settings(agent, SETTINGS[kind])


@given(parsers.parse("the agent has been offered settings for {kind}"), target_fixture="exchange")
def _(scene: Scene, agent: Agent, kind: str) -> Exchange:
    return scene.offered.settings(agent, SETTINGS[kind])


@given("the agent has been offered settings with a proxy", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.offered.proxy(agent)


@given("the agent has taken settings for own metrics")
def _(scene: Scene, agent: Agent) -> None:
    scene.offered.take_settings(agent, "own_metrics")


@when("the operator offers the agent settings for own metrics at another host")
def _(scene: Scene, agent: Agent) -> None:
    scene.operator.offer_settings(agent, "own_metrics", host="second.example")


@when(
    parsers.re(
        "the operator offers the agent settings for (?P<kind>OpAMP|own (metrics|traces|logs)|another connection)$"
    )
)
def _(scene: Scene, agent: Agent, kind: str) -> None:
    scene.operator.offer_settings(agent, SETTINGS[kind])


@when("the agent reports that it has applied other settings", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    agent.connection_settings_hash = b"the hash of others"
    return scene.client.send(agent.connection_settings_status(pb.ConnectionSettingsStatuses_APPLIED))


@when("the agent reports that it has no settings", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    agent.connection_settings_hash = b""
    return scene.client.send(agent.connection_settings_status(pb.ConnectionSettingsStatuses_UNSET))


@then(parsers.parse("settings for {kind} are offered"))
def _(exchange: Exchange, kind: str) -> None:
    expect_offers.settings(exchange, SETTINGS[kind])


@then(parsers.parse("no settings for {kind} are offered"))
def _(exchange: Exchange, kind: str) -> None:
    expect_offers.no_settings_of(exchange, SETTINGS[kind])


@then("no connection settings are offered")
def _(exchange: Exchange) -> None:
    expect_offers.no_settings(exchange)


@then("the settings for OpAMP have an endpoint")
def _(exchange: Exchange) -> None:
    expect_offers.keeps("opamp-settings.endpoint-non-empty", exchange)


@then("the endpoint of the settings for OpAMP is a WebSocket or HTTP URL")
def _(exchange: Exchange) -> None:
    expect_offers.keeps("opamp-settings.endpoint-url", exchange)


@then("the endpoint for telemetry is a full URL")
def _(exchange: Exchange) -> None:
    expect_offers.keeps("telemetry-settings.endpoint-full-url", exchange)


@then("the endpoint for telemetry begins with https")
def _(exchange: Exchange) -> None:
    expect_offers.keeps("telemetry-settings.endpoint-https", exchange)


@then("the proxy has a URL")
def _(exchange: Exchange) -> None:
    expect_offers.keeps("proxy.url-non-empty", exchange)


@then("the settings have another hash than the ones before")
def _(exchange: Exchange, agent: Agent) -> None:
    expect_offers.another_settings_hash(exchange, agent.connection_settings_hash)
