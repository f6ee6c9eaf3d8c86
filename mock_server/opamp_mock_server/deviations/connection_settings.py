"""Deviations from Connection Settings Management: wrong receivers, times and contents of offers."""

import hashlib

from opamp_mock_server.core.agent_state import AgentRecord, DesiredState
from opamp_mock_server.core.connection_settings import ConnectionSettings
from opamp_mock_server.core.status_reporting import StatusReporting
from opamp_mock_server.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb

Offers = pb.ConnectionSettingsOffers


# ---- offers without a capability


@breaks(
    "connection-settings.capability.opamp",
    also=["capabilities.server-respects-change", "interop.server-stops-unsupported"],
)
class OpampSettingsWithoutCapability(ConnectionSettings):
    """Settings for OpAMP are offered to agents without the AcceptsOpAMPConnectionSettings capability."""

    def may_offer(self, settings: str, capabilities: int) -> bool:
        return settings == "opamp" or super().may_offer(settings, capabilities)


@breaks(
    "connection-settings.capability.own-metrics",
    also=["interop.server-stops-unsupported", "capabilities.server-respects-change"],
)
class OwnMetricsWithoutCapability(ConnectionSettings):
    """Settings for own metrics are offered to agents without the ReportsOwnMetrics capability."""

    def may_offer(self, settings: str, capabilities: int) -> bool:
        return settings == "own_metrics" or super().may_offer(settings, capabilities)


@breaks(
    "connection-settings.capability.own-traces",
    also=["capabilities.server-respects-change", "interop.server-stops-unsupported"],
)
class OwnTracesWithoutCapability(ConnectionSettings):
    """Settings for own traces are offered to agents without the ReportsOwnTraces capability."""

    def may_offer(self, settings: str, capabilities: int) -> bool:
        return settings == "own_traces" or super().may_offer(settings, capabilities)


@breaks(
    "connection-settings.capability.own-logs",
    also=["capabilities.server-respects-change", "interop.server-stops-unsupported"],
)
class OwnLogsWithoutCapability(ConnectionSettings):
    """Settings for own logs are offered to agents without the ReportsOwnLogs capability."""

    def may_offer(self, settings: str, capabilities: int) -> bool:
        return settings == "own_logs" or super().may_offer(settings, capabilities)


@breaks(
    "connection-settings.capability.other",
    also=["capabilities.server-respects-change", "interop.server-stops-unsupported"],
)
class OtherConnectionsWithoutCapability(ConnectionSettings):
    """Other connections are offered to agents without the AcceptsOtherConnectionSettings capability."""

    def may_offer(self, settings: str, capabilities: int) -> bool:
        return settings == "other_connections" or super().may_offer(settings, capabilities)


# ---- offers at the wrong time


@breaks("own-telemetry.offer-on-first", also=["registration.server-offers-immediately"])
class NoSettingsInFirstReply(ConnectionSettings):
    """The first reply to an agent has no settings, unless they contain a certificate."""

    def offer_connection_settings(
        self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent
    ) -> AgentRecord:
        is_first = reply.capabilities and not self._has_certificate(desired)
        return record if is_first else super().offer_connection_settings(record, desired, reply)

    def _has_certificate(self, desired: DesiredState) -> bool:
        return desired.connection_settings is not None and desired.connection_settings.opamp.HasField("certificate")


@breaks("own-telemetry.offer-on-change", also=["offers.hash-covers-all", "connection-status.server-offers-on-mismatch"])
class ChangedSettingsNotOffered(ConnectionSettings):
    """An agent that has settings is not offered changed settings, unless they contain a certificate."""

    def offer_connection_settings(
        self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent
    ) -> AgentRecord:
        wanted = desired.connection_settings
        is_certificate = wanted is not None and wanted.opamp.HasField("certificate")
        if record.connection_settings_hash and not is_certificate:
            return record
        return super().offer_connection_settings(record, desired, reply)


@breaks("own-telemetry.no-offer-if-unchanged")
class SettingsInEveryReply(ConnectionSettings):
    """Settings are offered again in every reply."""

    def offer_connection_settings(
        self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent
    ) -> AgentRecord:
        return super().offer_connection_settings(record._replace(connection_settings_hash=b""), desired, reply)


@breaks("own-telemetry.no-offer-if-unchanged:failed")
class FailedSettingsOfferedAgain(StatusReporting):
    """Settings that an agent has failed to apply are offered again."""

    def note_reported_hashes(self, record: AgentRecord, message: pb.AgentToServer, reported: list[str]) -> AgentRecord:
        learned = super().note_reported_hashes(record, message, reported)
        has_failed = message.connection_settings_status.status == pb.ConnectionSettingsStatuses_FAILED
        return learned._replace(connection_settings_hash=b"") if has_failed else learned


