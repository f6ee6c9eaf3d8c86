"""The requirements that the checks of every message look at, and their places in the specification."""

from collections.abc import Mapping
from typing import Final

_SPECIFICATION: Final = "https://github.com/open-telemetry/opamp-spec/blob/v0.20.0/"

_PLACES: Final[Mapping[str, str]] = {
    "bad-request.no-retry": "specification.md#bad-request",
    "capabilities.agent.always-set": "specification.md#agenttoservercapabilities",
    "capabilities.agent.reports-status-bit": "specification.md#agenttoservercapabilities",
    "capabilities.agent.undefined-bits-zero": "specification.md#agenttoservercapabilities",
    "components.hash-included": "specification.md#availablecomponentshash",
    "components.not-reported-if-incapable": "specification.md#agenttoserveravailable_components",
    "compression.unset.agent-description": "specification.md#agenttoserveragent_description",
    "compression.unset.connection-settings-status": "specification.md#agenttoserverconnection_settings_status",
    "compression.unset.effective-config": "specification.md#agenttoservereffective_config",
    "compression.unset.package-statuses": "specification.md#agenttoserverpackage_statuses",
    "compression.unset.remote-config-status": "specification.md#agenttoserverremote_config_status",
    "connection.backoff-jitter": "specification.md#establishing-connection",
    "connection-status.error-message": "specification.md#connectionsettingsstatuserror_message",
    "connection-status.last-hash": "specification.md#connectionsettingsstatuslast_connection_settings_hash",
    "csr.certificate-request-required": "specification.md#opampconnectionsettingsrequest-message",
    "csr.request-has-opamp": "specification.md#connectionsettingsrequest-message",
    "custom.capability-matches": "specification.md#custommessagecapability",
    "custom.only-on-change": "specification.md#customcapabilities",
    "custom.reverse-fqdn": "specification.md#customcapabilities",
    "disconnect.nothing-after": "proto/opamp/v1/opamp.proto",
    "disconnect.ws-client-close-frame": "specification.md#websocket-transport-opamp-client-initiated",
    "disconnect.ws-client-message-first": "specification.md#websocket-transport-opamp-client-initiated",
    "duplicate.one-connection": "specification.md#duplicate-websocket-connections",
    "effective-config.capability-set": "specification.md#configuration",
    "flags.report-full-state.agent": "specification.md#servertoagentflags",
    "health.last-error": "specification.md#componenthealthlast_error",
    "heartbeat.count-from-last-message": "specification.md#opampconnectionsettingsheartbeat_interval_seconds",
    "http.content-type": "specification.md#plain-http-transport",
    "http.instance-uid-header": "specification.md#plain-http-transport",
    "http.instance-uid-header.equal": "specification.md#plain-http-transport",
    "http.one-request-in-flight": "specification.md#plain-http-transport",
    "http.post": "specification.md#plain-http-transport",
    "http.request-body": "specification.md#plain-http-transport",
    "identification.every-message.agent": "specification.md#communication-model",
    "identification.instance-uid.length": "specification.md#agenttoserverinstance_uid",
    "identification.new-instance-uid.adopt": "specification.md#servertoagentinstance_uid",
    "identification.request-uid.temporary": "specification.md#agenttoserverinstance_uid",
    "interop.agent-stops-unsupported": "specification.md#interoperability-of-partial-implementations",
    "package-status.download-details-only-downloading": "specification.md#packagestatusdownload_details",
    "package-status.download-percent": "proto/opamp/v1/opamp.proto",
    "package-status.download-rate": "proto/opamp/v1/opamp.proto",
    "package-status.downloading-hash": "proto/opamp/v1/opamp.proto",
    "package-status.downloading-no-error": "proto/opamp/v1/opamp.proto",
    "package-status.error-message-only-if-erroneous": "specification.md#packagestatuserror_message",
    "package-status.failed-hash": "specification.md#packagestatusstatus",
    "package-status.installed-no-error": "specification.md#packagestatusstatus",
    "package-status.installing-hash": "specification.md#packagestatusstatus",
    "package-status.installing-no-error": "specification.md#packagestatusstatus",
    "package-status.key-equals-name": "specification.md#packagestatusespackages",
    "remote-config.error-message": "specification.md#remoteconfigstatuserror_message",
    "remote-config.last-hash": "specification.md#remoteconfigstatuslast_remote_config_hash",
    "sequence.increment": "specification.md#agenttoserversequence_num",
    "status.first-report.is-first-message": "specification.md#status-reporting",
    "status.no-report-without-change": "specification.md#status-reporting",
    "throttle.http-retry-after-time": "specification.md#plain-http-transport-2",
    "throttle.retry-after-ns": "specification.md#websocket-transport-1",
    "ws.binary-frames.agent": "specification.md#websocket-transport",
    "ws.header.zero.agent": "specification.md#websocket-message-format",
    "ws.layout.agent": "specification.md#websocket-transport",
}

REQUIREMENTS: Final = frozenset(_PLACES)


def link_of(requirement: str) -> str:
    """Return the URL of the place in the specification."""
    return _SPECIFICATION + _PLACES[requirement]
