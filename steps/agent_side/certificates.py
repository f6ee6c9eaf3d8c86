"""Steps about the certificates of an agent."""

from cryptography.x509 import CertificateSigningRequest
from pytest_bdd import given, then, when

from opamp_conformance.actions.agent_side import certificates as certificate_actions
from opamp_conformance.actions.agent_side.connection_settings import telemetry_at
from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.actions.agent_side.tls import arrival_over_tls
from opamp_conformance.assertions.agent_side import certificates as assert_certificates
from opamp_conformance.scripted_server.certificates import IssuedCertificate
from opamp_conformance.scripted_server.records import MessageReceived
from opamp_proto import opamp_pb2 as pb


@given("an agent whose driver can let it ask for a certificate")
def _(agent_session: AgentSession) -> None:
    agent_session.require_verbs("request-certificate")


@given("the agent uses a certificate that the server has offered", target_fixture="certificate")
def _(agent_session: AgentSession) -> IssuedCertificate:
    return certificate_actions.move_with_certificate(agent_session)


@given("the agent has asked for a certificate", target_fixture="signing_request")
def _(agent_session: AgentSession) -> CertificateSigningRequest:
    return certificate_actions.have_asked(agent_session)


@given("the agent uses a certificate that names its instance_uid")
def _(agent_session: AgentSession) -> None:
    certificate_actions.use_named_certificate(agent_session)


@given("the agent sends its metrics with a certificate that the server has offered")
def _(agent_session: AgentSession) -> None:
    certificate_actions.send_metrics_with_certificate(agent_session)


@when("the agent asks for a certificate")
def _(agent_session: AgentSession) -> None:
    agent_session.tell("request-certificate")


@when("the server offers an endpoint over TLS, and a certificate", target_fixture="certificate")
@when("the server offers another endpoint over TLS, and another certificate", target_fixture="certificate")
def _(agent_session: AgentSession) -> IssuedCertificate:
    return certificate_actions.offer_certificate(agent_session)


@when("the server offers another endpoint over TLS, and no certificate")
def _(agent_session: AgentSession) -> None:
    certificate_actions.offer_no_certificate(agent_session)


@when("the server offers an endpoint over TLS, and its authority only as that of a certificate", target_fixture="offer")
def _(agent_session: AgentSession) -> pb.ConnectionSettingsOffers:
    return certificate_actions.offer_untrusted_endpoint(agent_session)


@when("the server offers a destination and a certificate for the agent's own metrics", target_fixture="telemetry")
def _(agent_session: AgentSession) -> tuple[str, IssuedCertificate]:
    return certificate_actions.offer_telemetry_certificate(agent_session)


@when("the server offers a destination without a certificate for the agent's own metrics", target_fixture="destination")
def _(agent_session: AgentSession) -> str:
    return certificate_actions.offer_telemetry_without_certificate(agent_session)


@when("the server offers the certificate that it has signed", target_fixture="certificate")
def _(agent_session: AgentSession, signing_request: CertificateSigningRequest) -> IssuedCertificate:
    return certificate_actions.offer_signed(agent_session, signing_request)


@then("the agent sends a signing request in PEM, signed by its own key")
def _(agent_session: AgentSession) -> None:
    assert_certificates.is_signing_request(certificate_actions.asked(agent_session).message)


@then("the agent sends no signing request")
def _(agent_session: AgentSession) -> None:
    agent_session.fence()
    assert_certificates.none_asked(agent_session.since(MessageReceived))


@then("the agent connects to the offered endpoint with the certificate")
def _(agent_session: AgentSession, certificate: IssuedCertificate) -> None:
    assert_certificates.shows(arrival_over_tls(agent_session), certificate)


@then("the agent connects to the offered endpoint without a certificate")
def _(agent_session: AgentSession) -> None:
    assert_certificates.shows_none(arrival_over_tls(agent_session))


@then("the agent's next message comes with the certificate")
def _(agent_session: AgentSession, certificate: IssuedCertificate) -> None:
    assert_certificates.shows(agent_session.message("a message"), certificate)


@then("the agent connects with the certificate that it has asked for")
def _(agent_session: AgentSession, certificate: IssuedCertificate) -> None:
    assert_certificates.shows(certificate_actions.arrival_with_signed(agent_session), certificate)


@then("the agent asks for a certificate that names its new instance_uid")
def _(agent_session: AgentSession, new_uid: bytes) -> None:
    certificate_actions.ask_again(agent_session, new_uid)


@then("the agent sends its telemetry there with the certificate")
def _(agent_session: AgentSession, telemetry: tuple[str, IssuedCertificate]) -> None:
    destination, certificate = telemetry
    assert_certificates.shows(telemetry_at(agent_session, destination), certificate)


@then("the agent sends its telemetry there without a certificate")
def _(agent_session: AgentSession, destination: str) -> None:
    assert_certificates.shows_none(telemetry_at(agent_session, destination))