@breaks("connection-status.server-offers-on-mismatch", also=["connection-status.server-compares-hash"])
class ReportedSettingsHashIgnored(StatusReporting):
    """The hash of settings that an agent reports is ignored."""

    def note_reported_hashes(self, record: AgentRecord, message: pb.AgentToServer, reported: list[str]) -> AgentRecord:
        learned = super().note_reported_hashes(record, message, reported)
        return learned._replace(connection_settings_hash=record.connection_settings_hash)


@breaks("connection-status.server-compares-hash")
class EmptySettingsHashIgnored(StatusReporting):
    """An agent that reports an empty hash of its settings is treated as if it had the offered settings."""

    def note_reported_hashes(self, record: AgentRecord, message: pb.AgentToServer, reported: list[str]) -> AgentRecord:
        learned = super().note_reported_hashes(record, message, reported)
        known = record.connection_settings_hash
        return learned if learned.connection_settings_hash else learned._replace(connection_settings_hash=known)


@breaks("offers.hash-covers-all", also=["own-telemetry.offer-on-change"])
class SettingsHashOfNames(ConnectionSettings):
    """The hash covers the names of settings and the OpAMP certificate, but no other content."""

    def settings_hash(self, settings: Offers) -> bytes:
        names = [field.name for field, _ in settings.ListFields()]
        certificate = settings.opamp.certificate.cert
        return hashlib.sha256(",".join(names).encode() + certificate).digest()


@breaks("offers.hash-covers-all:missing")
class NoSettingsHashForOneKind(ConnectionSettings):
    """Settings of a single kind have no hash, unless they contain a certificate."""

    def offer_connection_settings(
        self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent
    ) -> AgentRecord:
        record = super().offer_connection_settings(record, desired, reply)
        kinds = [field.name for field, _ in reply.connection_settings.ListFields() if field.name != "hash"]
        if len(kinds) == 1 and not reply.connection_settings.opamp.HasField("certificate"):
            reply.connection_settings.hash = b""
        return record


# ---- offers with wrong content


@breaks("opamp-offer.sent-in-opamp", also=["registration.server-offers-immediately"])
class OpampInOtherConnections(ConnectionSettings):
    """Settings for OpAMP are offered in other_connections, unless they contain a certificate."""

    def connection_settings(self, settings: Offers, capabilities: int) -> Offers | None:
        offer = super().connection_settings(settings, capabilities)
        if offer is not None and offer.HasField("opamp") and not offer.opamp.HasField("certificate"):
            offer.other_connections["opamp"].destination_endpoint = offer.opamp.destination_endpoint
            offer.ClearField("opamp")
        return offer


@breaks("own-telemetry.offer-shape", also=["own-telemetry.offer-on-first"])
class OwnTelemetryInOtherConnections(ConnectionSettings):
    """Settings for own telemetry are offered in other_connections."""

    def connection_settings(self, settings: Offers, capabilities: int) -> Offers | None:
        offer = super().connection_settings(settings, capabilities)
        for name in ("own_metrics", "own_traces", "own_logs"):
            if offer is not None and offer.HasField(name):
                offer.other_connections[name].destination_endpoint = getattr(offer, name).destination_endpoint
                offer.ClearField(name)
        return offer


@breaks("opamp-settings.endpoint-non-empty")
class OpampWithoutEndpoint(ConnectionSettings):
    """Settings for OpAMP have an empty destination_endpoint."""

    def connection_settings(self, settings: Offers, capabilities: int) -> Offers | None:
        offer = super().connection_settings(settings, capabilities)
        if offer is not None and offer.HasField("opamp"):
            offer.opamp.destination_endpoint = ""
        return offer


@breaks("opamp-settings.endpoint-url")
class OpampEndpointWithoutScheme(ConnectionSettings):
    """The destination_endpoint for OpAMP is a host and a port instead of a URL."""

    def connection_settings(self, settings: Offers, capabilities: int) -> Offers | None:
        offer = super().connection_settings(settings, capabilities)
        if offer is not None and offer.HasField("opamp"):
            offer.opamp.destination_endpoint = "opamp.example:4320"
        return offer


@breaks("telemetry-settings.endpoint-full-url")
class MetricsEndpointWithoutPath(ConnectionSettings):
    """The destination_endpoint for own metrics has no path."""

    def connection_settings(self, settings: Offers, capabilities: int) -> Offers | None:
        offer = super().connection_settings(settings, capabilities)
        if offer is not None and offer.HasField("own_metrics"):
            offer.own_metrics.destination_endpoint = "https://metrics.example"
        return offer


@breaks("telemetry-settings.endpoint-https")
class MetricsEndpointWithoutTls(ConnectionSettings):
    """The destination_endpoint for own metrics does not use TLS."""

    def connection_settings(self, settings: Offers, capabilities: int) -> Offers | None:
        offer = super().connection_settings(settings, capabilities)
        if offer is not None and offer.HasField("own_metrics"):
            offer.own_metrics.destination_endpoint = "http://metrics.example/v1/metrics"
        return offer


