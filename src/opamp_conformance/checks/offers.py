"""The checks of every offer, by requirement."""

import re
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import urlsplit

from opamp_conformance.errors import Violation
from opamp_proto import opamp_pb2 as pb

Check = Callable[[pb.AgentToServer | None, pb.ServerToAgent], Violation | None]
Settings = pb.OpAMPConnectionSettings | pb.TelemetryConnectionSettings | pb.OtherConnectionSettings

# https://www.rfc-editor.org/rfc/rfc9110#section-8.3.1
_MIME: Final = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+( *;.*)?", re.ASCII)
_REVERSE_FQDN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*(\.[A-Za-z0-9_-]+)+(/[^/\s]+)?")
# A file in PEM may have text before the certificate (RFC 7468, section 2).
_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----\s+[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


def all_settings(offer: pb.ConnectionSettingsOffers) -> Iterator[tuple[str, Settings]]:
    """Yield each of the offered settings by its name."""
    for name in ("opamp", "own_metrics", "own_traces", "own_logs"):
        if offer.HasField(name):
            yield name, getattr(offer, name)
    yield from offer.other_connections.items()


def telemetry_settings(offer: pb.ConnectionSettingsOffers) -> Iterator[tuple[str, pb.TelemetryConnectionSettings]]:
    for name, settings in all_settings(offer):
        if isinstance(settings, pb.TelemetryConnectionSettings):
            yield name, settings


def _needs(field: str, bit: "pb.AgentCapabilities", offered: str) -> Check:
    """Make the check that an agent is offered only what it can accept, according to its capabilities."""

    def check(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Violation | None:
        if sent is None or sent.capabilities & bit or not _has(reply, field):
            return None
        name = pb.AgentCapabilities.Name(bit).rpartition("_")[2]
        return Violation(f"no {offered} for an agent without {name}", offered)

    return check


def _has(reply: pb.ServerToAgent, path: str) -> bool:
    first, _, second = path.partition(".")
    part = getattr(reply, first)
    if second == "other_connections":
        return len(part.other_connections) > 0
    return bool(part.HasField(second)) if second else reply.HasField(first)


def _config_hash(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Violation | None:
    if not reply.HasField("remote_config") or reply.remote_config.config_hash:
        return None
    return Violation("a config_hash with the remote configuration", "none")


def _mime(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Violation | None:
    for name, file in reply.remote_config.config.config_map.items():
        if file.content_type and not _MIME.fullmatch(file.content_type):
            return Violation("a MIME type as content_type", f"{file.content_type!r} for {name!r}")
    return None


def _all_packages_hash(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Violation | None:
    if not reply.HasField("packages_available") or reply.packages_available.all_packages_hash:
        return None
    return Violation("an all_packages_hash with the packages", "none")


def _opamp_endpoint(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Violation | None:
    offer = reply.connection_settings
    # Settings with other content may leave the endpoint as it is (docs/ambiguities.md).
    if not offer.HasField("opamp") or offer.opamp.ListFields():
        return None
    return Violation("a destination_endpoint in opamp", "nothing at all")


def _opamp_url(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Violation | None:
    endpoint = reply.connection_settings.opamp.destination_endpoint
    if not endpoint or _is_url(endpoint, "http", "https", "ws", "wss"):
        return None
    return Violation("a WebSocket or HTTP URL as destination_endpoint of opamp", repr(endpoint))


def _telemetry_url(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Violation | None:
    for name, settings in telemetry_settings(reply.connection_settings):
        endpoint = settings.destination_endpoint
        if not _is_url(endpoint, "http", "https") or not urlsplit(endpoint).path:
            return Violation(f"a full URL with its path as destination_endpoint of {name}", repr(endpoint))
    return None


def _telemetry_https(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Violation | None:
    for name, settings in telemetry_settings(reply.connection_settings):
        if settings.destination_endpoint and not settings.destination_endpoint.startswith("https://"):
            return Violation(f"https:// in the destination_endpoint of {name}", repr(settings.destination_endpoint))
    return None


def _proxy_url(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Violation | None:
    for name, settings in all_settings(reply.connection_settings):
        if settings.HasField("proxy") and not settings.proxy.url:
            return Violation(f"a url of the proxy in {name}", "none")
    return None


def _certificate(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Violation | None:
    for name, settings in all_settings(reply.connection_settings):
        if settings.HasField("certificate") and not _PEM.search(settings.certificate.cert):
            return Violation(f"a PEM certificate in {name}", repr(settings.certificate.cert[:40]))
    return None


def _private_key(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Violation | None:
    for name, settings in all_settings(reply.connection_settings):
        # Without a key, a certificate of OpAMP may be the late answer to a request.
        if name != "opamp" and settings.certificate.cert and not settings.certificate.private_key:
            return Violation(f"a private_key with the certificate in {name}", "none")
    return None


def _ca_cert(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Violation | None:
    for name, settings in all_settings(reply.connection_settings):
        certificate = settings.certificate
        if not _PEM.search(certificate.cert) or certificate.ca_cert:
            continue
        from opamp_conformance.checks.certificates import is_self_signed  # noqa: PLC0415 - it is slow to load

        if name != "opamp" and not is_self_signed(certificate.cert):
            return Violation(f"a ca_cert with the certificate in {name}, because an authority has signed it", "none")
    return None


def _custom_capability_names(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Violation | None:
    odd = [name for name in reply.custom_capabilities.capabilities if not _REVERSE_FQDN.fullmatch(name)]
    return Violation("custom capabilities by reverse FQDN", ", ".join(map(repr, odd))) if odd else None


def _is_url(text: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.hostname)


OFFER_CHECKS: Final[dict[str, Check]] = {
    "remote-config.not-offered-if-unsupported": _needs(
        "remote_config", pb.AgentCapabilities_AcceptsRemoteConfig, "remote configuration"
    ),
    "remote-config.config-hash-set": _config_hash,
    "config-files.content-type-mime": _mime,
    "packages.not-offered-if-unsupported": _needs(
        "packages_available", pb.AgentCapabilities_AcceptsPackages, "packages"
    ),
    "packages.all-hash-set": _all_packages_hash,
    "interop.server-stops-unsupported": _needs(
        "command", pb.AgentCapabilities_AcceptsRestartCommand, "a restart command"
    ),
    "connection-settings.capability.own-traces": _needs(
        "connection_settings.own_traces", pb.AgentCapabilities_ReportsOwnTraces, "settings for own traces"
    ),
    "connection-settings.capability.own-metrics": _needs(
        "connection_settings.own_metrics", pb.AgentCapabilities_ReportsOwnMetrics, "settings for own metrics"
    ),
    "connection-settings.capability.own-logs": _needs(
        "connection_settings.own_logs", pb.AgentCapabilities_ReportsOwnLogs, "settings for own logs"
    ),
    "connection-settings.capability.opamp": _needs(
        "connection_settings.opamp", pb.AgentCapabilities_AcceptsOpAMPConnectionSettings, "settings for OpAMP"
    ),
    "connection-settings.capability.other": _needs(
        "connection_settings.other_connections",
        pb.AgentCapabilities_AcceptsOtherConnectionSettings,
        "settings for other connections",
    ),
    "opamp-settings.endpoint-non-empty": _opamp_endpoint,
    "opamp-settings.endpoint-url": _opamp_url,
    "telemetry-settings.endpoint-full-url": _telemetry_url,
    "telemetry-settings.endpoint-https": _telemetry_https,
    "proxy.url-non-empty": _proxy_url,
    "certificate.cert-required": _certificate,
    "certificate.private-key-required": _private_key,
    "certificate.ca-cert-if-ca-signed": _ca_cert,
    "custom.reverse-fqdn": _custom_capability_names,
}
"""The checks of offers, by requirement."""
