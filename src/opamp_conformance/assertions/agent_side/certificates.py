"""Requests of an agent for a certificate (ConnectionSettingsRequest)."""

from collections.abc import Sequence

from opamp_conformance.assertions.common import require
from opamp_conformance.errors import Violation, ViolationError
from opamp_conformance.scripted_server.certificates import IssuedCertificate, read_request
from opamp_conformance.scripted_server.records import MessageReceived, OtherRequest
from opamp_proto import opamp_pb2 as pb


def is_signing_request(message: pb.AgentToServer | None) -> None:
    """Assert that a request for settings has a signing request in PEM that its own key has signed."""
    asked = pb.OpAMPConnectionSettingsRequest() if message is None else message.connection_settings_request.opamp
    require(asked.HasField("certificate_request"), "opamp with a certificate_request", "none")
    try:
        request = read_request(asked.certificate_request.csr)
    except ValueError as error:
        expected = "a certificate signing request in PEM"
        raise ViolationError(Violation(expected, f"{len(asked.certificate_request.csr)} bytes: {error}")) from error
    require(request.is_signature_valid, "a signature by the key in the request", "another signature")


def none_asked(messages: Sequence[MessageReceived]) -> None:
    """Assert that no message asks for settings, since the server does not accept that."""
    asking = [one for one in messages if one.message and one.message.HasField("connection_settings_request")]
    require(not asking, "no connection_settings_request, because the server does not accept it", f"{len(asking)}")


def shows(record: MessageReceived | OtherRequest, issued: IssuedCertificate) -> None:
    """Assert that a request or a message came over a connection with a client certificate."""
    came = "another certificate" if record.certificate else "no certificate"
    require(record.certificate == issued.der, "the offered certificate", came)


def shows_none(record: MessageReceived | OtherRequest) -> None:
    """Assert that a request or a message came over a connection without a client certificate."""
    require(not record.certificate, "no client certificate, since none is offered", "one")
