"""Deviations from Agent-initiated CSR Flow: wrong replies to certificate requests, and wrong certificates."""

import uuid
from datetime import timedelta
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from opamp_mock_server.core.agent_state import AgentRecord, DesiredState
from opamp_mock_server.core.certificate_authority import CertificateAuthority
from opamp_mock_server.core.certificates import Certificates
from opamp_mock_server.core.connection_settings import ConnectionSettings
from opamp_mock_server.core.core import Core, Outcome
from opamp_mock_server.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb


@breaks("csr.server-responds", also=["certificate.cert-required"])
class SettingsWithoutCertificate(Certificates):
    """A valid certificate request is answered with settings, but they have no certificate."""

    def certificate(self, csr: bytes) -> pb.TLSCertificate:
        return pb.TLSCertificate()


@breaks("csr.creates-certificate", also=["csr.offer-cert-field"])
class AuthorityCertificateIssued(Certificates):
    """The issued certificate is the certificate of the authority itself."""

    def certificate(self, csr: bytes) -> pb.TLSCertificate:
        certificate = super().certificate(csr)
        certificate.cert = certificate.ca_cert
        return certificate


@breaks("csr.offer-no-private-key")
class IssuedWithPrivateKey(Certificates):
    """An issued certificate is offered with a private key."""

    def certificate(self, csr: bytes) -> pb.TLSCertificate:
        certificate = super().certificate(csr)
        certificate.private_key = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
        return certificate


@breaks("csr.offer-ca-cert")
class IssuedWithoutCaCert(Certificates):
    """An issued certificate is offered without the certificate of its authority."""

    def certificate(self, csr: bytes) -> pb.TLSCertificate:
        certificate = super().certificate(csr)
        certificate.ca_cert = b""
        return certificate


@breaks("certificate.issued-by-recognized-ca")
class IssuedWithWrongCaCert(Certificates):
    """An issued certificate is offered with the certificate of another authority."""

    def certificate(self, csr: bytes) -> pb.TLSCertificate:
        certificate = super().certificate(csr)
        certificate.ca_cert = CertificateAuthority().certificate
        return certificate


@breaks("csr.opamp-only")
class IssuedWithOwnMetrics(ConnectionSettings):
    """The offer of an issued certificate also has settings for own metrics."""

    def connection_settings(
        self, settings: pb.ConnectionSettingsOffers, capabilities: int
    ) -> pb.ConnectionSettingsOffers | None:
        offer = super().connection_settings(settings, capabilities)
        if offer is not None and offer.opamp.certificate.cert and not offer.opamp.certificate.private_key:
            offer.own_metrics.destination_endpoint = "https://metrics.example/v1/metrics"
        return offer


@breaks("csr.uid-change-server-ready")
class NoCertificateForNewInstanceUids(Certificates):
    """The server refuses a certificate to an agent whose instance_uid it assigned."""

    _assigned: frozenset[bytes] = frozenset()

    def reason_to_refuse_certificate(self, message: pb.AgentToServer) -> str | None:
        if message.instance_uid in self._assigned and self.asks_for_certificate(message):
            return "the certificate of this connection belongs to another agent"
        return super().reason_to_refuse_certificate(message)

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        uid: bytes = super().new_instance_uid(message)  # type: ignore[misc]
        self._assigned |= {uid}
        return uid


@breaks("csr.failure-bad-request")
class RequestRefusalTypeUnknown(Core):
    """A refused certificate request is answered with an error of type Unknown instead of BadRequest."""

    def refuse(self, known: AgentRecord | None, message: pb.AgentToServer, problem: str) -> Outcome:
        if self.asks_for_certificate(message):
            return Outcome(self.failure(message.instance_uid))
        return super().refuse(known, message, problem)


@breaks("csr.server-validates")
class SignatureNotChecked(Certificates):
    """The signature of a certificate request is not checked."""

    def reason_to_refuse_certificate(self, message: pb.AgentToServer) -> str | None:
        problem = super().reason_to_refuse_certificate(message)
        return None if problem and "not signed" in problem else problem


@breaks("csr.empty-request")
class EmptyRequestsRefused(Certificates):
    """A connection_settings_request that requests nothing is refused."""

    def reason_to_refuse_certificate(self, message: pb.AgentToServer) -> str | None:
        request = message.connection_settings_request
        if message.HasField("connection_settings_request") and not request.HasField("opamp"):
            return "connection_settings_request requests nothing"
        return super().reason_to_refuse_certificate(message)


