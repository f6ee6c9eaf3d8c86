"""Ways to break what the specification says of connection settings."""

import hashlib

from opamp_mock_server.core.agent_state import AgentRecord, DesiredState
from opamp_mock_server.core.connection_settings import ConnectionSettings
from opamp_mock_server.core.status_reporting import StatusReporting
from opamp_mock_server.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb

Offers = pb.ConnectionSettingsOffers


# ---- to whom


@breaks("connection-settings.capability.opamp", also=["interop.server-stops-unsupported"])
class OpampToAll(ConnectionSettings):
    """Settings for OpAMP are offered to agents that keep their connection."""

    def may_offer(self, settings: str, capabilities: int) -> bool:
        return settings == "opamp" or super().may_offer(settings, capabilities)


@breaks("connection-settings.capability.own-metrics", also=["interop.server-stops-unsupported"])
class OwnMetricsToAll(ConnectionSettings):
    """Settings for own metrics are offered to agents without any."""

    def may_offer(self, settings: str, capabilities: int) -> bool:
        return settings == "own_metrics" or super().may_offer(settings, capabilities)


@breaks("connection-settings.capability.own-traces", also=["interop.server-stops-unsupported"])
class OwnTracesToAll(ConnectionSettings):
    """Settings for own traces are offered to agents without any."""

    def may_offer(self, settings: str, capabilities: int) -> bool:
        return settings == "own_traces" or super().may_offer(settings, capabilities)


@breaks("connection-settings.capability.own-logs", also=["interop.server-stops-unsupported"])
class OwnLogsToAll(ConnectionSettings):
    """Settings for own logs are offered to agents without any."""

    def may_offer(self, settings: str, capabilities: int) -> bool:
        return settings == "own_logs" or super().may_offer(settings, capabilities)


@breaks("connection-settings.capability.other", also=["interop.server-stops-unsupported"])
class OthersToAll(ConnectionSettings):
    """Settings for other connections are offered to agents that take none."""

    def may_offer(self, settings: str, capabilities: int) -> bool:
        return settings == "other_connections" or super().may_offer(settings, capabilities)


# ---- when


@breaks("own-telemetry.offer-on-first", also=["registration.server-offers-immediately"])
class NotAtFirst(ConnectionSettings):
    """Settings are not offered with the first answer to an agent."""

    def offer_connection_settings(
        self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent
    ) -> AgentRecord:
        is_first = reply.capabilities and not self._has_certificate(desired)
        return record if is_first else super().offer_connection_settings(record, desired, reply)

    def _has_certificate(self, desired: DesiredState) -> bool:
        return desired.connection_settings is not None and desired.connection_settings.opamp.HasField("certificate")


@breaks("own-telemetry.offer-on-change", also=["offers.hash-covers-all", "connection-status.server-offers-on-mismatch"])
class OfferedOnce(ConnectionSettings):
    """An agent that has settings is not offered others, but for certificates."""

    def offer_connection_settings(
        self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent
    ) -> AgentRecord:
        wanted = desired.connection_settings
        is_certificate = wanted is not None and wanted.opamp.HasField("certificate")
        if record.connection_settings_hash and not is_certificate:
            return record
        return super().offer_connection_settings(record, desired, reply)


@breaks("own-telemetry.no-offer-if-unchanged")
class OfferedEveryTime(ConnectionSettings):
    """Settings are offered again with every answer."""

    def offer_connection_settings(
        self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent
    ) -> AgentRecord:
        return super().offer_connection_settings(record._replace(connection_settings_hash=b""), desired, reply)


@breaks("connection-status.server-offers-on-mismatch", also=["connection-status.server-compares-hash"])
class ReportedHashIgnored(StatusReporting):
    """The hash that an agent reports of its settings is not looked at."""

    def learn(self, record: AgentRecord, message: pb.AgentToServer, reported: list[str]) -> AgentRecord:
        learned = super().learn(record, message, reported)
        return learned._replace(connection_settings_hash=record.connection_settings_hash)


@breaks("connection-status.server-compares-hash")
class EmptyHashIgnored(StatusReporting):
    """An agent that reports no hash is taken to have its settings."""

    def learn(self, record: AgentRecord, message: pb.AgentToServer, reported: list[str]) -> AgentRecord:
        learned = super().learn(record, message, reported)
        known = record.connection_settings_hash
        return learned if learned.connection_settings_hash else learned._replace(connection_settings_hash=known)


@breaks("offers.hash-covers-all", also=["own-telemetry.offer-on-change"])
class HashOfNames(ConnectionSettings):
    """The hash is made of the names of settings, not of what is in them."""

    def settings_hash(self, settings: Offers) -> bytes:
        names = [field.name for field, _ in settings.ListFields()]
        certificate = settings.opamp.certificate.cert
        return hashlib.sha256(",".join(names).encode() + certificate).digest()


