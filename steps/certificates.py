"""Steps about client certificates."""

from pytest_bdd import given, then, when

from opamp_conformance.agent import Agent
from opamp_conformance.certification import Certification
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import certificates as expect_certificates
from opamp_conformance.expect import offers as expect_offers
from opamp_conformance.scene import Scene


@given("a server that issues certificates", target_fixture="certification")
def _(scene: Scene) -> Certification:
    scene.operator.require_announced("AcceptsConnectionSettingsRequest")
    return Certification(scene.client)


@given("the agent has been offered a certificate", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.offered.certificate(agent)


@given("the agent has been issued a client certificate", target_fixture="exchange")
def _(certification: Certification, agent: Agent) -> Exchange:
    return certification.issued(agent)


@given("the agent has been renamed by the server")
def _(scene: Scene, agent: Agent) -> None:
    scene.rename(agent)


@when("the agent asks for a client certificate", target_fixture="exchange")
def _(certification: Certification, agent: Agent) -> Exchange:
    return certification.ask(agent)


@when("the agent asks for a client certificate by bytes that are no request", target_fixture="exchange")
def _(certification: Certification, agent: Agent) -> Exchange:
    return certification.ask_by_no_request(agent)


@when("the agent asks for a client certificate by a forged request", target_fixture="exchange")
def _(certification: Certification, agent: Agent) -> Exchange:
    return certification.ask_by_forged_request(agent)


@when("the agent asks for no connection settings in particular", target_fixture="exchange")
def _(certification: Certification, agent: Agent) -> Exchange:
    return certification.ask_for_nothing(agent)


@then("settings with a certificate are offered")
def _(exchange: Exchange) -> None:
    expect_offers.certificate_offered(exchange)


@then("the certificate is for the agent's key")
def _(exchange: Exchange, certification: Certification) -> None:
    expect_certificates.for_the_key_of(exchange, certification.request)


@then("the certificate comes with that of its authority")
def _(exchange: Exchange) -> None:
    expect_certificates.with_its_authority(exchange)


@then("the authority has signed the certificate")
def _(exchange: Exchange) -> None:
    expect_certificates.signed_by_its_authority(exchange)


@then("the offer has a certificate in PEM")
def _(exchange: Exchange) -> None:
    expect_offers.keeps("certificate.cert-required", exchange)


@then("the certificate comes with a private key")
def _(exchange: Exchange) -> None:
    expect_offers.private_key(exchange)


@then("no private key comes with the certificate")
def _(exchange: Exchange) -> None:
    expect_offers.no_private_key(exchange)


@then("no settings but those for OpAMP are offered")
def _(exchange: Exchange) -> None:
    expect_offers.only_opamp_settings(exchange)


@then("the refusal is a BadRequest")
def _(exchange: Exchange) -> None:
    expect_certificates.refusal_is_bad_request(exchange)


@then("no certificate is issued")
def _(exchange: Exchange) -> None:
    expect_offers.no_certificate(exchange)
