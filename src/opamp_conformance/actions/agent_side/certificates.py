"""Client certificates that the scripted server offers to an agent, or signs for it."""

from cryptography import x509

from opamp_conformance.actions.agent_side.connection_settings import offer_telemetry, telemetry_at
from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.actions.agent_side.tls import has_arrived, move_to_tls, offer_tls, trusted
from opamp_conformance.errors import NotApplicableError, PreconditionFailedError, Violation, ViolationError
from opamp_conformance.scripted_server.certificates import IssuedCertificate, TlsEndpoint, names_of, read_request
from opamp_conformance.scripted_server.records import MessageReceived, OtherRequest
from opamp_proto import opamp_pb2 as pb


def offer_certificate(session: AgentSession) -> IssuedCertificate:
    """Offer an endpoint that asks for a client certificate, and such a certificate; return it."""
    issued = session.server.authority.issue("agent")
    offer_tls(session, TlsEndpoint.CERTIFICATE, tls=trusted(session), certificate=_message(session, issued))
    return issued


def offer_no_certificate(session: AgentSession) -> None:
    """Offer an endpoint that asks for a client certificate, and none."""
    offer_tls(session, TlsEndpoint.CERTIFICATE, tls=trusted(session))


def move_with_certificate(session: AgentSession) -> IssuedCertificate:
    """Offer an endpoint and a certificate, and wait until the agent uses both; return the certificate.

    Raises PreconditionFailedError if it connects without the certificate.
    """
    issued = session.server.authority.issue("agent")
    record = move_to_tls(session, TlsEndpoint.CERTIFICATE, certificate=_message(session, issued))
    _require_shown(record, issued, "opamp-settings.certificate-used")
    return issued


def offer_untrusted_endpoint(session: AgentSession) -> pb.ConnectionSettingsOffers:
    """Offer an endpoint whose authority is only the authority of the client certificate that is offered with it."""
    issued = session.server.authority.issue("agent")
    return offer_tls(session, TlsEndpoint.CERTIFICATE, certificate=_message(session, issued))


def offer_telemetry_certificate(session: AgentSession) -> tuple[str, IssuedCertificate]:
    """Offer a destination for the agent's metrics, and a certificate; return the path and the certificate."""
    issued = session.server.authority.issue("agent")
    path = offer_telemetry(session, "metrics", TlsEndpoint.CERTIFICATE, certificate=_message(session, issued))
    return path, issued


def offer_telemetry_without_certificate(session: AgentSession) -> str:
    """Offer a destination for the agent's metrics that asks for a certificate, and none; return the path."""
    return offer_telemetry(session, "metrics", TlsEndpoint.CERTIFICATE)


def send_metrics_with_certificate(session: AgentSession) -> None:
    """Offer a destination and a certificate, and wait until metrics arrive with it; raises PreconditionFailedError."""
    path, issued = offer_telemetry_certificate(session)
    try:
        request = telemetry_at(session, path)
    except ViolationError as error:
        raise PreconditionFailedError("own-telemetry.send-to-offered", error.violation) from error
    _require_shown(request, issued, "telemetry-settings.certificate-used")


def asked(session: AgentSession) -> MessageReceived:
    """Wait until the agent asks for a certificate; raises ViolationError."""
    expected = "connection_settings_request"
    return session.message(expected, lambda message: message.HasField("connection_settings_request"))


def have_asked(session: AgentSession) -> x509.CertificateSigningRequest:
    """Let the agent ask for a certificate; return its signing request. Raises PreconditionFailedError."""
    session.tell("request-certificate")
    try:
        record = asked(session)
    except ViolationError as error:
        raise PreconditionFailedError("csr.client-sends", error.violation) from error
    return _request(record)


def offer_signed(session: AgentSession, request: x509.CertificateSigningRequest) -> IssuedCertificate:
    """Sign what the agent has asked for, and offer that certificate with another endpoint; return it."""
    issued = session.server.authority.sign(request)
    offer_tls(session, TlsEndpoint.CERTIFICATE, tls=trusted(session), certificate=_message(session, issued))
    return issued


def arrival_with_signed(session: AgentSession) -> MessageReceived:
    """Wait for a message at the endpoint that came with the signed certificate; raises ViolationError.

    The agent has asked for the certificate, so that a refusal is no way out.
    """
    expected = "a message at the offered endpoint"
    return session.expect(MessageReceived, expected, has_arrived)


def use_named_certificate(session: AgentSession) -> None:
    """Let the agent ask for a certificate that names its instance_uid, sign it, and wait until the agent uses it.

    Raises NotApplicableError if its signing request does not name it, and PreconditionFailedError.
    """
    request = have_asked(session)
    if not _has_name(request, session.first.instance_uid):
        raise NotApplicableError("the agent's signing request does not name its instance_uid")
    issued = offer_signed(session, request)
    try:
        record = arrival_with_signed(session)
    except ViolationError as error:
        raise PreconditionFailedError("csr.own-key", error.violation) from error
    _require_shown(record, issued, "csr.own-key")
    session.fence()


def ask_again(session: AgentSession, uid: bytes) -> None:
    """Wait until the agent asks for a certificate that names an instance_uid; raises ViolationError."""
    if not _has_name(_request(asked(session)), uid):
        raise ViolationError(Violation(f"a signing request that names {uid.hex()}", "one without it"))


def _require_shown(record: MessageReceived | OtherRequest, issued: IssuedCertificate, requirement: str) -> None:
    """Raise PreconditionFailedError for a requirement unless a request came with a certificate."""
    if record.certificate != issued.der:
        raise PreconditionFailedError(requirement, Violation("the offered certificate", "another one, or none"))


def _has_name(request: x509.CertificateSigningRequest, uid: bytes) -> bool:
    """Return whether a signing request names an instance_uid: in hexadecimal digits, with or without hyphens."""
    return any(uid.hex() in name.replace("-", "").lower() for name in names_of(request))


def _request(record: MessageReceived) -> x509.CertificateSigningRequest:
    """Return the signing request in a message; raises PreconditionFailedError if it cannot be read."""
    assert record.message is not None
    csr = record.message.connection_settings_request.opamp.certificate_request.csr
    try:
        return read_request(csr)
    except ValueError as error:
        problem = Violation("a certificate signing request in PEM", f"{len(csr)} bytes: {error}")
        raise PreconditionFailedError("csr.pem", problem) from error


def _message(session: AgentSession, issued: IssuedCertificate) -> pb.TLSCertificate:
    authority = session.server.authority.pem.encode()
    return pb.TLSCertificate(cert=issued.pem, private_key=issued.private_key, ca_cert=authority)