@breaks("proxy.url-non-empty")
class ProxyWithoutUrl(ConnectionSettings):
    """The proxy for OpAMP has an empty URL."""

    def connection_settings(self, settings: Offers, capabilities: int) -> Offers | None:
        offer = super().connection_settings(settings, capabilities)
        if offer is not None and offer.opamp.HasField("proxy"):
            offer.opamp.proxy.url = ""
        return offer


def _offered_certificates(offer: Offers | None) -> list[pb.TLSCertificate]:
    """Return the certificates that the operator offers. They have private keys, but an issued certificate has none."""
    if offer is None:
        return []
    certificates = [offer.opamp.certificate, *(other.certificate for other in offer.other_connections.values())]
    return [certificate for certificate in certificates if certificate.private_key]


@breaks("certificate.cert-required", also=["certificate.private-key-required"])
class OfferedCertificateMissing(ConnectionSettings):
    """The offer of a certificate has no certificate."""

    def connection_settings(self, settings: Offers, capabilities: int) -> Offers | None:
        offer = super().connection_settings(settings, capabilities)
        for certificate in _offered_certificates(offer):
            certificate.cert = b""
        return offer


@breaks("certificate.private-key-required")
class OfferedPrivateKeyMissing(ConnectionSettings):
    """The offer of a certificate has no private key."""

    def connection_settings(self, settings: Offers, capabilities: int) -> Offers | None:
        offer = super().connection_settings(settings, capabilities)
        for certificate in _offered_certificates(offer):
            certificate.private_key = b""
        return offer


@breaks("certificate.ca-cert-if-ca-signed")
class OfferedCaCertMissing(ConnectionSettings):
    """The offer of a certificate has no certificate of its authority."""

    def connection_settings(self, settings: Offers, capabilities: int) -> Offers | None:
        offer = super().connection_settings(settings, capabilities)
        for certificate in _offered_certificates(offer):
            certificate.ca_cert = b""
        return offer


@breaks("other-settings.offer-shape")
class OtherConnectionsNeverOffered(ConnectionSettings):
    """Settings for other connections are never offered."""

    def may_offer(self, settings: str, capabilities: int) -> bool:
        return settings != "other_connections" and super().may_offer(settings, capabilities)


@breaks("offers.hash-covers-all:headers")
class SettingsHashWithoutHeaders(ConnectionSettings):
    """The hash of settings does not cover headers."""

    def settings_hash(self, settings: pb.ConnectionSettingsOffers) -> bytes:
        covered = pb.ConnectionSettingsOffers()
        covered.CopyFrom(settings)
        covered.own_metrics.ClearField("headers")
        return super().settings_hash(covered)


@breaks("offers.hash-covers-all:another-kind")
class SettingsHashWithoutLogs(ConnectionSettings):
    """The hash of settings does not cover the settings for own logs."""

    def settings_hash(self, settings: pb.ConnectionSettingsOffers) -> bytes:
        covered = pb.ConnectionSettingsOffers()
        covered.CopyFrom(settings)
        covered.ClearField("own_logs")
        return super().settings_hash(covered)


@breaks("own-telemetry.offer-on-first:one-signal")
class OneSignalOnly(ConnectionSettings):
    """An agent is offered settings for only one signal of its own telemetry."""

    def connection_settings(self, settings: Offers, capabilities: int) -> Offers | None:
        offer = super().connection_settings(settings, capabilities)
        if offer is not None and offer.HasField("own_metrics"):
            offer.ClearField("own_traces")
            offer.ClearField("own_logs")
        return offer


@breaks("connection-status.server-offers-on-mismatch:applying")
class SettingsHashIgnoredWhileApplying(StatusReporting):
    """The hash of settings is ignored if the agent reports that it is applying it."""

    def note_reported_hashes(self, record: AgentRecord, message: pb.AgentToServer, reported: list[str]) -> AgentRecord:
        learned = super().note_reported_hashes(record, message, reported)
        is_applying = message.connection_settings_status.status == pb.ConnectionSettingsStatuses_APPLYING
        return learned._replace(connection_settings_hash=record.connection_settings_hash) if is_applying else learned


@breaks("connection-status.server-offers-on-mismatch:failed")
class SettingsHashIgnoredAfterFailure(StatusReporting):
    """The hash of settings is ignored if the agent reports a failure."""

    def note_reported_hashes(self, record: AgentRecord, message: pb.AgentToServer, reported: list[str]) -> AgentRecord:
        learned = super().note_reported_hashes(record, message, reported)
        has_failed = message.connection_settings_status.status == pb.ConnectionSettingsStatuses_FAILED
        return learned._replace(connection_settings_hash=record.connection_settings_hash) if has_failed else learned
