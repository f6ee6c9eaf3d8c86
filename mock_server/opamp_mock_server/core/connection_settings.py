"""Offers of connection settings, their hashes, and certificates on request (Connection Settings Management)."""

import hashlib
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from opamp_mock_server.core.agent_state import NOTHING_DESIRED, AgentRecord, DesiredState
from opamp_mock_server.core.chapter import Chapter, supports
from opamp_proto import opamp_pb2 as pb

if TYPE_CHECKING:
    from opamp_mock_server.core.certificates import CertificateAuthority

OFFERED_WITH: Final = {
    "opamp": pb.AgentCapabilities_AcceptsOpAMPConnectionSettings,
    "own_metrics": pb.AgentCapabilities_ReportsOwnMetrics,
    "own_traces": pb.AgentCapabilities_ReportsOwnTraces,
    "own_logs": pb.AgentCapabilities_ReportsOwnLogs,
    "other_connections": pb.AgentCapabilities_AcceptsOtherConnectionSettings,
}
"""The capability that an agent needs for each kind of settings."""


class ConnectionSettings(Chapter):
    """How the server offers settings."""

    @cached_property
    def authority(self) -> "CertificateAuthority":
        # Few agents request a certificate: the library is loaded, and the key made, for the first request.
        from opamp_mock_server.core.certificates import CertificateAuthority  # noqa: PLC0415

        return CertificateAuthority()

    def connection_settings(
        self, settings: pb.ConnectionSettingsOffers, capabilities: int
    ) -> pb.ConnectionSettingsOffers | None:
        """Return an offer of the settings that an agent accepts, None if it accepts none of them."""
        offer = pb.ConnectionSettingsOffers()
        offer.CopyFrom(settings)
        for name in OFFERED_WITH:
            if not self.may_offer(name, capabilities):
                offer.ClearField(name)
        if not offer.ListFields():
            return None
        offer.hash = self.settings_hash(settings)
        return offer

    def settings_hash(self, settings: pb.ConnectionSettingsOffers) -> bytes:
        """Return the hash of all settings, including those that the agent cannot accept."""
        return hashlib.sha256(settings.SerializeToString(deterministic=True)).digest()

    def may_offer(self, settings: str, capabilities: int) -> bool:
        return supports(capabilities, OFFERED_WITH[settings])

    def offer_connection_settings(
        self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent
    ) -> AgentRecord:
        """Offer settings if the agent has different ones; return its new record."""
        settings = desired.connection_settings
        if settings is None or not self.can(pb.ServerCapabilities_OffersConnectionSettings):
            return record
        settings_hash = self.settings_hash(settings)
        offer = self.connection_settings(settings, record.capabilities)
        if offer is None:
            return record
        if settings_hash != record.connection_settings_hash:
            reply.connection_settings.CopyFrom(offer)
        return record._replace(connection_settings_hash=settings_hash)

    # ---- the agent-initiated CSR flow

    def certificate_objection(self, message: pb.AgentToServer) -> str | None:
        """Return why the request of an agent for a certificate is refused, if it is (Agent-initiated CSR Flow)."""
        if not self.asks_for_certificate(message):
            return None
        csr = message.connection_settings_request.opamp.certificate_request.csr
        return self.authority.problem_with(csr, message.instance_uid)

    def asks_for_certificate(self, message: pb.AgentToServer) -> bool:
        """Tell whether a message requests a certificate. A request without ``opamp`` requests nothing."""
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
