"""Offers of connection settings, their hashes, and certificates on request (Connection Settings Management)."""

import hashlib
from typing import Final

from opamp_mock_server.core.agent_state import AgentRecord, DesiredState
from opamp_mock_server.core.chapter import Chapter, supports
from opamp_proto import opamp_pb2 as pb

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
