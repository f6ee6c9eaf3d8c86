"""Steps about connection settings."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.actions.offers import SETTINGS
from opamp_conformance.assertions import connection_settings as assert_connection_settings
from opamp_conformance.assertions.common import offer_satisfies
from opamp_conformance.client.agent import Agent, other_hash
from opamp_conformance.wire.exchange import Exchange
from opamp_proto import opamp_pb2 as pb


@given("a server that offers connection settings")
def _(context: ScenarioContext) -> None:
    context.offers.require("OffersConnectionSettings")


@given("the operator has defined settings of every kind for the agent")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.offers.define_settings(agent, *SETTINGS.values())


@given(parsers.parse("the operator has defined settings for {kind} for the agent"))
def _(context: ScenarioContext, agent: Agent, kind: str) -> None:
    context.offers.define_settings(agent, SETTINGS[kind])


@given(parsers.parse("the agent has received settings for {kind}"), target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent, kind: str) -> Exchange:
    return context.offers.receive_settings(agent, SETTINGS[kind])


@given("the agent has received settings with a proxy", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.offers.receive_proxy(agent)


@given("the agent has received a certificate for another connection", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.offers.receive_other_certificate(agent)


@then("the certificate for the other connection comes with a private key")
def _(exchange: Exchange) -> None:
    offer_satisfies("certificate.private-key-required", exchange)


@then("the certificate for the other connection comes with the certificate of its authority")
def _(exchange: Exchange) -> None:
    offer_satisfies("certificate.ca-cert-if-ca-signed", exchange)


@given("the agent has applied settings for own metrics")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.offers.apply_settings(agent, "own_metrics")


@given("settings for the signals of own telemetry are defined for the agent", target_fixture="signals")
def _(context: ScenarioContext, agent: Agent) -> list[str]:
    return context.offers.define_signals(agent)


@then("each of these signals has settings in the answer")
def _(exchange: Exchange, signals: list[str]) -> None:
    for signal in signals:
        assert_connection_settings.offered(exchange, signal)


@when("the operator offers the agent settings for own metrics at another host")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.offers.offer_settings(agent, "own_metrics", host="second.example")


@when(
    parsers.re(
        "the operator offers the agent settings for (?P<kind>OpAMP|own (metrics|traces|logs)|another connection)$"
    )
)
def _(context: ScenarioContext, agent: Agent, kind: str) -> None:
    context.offers.offer_settings(agent, SETTINGS[kind])


@when("the operator offers the agent the settings with other headers")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.offers.offer_settings(agent, "own_metrics", headers={"X-Tenant": "another"})


@when("the operator offers the agent settings for own logs, too")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.offers.offer_settings(agent, "own_metrics", "own_logs")


@when("the agent reports that it has applied other settings", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    agent.connection_settings_hash = other_hash(agent.connection_settings_hash)
    return context.client.send(agent.connection_settings_status(pb.ConnectionSettingsStatuses_APPLIED))


@when("the agent reports that it has failed to apply the settings", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(agent.connection_settings_status(pb.ConnectionSettingsStatuses_FAILED))


@when("the agent reports that it is applying other settings", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    agent.connection_settings_hash = other_hash(agent.connection_settings_hash)
    return context.client.send(agent.connection_settings_status(pb.ConnectionSettingsStatuses_APPLYING))


@when("the agent reports that it has failed to apply other settings", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    agent.connection_settings_hash = other_hash(agent.connection_settings_hash)
    return context.client.send(agent.connection_settings_status(pb.ConnectionSettingsStatuses_FAILED))


@when("the agent reports that it has no settings", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    agent.connection_settings_hash = b""
    return context.client.send(agent.connection_settings_status(pb.ConnectionSettingsStatuses_UNSET))


@then(parsers.parse("settings for {kind} are offered"))
def _(exchange: Exchange, kind: str) -> None:
    assert_connection_settings.offered(exchange, SETTINGS[kind])


@then(parsers.parse("no settings for {kind} are offered"))
def _(exchange: Exchange, kind: str) -> None:
    assert_connection_settings.not_offered(exchange, SETTINGS[kind])


@then("no connection settings are offered")
def _(exchange: Exchange) -> None:
    assert_connection_settings.none_offered(exchange)


@then("the settings for OpAMP have an endpoint")
def _(exchange: Exchange) -> None:
    assert_connection_settings.with_opamp_endpoint(exchange)


@then("the endpoint of the settings for OpAMP is a WebSocket or HTTP URL")
def _(exchange: Exchange) -> None:
    offer_satisfies("opamp-settings.endpoint-url", exchange)


@then("the endpoint for telemetry is a full URL")
def _(exchange: Exchange) -> None:
    offer_satisfies("telemetry-settings.endpoint-full-url", exchange)


@then("the endpoint for telemetry begins with https")
def _(exchange: Exchange) -> None:
    offer_satisfies("telemetry-settings.endpoint-https", exchange)


@then("the proxy has a URL")
def _(exchange: Exchange) -> None:
    offer_satisfies("proxy.url-non-empty", exchange)


@then("the settings have another hash than before")
def _(exchange: Exchange, agent: Agent) -> None:
    assert_connection_settings.another_settings_hash(exchange, agent.connection_settings_hash)
