"""Certificates on request (Agent-initiated CSR Flow)."""

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from opamp_mock_server.core.agent_state import NOTHING_DESIRED, DesiredState
from opamp_mock_server.core.chapter import Chapter
from opamp_proto import opamp_pb2 as pb

if TYPE_CHECKING:
    from opamp_mock_server.core.certificate_authority import CertificateAuthority


class Certificates(Chapter):
    """How the server issues certificates to agents that request one."""

    @cached_property
    def authority(self) -> "CertificateAuthority":
        # Few agents request a certificate: the library is loaded, and the key made, for the first request.
        from opamp_mock_server.core.certificate_authority import CertificateAuthority  # noqa: PLC0415

        return CertificateAuthority()

    def reason_to_refuse_certificate(self, message: pb.AgentToServer) -> str | None:
        """Return why the request of an agent for a certificate is refused, if it is (Agent-initiated CSR Flow)."""
        if not self.asks_for_certificate(message):
            return None
        csr = message.connection_settings_request.opamp.certificate_request.csr
        return self.authority.problem_with(csr, message.instance_uid)

    def asks_for_certificate(self, message: pb.AgentToServer) -> bool:
        """Return whether a message requests a certificate. A request without ``opamp`` requests nothing."""
        return (
            message.HasField("connection_settings_request")
            and self.can(pb.ServerCapabilities_AcceptsConnectionSettingsRequest)
            and message.connection_settings_request.HasField("opamp")
        )

    def with_certificate(self, desired: DesiredState | None, message: pb.AgentToServer) -> DesiredState | None:
        """Return the desired state plus the certificate that the agent requests."""
        if not self.asks_for_certificate(message):
            return desired
        desired = desired or NOTHING_DESIRED
        settings = pb.ConnectionSettingsOffers()
        if desired.connection_settings is not None:
            settings.CopyFrom(desired.connection_settings)
        if not settings.opamp.destination_endpoint:
            settings.opamp.destination_endpoint = self.url
        settings.opamp.certificate.CopyFrom(
            self.certificate(message.connection_settings_request.opamp.certificate_request.csr)
        )
        return replace(desired, connection_settings=settings)

    def certificate(self, csr: bytes) -> pb.TLSCertificate:
        """Issue a certificate for a CSR. The private key belongs to the agent, so it is not part of the offer."""
        return pb.TLSCertificate(cert=self.authority.issue(csr), ca_cert=self.authority.certificate)
