"""Ways to break what the specification says of certificates on request."""

from opamp_mock_server.core import Core, Outcome
from opamp_mock_server.core.agent_state import AgentRecord, DesiredState
from opamp_mock_server.core.certificate_authority import CertificateAuthority
from opamp_mock_server.core.certificates import Certificates
from opamp_mock_server.core.connection_settings import ConnectionSettings
from opamp_mock_server.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb


@breaks("csr.server-responds")
class RequestsIgnored(Certificates):
    """A sound request for a certificate is acknowledged, and nothing follows."""

    def with_certificate(self, desired: DesiredState | None, message: pb.AgentToServer) -> DesiredState | None:
        return desired


@breaks("csr.creates-certificate", also=["csr.offer-cert-field"])
class CertificateForAnother(Certificates):
    """The certificate that is issued is that of the authority itself."""

    def certificate(self, csr: bytes) -> pb.TLSCertificate:
        certificate = super().certificate(csr)
        certificate.cert = certificate.ca_cert
        return certificate


@breaks("csr.offer-no-private-key")
class KeyOfTheServer(Certificates):
    """An issued certificate comes with some private key."""

    def certificate(self, csr: bytes) -> pb.TLSCertificate:
        certificate = super().certificate(csr)
        certificate.private_key = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
        return certificate


@breaks("csr.offer-ca-cert")
class IssuedWithoutAuthority(Certificates):
    """An issued certificate comes without that of its authority."""

    def certificate(self, csr: bytes) -> pb.TLSCertificate:
        certificate = super().certificate(csr)
        certificate.ca_cert = b""
        return certificate


@breaks("certificate.issued-by-recognized-ca")
class AnotherAuthority(Certificates):
    """An issued certificate comes with that of another authority."""

    def certificate(self, csr: bytes) -> pb.TLSCertificate:
        certificate = super().certificate(csr)
        certificate.ca_cert = CertificateAuthority().certificate
        return certificate


@breaks("csr.opamp-only")
class CertificateForMetrics(ConnectionSettings):
    """An issued certificate is offered for own metrics, too."""

    def connection_settings(
        self, settings: pb.ConnectionSettingsOffers, capabilities: int
    ) -> pb.ConnectionSettingsOffers | None:
        offer = super().connection_settings(settings, capabilities)
        if offer is not None and offer.opamp.certificate.cert and not offer.opamp.certificate.private_key:
            offer.own_metrics.destination_endpoint = "https://metrics.example/v1/metrics"
        return offer


@breaks("csr.uid-change-server-ready")
class OneCertificateAnAgent(Certificates):
    """Agents that were named by the server are issued no certificate."""

    _named: frozenset[bytes] = frozenset()

    def certificate_objection(self, message: pb.AgentToServer) -> str | None:
        if message.instance_uid in self._named and self.asks_for_certificate(message):
            return "the certificate of this connection is another agent's"
        return super().certificate_objection(message)

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        uid: bytes = super().new_instance_uid(message)  # type: ignore[misc]
        self._named |= {uid}
        return uid


@breaks("csr.failure-bad-request")
class FailureUnknown(Core):
    """A request that is not granted is answered with an error of type Unknown."""

    def refuse(self, known: AgentRecord | None, message: pb.AgentToServer, problem: str) -> Outcome:
        if self.asks_for_certificate(message):
            return Outcome(self.failure(message.instance_uid))
        return super().refuse(known, message, problem)


@breaks("csr.server-validates")
class ForgedRequestsGranted(Certificates):
    """The signature of a request is not looked at."""

    def certificate_objection(self, message: pb.AgentToServer) -> str | None:
        problem = super().certificate_objection(message)
        return None if problem and "not signed" in problem else problem


@breaks("csr.empty-request")
class EmptyRequestsRefused(Certificates):
    """A request that asks for nothing is refused."""

    def certificate_objection(self, message: pb.AgentToServer) -> str | None:
        request = message.connection_settings_request
        if message.HasField("connection_settings_request") and not request.HasField("opamp"):
            return "the request asks for nothing"
        return super().certificate_objection(message)
