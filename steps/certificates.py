"""Steps about client certificates."""

from datetime import UTC, datetime

from pytest_bdd import given, parsers, then, when

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.assertions import certificates as assert_certificates
from opamp_conformance.assertions import connection_settings as assert_connection_settings
from opamp_conformance.assertions.common import offer_satisfies
from opamp_conformance.client.agent import Agent
from opamp_conformance.wire.exchange import Exchange


@given("a server that issues certificates")
def _(context: ScenarioContext) -> None:
    context.server.require("AcceptsConnectionSettingsRequest")


@given("the agent has received settings with a certificate", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.offers.receive_certificate(agent)


@given("the agent has received a client certificate", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.certificates.issued(agent)


@given("the agent has received a client certificate for a key of RSA", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.certificates.issued_for_rsa(agent)


@given("the agent has asked for a new instance_uid and adopted it")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.instance_uid.rename(agent)


@when("the agent asks for a client certificate", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.certificates.ask(agent)


@when("the agent asks for a client certificate with bytes that are not a request", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.certificates.ask_with_garbage(agent)


@when("the agent asks for a client certificate with a forged request", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.certificates.ask_with_forged_request(agent)


@when("the agent asks for a client certificate with a request that names another agent", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.certificates.ask_for_another(agent, context.agents.unknown())


@when(
    parsers.parse(
        "the agent asks for a client certificate with a request that has the other agent's instance_uid in {field}"
    ),
    target_fixture="exchange",
)
def _(context: ScenarioContext, agent: Agent, other_agent: Agent, field: str) -> Exchange:
    return context.certificates.ask_naming_another(agent, other_agent, field)


@when("the agent sends an empty request for connection settings", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.certificates.ask_for_nothing(agent)


@then("settings with a certificate are offered")
def _(context: ScenarioContext, exchange: Exchange) -> None:
    assert_certificates.offered(exchange, issues_at_once=context.certificates.are_issued_at_once)


@then("the certificate is for the agent's key")
def _(context: ScenarioContext, exchange: Exchange) -> None:
    assert_certificates.for_the_key_of(exchange, context.certificates.last_request)


@then("the certificate comes with the certificate of its authority")
def _(exchange: Exchange) -> None:
    assert_certificates.with_ca_cert(exchange)


@then("the authority has signed the certificate")
def _(exchange: Exchange) -> None:
    assert_certificates.signed_by_ca_cert(exchange)


@then("the certificate is valid now")
def _(exchange: Exchange) -> None:
    assert_certificates.valid_at(datetime.now(UTC), exchange)


@then("the offer has a certificate in PEM")
def _(exchange: Exchange) -> None:
    offer_satisfies("certificate.cert-required", exchange)


@then("the certificate comes with a private key")
def _(exchange: Exchange) -> None:
    assert_certificates.with_private_key(exchange)


@then("the certificate comes without a private key")
def _(exchange: Exchange) -> None:
    assert_certificates.without_private_key(exchange)


@then("only settings for OpAMP are offered")
def _(context: ScenarioContext, exchange: Exchange) -> None:
    assert_connection_settings.nothing_more_offered(exchange, context.standing_offers, "opamp")


@then("no settings are offered in return")
def _(context: ScenarioContext, exchange: Exchange) -> None:
    assert_connection_settings.nothing_more_offered(exchange, context.standing_offers)


@then("the refusal is a BadRequest")
def _(exchange: Exchange) -> None:
    assert_certificates.refusal_is_bad_request(exchange)


@then("no certificate is issued")
def _(exchange: Exchange) -> None:
    assert_certificates.none_issued(exchange)


@then("no certificate that names the other agent is issued")
def _(exchange: Exchange, other_agent: Agent) -> None:
    assert_certificates.none_that_names(other_agent.instance_uid, exchange)
