"""Connection settings: offers, their hashes, and certificates on request (Connection Settings Management)."""

import hashlib
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from opamp_mock_server.core.chapter import Chapter, supports
from opamp_mock_server.records import NO_PLAN, AgentRecord, Plan
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
"""The capability that an agent needs to be offered each class of settings."""


class ConnectionSettings(Chapter):
    """How settings are offered."""

    @cached_property
    def authority(self) -> "CertificateAuthority":
        # Few agents ever ask for a certificate: the library is loaded, and the key made, with the first.
        from opamp_mock_server.core.certificates import CertificateAuthority  # noqa: PLC0415

        return CertificateAuthority()

    def connection_settings(
        self, settings: pb.ConnectionSettingsOffers, capabilities: int
    ) -> pb.ConnectionSettingsOffers | None:
        """Make the offer of those settings that an agent can take, None if it can take none."""
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
        """Hash all settings, also those that an agent is not offered (ConnectionSettingsOffers.hash)."""
        return hashlib.sha256(settings.SerializeToString(deterministic=True)).digest()

    def may_offer(self, settings: str, capabilities: int) -> bool:
        return supports(capabilities, OFFERED_WITH[settings])

    def offer_connection_settings(self, record: AgentRecord, plan: Plan, reply: pb.ServerToAgent) -> AgentRecord:
        """Offer settings if the agent has others; say so in its record."""
        settings = plan.connection_settings
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
        """Say why no certificate is issued to an agent that asks for one (Agent-initiated CSR Flow)."""
        if not self.asks_for_certificate(message):
            return None
        csr = message.connection_settings_request.opamp.certificate_request.csr
        return self.authority.problem_with(csr, message.instance_uid)

    def asks_for_certificate(self, message: pb.AgentToServer) -> bool:
        """A request without ``opamp`` is empty, and nothing follows from it (ConnectionSettingsRequest)."""
        return (
            message.HasField("connection_settings_request")
            and self.can(pb.ServerCapabilities_AcceptsConnectionSettingsRequest)
            and message.connection_settings_request.HasField("opamp")
        )

    def with_certificate(self, plan: Plan | None, message: pb.AgentToServer) -> Plan | None:
        """Return the plan with the certificate that the agent asks for; what else is in it stays."""
        if not self.asks_for_certificate(message):
            return plan
        plan = plan or NO_PLAN
        settings = pb.ConnectionSettingsOffers()
        if plan.connection_settings is not None:
            settings.CopyFrom(plan.connection_settings)
        if not settings.opamp.destination_endpoint:
            settings.opamp.destination_endpoint = self.url
        settings.opamp.certificate.CopyFrom(
            self.certificate(message.connection_settings_request.opamp.certificate_request.csr)
        )
        return replace(plan, connection_settings=settings)

    def certificate(self, csr: bytes) -> pb.TLSCertificate:
        """Issue what a CSR asks for; the private key is the agent's, and stays with it."""
        return pb.TLSCertificate(cert=self.authority.issue(csr), ca_cert=self.authority.certificate)