# ---- what


@breaks("opamp-offer.sent-in-opamp", also=["registration.server-offers-immediately"])
class OpampAmongOthers(ConnectionSettings):
    """Settings for OpAMP are offered as another connection, unless they hold a certificate."""

    def connection_settings(self, settings: Offers, capabilities: int) -> Offers | None:
        offer = super().connection_settings(settings, capabilities)
        if offer is not None and offer.HasField("opamp") and not offer.opamp.HasField("certificate"):
            offer.other_connections["opamp"].destination_endpoint = offer.opamp.destination_endpoint
            offer.ClearField("opamp")
        return offer


@breaks("own-telemetry.offer-shape", also=["own-telemetry.offer-on-first"])
class TelemetryAmongOthers(ConnectionSettings):
    """Settings for own telemetry are offered as other connections."""

    def connection_settings(self, settings: Offers, capabilities: int) -> Offers | None:
        offer = super().connection_settings(settings, capabilities)
        for name in ("own_metrics", "own_traces", "own_logs"):
            if offer is not None and offer.HasField(name):
                offer.other_connections[name].destination_endpoint = getattr(offer, name).destination_endpoint
                offer.ClearField(name)
        return offer


@breaks("opamp-settings.endpoint-non-empty")
class NoEndpoint(ConnectionSettings):
    """Settings for OpAMP do not say where to connect."""

    def connection_settings(self, settings: Offers, capabilities: int) -> Offers | None:
        offer = super().connection_settings(settings, capabilities)
        if offer is not None and offer.HasField("opamp"):
            offer.opamp.destination_endpoint = ""
        return offer


@breaks("opamp-settings.endpoint-url")
class HostAndPort(ConnectionSettings):
    """The endpoint of settings for OpAMP is a host and a port."""

    def connection_settings(self, settings: Offers, capabilities: int) -> Offers | None:
        offer = super().connection_settings(settings, capabilities)
        if offer is not None and offer.HasField("opamp"):
            offer.opamp.destination_endpoint = "opamp.example:4320"
        return offer


@breaks("telemetry-settings.endpoint-full-url")
class EndpointWithoutPath(ConnectionSettings):
    """The endpoint for own metrics has no path."""

    def connection_settings(self, settings: Offers, capabilities: int) -> Offers | None:
        offer = super().connection_settings(settings, capabilities)
        if offer is not None and offer.HasField("own_metrics"):
            offer.own_metrics.destination_endpoint = "https://metrics.example"
        return offer


@breaks("telemetry-settings.endpoint-https")
class PlainTelemetry(ConnectionSettings):
    """Own metrics are to be sent without TLS."""

    def connection_settings(self, settings: Offers, capabilities: int) -> Offers | None:
        offer = super().connection_settings(settings, capabilities)
        if offer is not None and offer.HasField("own_metrics"):
            offer.own_metrics.destination_endpoint = "http://metrics.example/v1/metrics"
        return offer


@breaks("proxy.url-non-empty")
class ProxyWithoutUrl(ConnectionSettings):
    """A proxy has no URL."""

    def connection_settings(self, settings: Offers, capabilities: int) -> Offers | None:
        offer = super().connection_settings(settings, capabilities)
        if offer is not None and offer.opamp.HasField("proxy"):
            offer.opamp.proxy.url = ""
        return offer


def _offered_certificate(offer: Offers | None) -> pb.TLSCertificate | None:
    """Return the certificate that the operator offers, which comes with its key, unlike an issued one."""
    if offer is None or not offer.HasField("opamp") or not offer.opamp.certificate.private_key:
        return None
    return offer.opamp.certificate


@breaks("certificate.cert-required")
class NoCertificate(ConnectionSettings):
    """A certificate that is offered is missing."""

    def connection_settings(self, settings: Offers, capabilities: int) -> Offers | None:
        offer = super().connection_settings(settings, capabilities)
        if certificate := _offered_certificate(offer):
            certificate.cert = b""
        return offer


@breaks("certificate.private-key-required")
class NoPrivateKey(ConnectionSettings):
    """A certificate that is offered comes without its private key."""

    def connection_settings(self, settings: Offers, capabilities: int) -> Offers | None:
        offer = super().connection_settings(settings, capabilities)
        if certificate := _offered_certificate(offer):
            certificate.private_key = b""
        return offer


@breaks("certificate.ca-cert-if-ca-signed")
class NoAuthority(ConnectionSettings):
    """A certificate that is offered comes without that of its authority."""

    def connection_settings(self, settings: Offers, capabilities: int) -> Offers | None:
        offer = super().connection_settings(settings, capabilities)
        if certificate := _offered_certificate(offer):
            certificate.ca_cert = b""
        return offer