@breaks("csr.server-responds:known-agent", also=["csr.creates-certificate", "csr.uid-change-server-ready"])
class CertificateOnlyInFirstReply(Certificates):
    """A certificate is issued only to an agent whose first message asks for it."""

    def with_certificate(self, desired: DesiredState | None, message: pb.AgentToServer) -> DesiredState | None:
        return super().with_certificate(desired, message) if message.sequence_num <= 1 else desired


@breaks("csr.failure-bad-request:known-agent")
class KnownAgentRefusalTypeUnknown(Core):
    """The refused certificate request of a known agent is answered with an error of type Unknown."""

    def refuse(self, known: AgentRecord | None, message: pb.AgentToServer, problem: str) -> Outcome:
        if known is not None and self.asks_for_certificate(message):
            return Outcome(self.failure(message.instance_uid))
        return super().refuse(known, message, problem)


@breaks("csr.uid-must-match")
class AnyNameGranted(Certificates):
    """A certificate request that names another agent is granted."""

    def reason_to_refuse_certificate(self, message: pb.AgentToServer) -> str | None:
        problem = super().reason_to_refuse_certificate(message)
        return None if problem and "another agent" in problem else problem


@breaks("csr.uid-must-match:other-field")
class OnlyCommonNameVerified(Certificates):
    """A certificate request that names another agent is refused only if its whole common name is that instance_uid."""

    def reason_to_refuse_certificate(self, message: pb.AgentToServer) -> str | None:
        problem = super().reason_to_refuse_certificate(message)
        if problem is None or "another agent" not in problem:
            return problem
        request = x509.load_pem_x509_csr(message.connection_settings_request.opamp.certificate_request.csr)
        (name,) = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        is_own_or_longer = name.value == str(uuid.UUID(bytes=message.instance_uid)) or " " in str(name.value)
        return None if is_own_or_longer else problem


@breaks("csr.uid-must-match:again")
class SecondRequestNotVerified(Certificates):
    """The second certificate request of an agent may name another agent."""

    _asked: frozenset[bytes] = frozenset()

    def reason_to_refuse_certificate(self, message: pb.AgentToServer) -> str | None:
        problem, is_first = super().reason_to_refuse_certificate(message), message.instance_uid not in self._asked
        if self.asks_for_certificate(message):
            self._asked |= {message.instance_uid}
        return problem if is_first or not problem or "another agent" not in problem else None


@breaks("csr.offer-no-private-key:again")
class SecondCertificateWithPrivateKey(Certificates):
    """The second certificate for an agent is offered with a private key."""

    _issued: frozenset[bytes] = frozenset()

    def with_certificate(self, desired: DesiredState | None, message: pb.AgentToServer) -> DesiredState | None:
        found = super().with_certificate(desired, message)
        if self.asks_for_certificate(message):
            settings = found.connection_settings if found is not None else None
            if message.instance_uid in self._issued and settings is not None:
                settings.opamp.certificate.private_key = (
                    b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
                )
            self._issued |= {message.instance_uid}
        return found


@breaks("certificate.issued-by-recognized-ca:expired")
class ExpiredCertificateIssued(Certificates):
    """An issued certificate has already expired."""

    @cached_property
    def authority(self) -> CertificateAuthority:
        authority = CertificateAuthority()
        authority.validity = timedelta(minutes=-1)
        return authority


@breaks("certificate.issued-by-recognized-ca:again")
class SecondCaCertOfAnother(Certificates):
    """All certificates but the first one are offered with the certificate of another authority."""

    _has_issued = False

    def certificate(self, csr: bytes) -> pb.TLSCertificate:
        certificate = super().certificate(csr)
        if self._has_issued:
            certificate.ca_cert = CertificateAuthority().certificate
        self._has_issued = True
        return certificate


@breaks("csr.creates-certificate:rsa")
class CertificateForAnotherRsaKey(Certificates):
    """A certificate for a key of RSA is issued for another key."""

    def certificate(self, csr: bytes) -> pb.TLSCertificate:
        request = x509.load_pem_x509_csr(csr)
        if isinstance(request.public_key(), rsa.RSAPublicKey):
            builder = x509.CertificateSigningRequestBuilder().subject_name(request.subject)
            signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
            csr = signed.public_bytes(serialization.Encoding.PEM)
        return super().certificate(csr)


@breaks("csr.creates-certificate:again")
class CertificateOnlyOnce(Certificates):
    """A certificate is issued only once for each agent."""

    _issued: frozenset[bytes] = frozenset()

    def with_certificate(self, desired: DesiredState | None, message: pb.AgentToServer) -> DesiredState | None:
        if not self.asks_for_certificate(message) or message.instance_uid in self._issued:
            return desired
        self._issued |= {message.instance_uid}
        return super().with_certificate(desired, message)
