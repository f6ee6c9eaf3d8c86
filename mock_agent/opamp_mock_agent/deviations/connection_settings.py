"""Deviations of connection settings."""

from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_agent.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb


@breaks(
    "capabilities.agent.accepts-opamp-settings",
    also=(
        *("opamp-offer.client-reconnects", "opamp-offer.client-disconnects", "duplicate.reconnect-order"),
        *("opamp-settings.headers-used", "tls.ca-pem", "registration.client-persists", "opamp-offer.report-applying"),
        *("opamp-offer.report-applied", "opamp-offer.report-failed", "connection-status.last-hash"),
        *("capabilities.agent.connection-status-reported", "opamp-offer.revert-on-failure", "offers.client-verifies"),
        *("opamp-offer.success-criteria", "heartbeat.use-offered-interval", "heartbeat.every-period"),
        *("heartbeat.http-poll-interval", "http.poll.uses-heartbeat-interval", "heartbeat.zero-disables"),
        *("own-telemetry.status", "own-telemetry.send-to-offered", "telemetry-settings.endpoint-as-given"),
        *("capabilities.agent.own-telemetry", "telemetry-settings.headers-used", "own-telemetry.metrics-periodic"),
        *("description.identifying-in-resource", "own-telemetry.non-identifying-same", "identification.stable"),
        "own-telemetry.process-conventions",
        *("opamp-settings.certificate-used", "certificate.agent-not-trusting-ca", "csr.own-key"),
        *("telemetry-settings.certificate-used", "proxy.url-used", "proxy.connect-headers", "tls.insecure-skip-verify"),
        *("tls.min-version", "tls.max-version", "tls.cipher-suites"),
    ),
)
class IgnoresSettings(Behaviour):
    """The agent ignores all offers of settings."""

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        message.ClearField("connection_settings")
        return message


@breaks(
    "opamp-offer.client-disconnects",
    also=("duplicate.reconnect-order", "disconnect.ws-client-message-first"),
    needs="websocket",
)
class SecondConnection(Behaviour):
    """The agent connects with new settings before it leaves the old connection."""

    closes_before_reconnect = False


@breaks("capabilities.agent.accepts-opamp-settings:beside-telemetry", also=("heartbeat.count-from-last-message",))
class IgnoresEndpointBesideTelemetry(Behaviour):
    """The agent ignores settings for OpAMP beside settings for its own metrics."""

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        if message.connection_settings.HasField("own_metrics"):
            message.connection_settings.ClearField("opamp")
        return message


@breaks("capabilities.agent.accepts-opamp-settings:after-failure")
class GivesUpAfterFailure(Behaviour):
    """After settings that did not work, the agent takes no other ones."""

    takes_settings_after_failure = False


@breaks("opamp-settings.headers-used", also=("offers.opamp-unset-keeps",))
class IgnoresHeaders(Behaviour):
    """The agent does not send the offered headers."""

    uses_offered_headers = False


@breaks("opamp-settings.headers-used:same-endpoint")
class IgnoresHeadersOfSameEndpoint(Behaviour):
    """The agent ignores offered headers if it has the endpoint already."""

    def merged_settings(
        self, own: pb.OpAMPConnectionSettings, offer: pb.OpAMPConnectionSettings, merged: pb.OpAMPConnectionSettings
    ) -> pb.OpAMPConnectionSettings:
        if own.destination_endpoint == offer.destination_endpoint:
            merged.headers.CopyFrom(own.headers)
        return merged


@breaks("opamp-settings.headers-used:after-loss", also=("offers.opamp-unset-keeps",), needs="websocket")
class ForgetsHeadersAfterLoss(Behaviour):
    """After a lost connection, the agent does not send the offered headers any more."""

    def settings_after_loss(self, given: pb.OpAMPConnectionSettings) -> pb.OpAMPConnectionSettings:
        changed = pb.OpAMPConnectionSettings()
        changed.CopyFrom(given)
        changed.ClearField("headers")
        return changed


@breaks(
    "opamp-offer.client-reconnects:after-loss",
    also=(
        *("opamp-settings.headers-used", "offers.opamp-unset-keeps", "opamp-settings.certificate-used"),
        "opamp-offer.revert-on-failure",
    ),
    needs="websocket",
)
class ReturnsAfterLoss(Behaviour):
    """After a lost connection, the agent connects with its settings from before the offer."""

    def settings_after_loss(self, given: pb.OpAMPConnectionSettings) -> pb.OpAMPConnectionSettings:
        return pb.OpAMPConnectionSettings()


@breaks(
    "tls.ca-pem",
    also=(
        *("opamp-settings.certificate-used", "csr.own-key", "proxy.url-used", "proxy.connect-headers"),
        "tls.cipher-suites",
    ),
)
class IgnoresAuthority(Behaviour):
    """The agent does not trust the offered authority."""

    uses_offered_ca = False


@breaks("registration.client-persists")
class ForgetsSettings(Behaviour):
    """The agent does not save the settings that it has accepted."""

    saves_settings = False


@breaks("offers.opamp-unset-keeps")
class ReconnectsForOtherSettings(Behaviour):
    """The agent leaves the server for an offer that has nothing for OpAMP."""

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        if not message.connection_settings.other_connections:
            return message
        message.connection_settings.opamp.headers.SetInParent()
        return message


@breaks(
    "opamp-offer.revert-on-failure",
    also=(
        *("opamp-offer.success-criteria", "offers.client-verifies", "opamp-offer.report-failed", "tls.min-version"),
        *("tls.max-version", "certificate.agent-not-trusting-ca", "tls.cipher-suites"),
    ),
)
class NeverReturns(Behaviour):
    """The agent keeps trying settings that do not work."""

    def reverts_after(self, *, was_refused: bool) -> bool:
        return False


@breaks("opamp-offer.success-criteria")
class AcceptsRefusal(Behaviour):
    """The agent keeps settings whose server refuses it."""

    def reverts_after(self, *, was_refused: bool) -> bool:
        return not was_refused


@breaks("opamp-offer.success-criteria:tls", also=("certificate.agent-not-trusting-ca",))
class TrustsEveryone(Behaviour):
    """The agent does not verify certificates."""

    verifies_certificates = False


@breaks(
    "offers.client-verifies",
    also=(
        *("opamp-offer.revert-on-failure", "opamp-offer.success-criteria", "opamp-offer.report-failed"),
        *("tls.min-version", "tls.max-version", "certificate.agent-not-trusting-ca", "tls.cipher-suites"),
    ),
)
class NeverVerifies(Behaviour):
    """The agent accepts settings without a try."""

    verifies_settings = False


@breaks("offers.client-verifies:claims", also=("opamp-offer.success-criteria",))
class ClaimsApplied(Behaviour):
    """The agent reports APPLIED before it has tried the settings."""

    claims_applied = True


@breaks("opamp-offer.report-applying")
class NoApplying(Behaviour):
    """The agent does not report that it applies settings."""

    reports_applying = False


def _status_missing(message: pb.AgentToServer, status: pb.ConnectionSettingsStatuses) -> pb.AgentToServer:
    if message.connection_settings_status.status == status:
        message.ClearField("connection_settings_status")
    return message


@breaks(
    "opamp-offer.report-applied",
    also=("connection-status.last-hash", "capabilities.agent.connection-status-reported", "own-telemetry.status"),
)
class NoApplied(Behaviour):
    """The agent does not report that settings were applied."""

    def outgoing(self, message: pb.AgentToServer, earlier: object) -> pb.AgentToServer:
        return _status_missing(message, pb.ConnectionSettingsStatuses_APPLIED)


@breaks("opamp-offer.report-failed")
class NoFailed(Behaviour):
    """The agent does not report that settings have failed."""

    def outgoing(self, message: pb.AgentToServer, earlier: object) -> pb.AgentToServer:
        return _status_missing(message, pb.ConnectionSettingsStatuses_FAILED)


@breaks("opamp-offer.report-failed:old-hash", also=("connection-status.last-hash",))
class FailsWithOldHash(Behaviour):
    """Settings that do not work are reported with the hash of those that the agent has accepted."""

    _applied = b""

    def outgoing(self, message: pb.AgentToServer, earlier: object) -> pb.AgentToServer:
        status = message.connection_settings_status
        if status.status == pb.ConnectionSettingsStatuses_APPLIED:
            self._applied = status.last_connection_settings_hash
        elif status.status == pb.ConnectionSettingsStatuses_FAILED and self._applied:
            status.last_connection_settings_hash = self._applied
        return message


@breaks("connection-status.error-message")
class ErrorOfAppliedSettings(Behaviour):
    """Settings that are applied have an error_message."""

    def outgoing(self, message: pb.AgentToServer, earlier: object) -> pb.AgentToServer:
        if message.connection_settings_status.status == pb.ConnectionSettingsStatuses_APPLIED:
            message.connection_settings_status.error_message = "they failed before"
        return message


@breaks(
    "connection-status.last-hash",
    also=("capabilities.agent.connection-status-reported", "opamp-offer.report-failed"),
)
class OtherHash(Behaviour):
    """A full report has another hash than that of the last settings."""

    def outgoing(self, message: pb.AgentToServer, earlier: object) -> pb.AgentToServer:
        if message.HasField("agent_description") and message.HasField("connection_settings_status"):
            message.connection_settings_status.last_connection_settings_hash += b"!"
        return message


@breaks("opamp-offer.success-criteria:hostname")
class IgnoresHostname(Behaviour):
    """The agent accepts a certificate that is for another host."""

    checks_hostname = False


@breaks("opamp-offer.success-criteria:invalid")
class AppliesInvalidEndpoint(Behaviour):
    """The agent says that it has applied an endpoint that is no URL."""

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        opamp = message.connection_settings.opamp
        if opamp.destination_endpoint and "://" not in opamp.destination_endpoint:
            opamp.ClearField("destination_endpoint")
        return message


@breaks("offers.opamp-unset-keeps:headers", needs="websocket")
class ForgetsHeadersIfUnset(Behaviour):
    """An offer without settings for OpAMP takes the headers of the connection away."""

    keeps_headers_if_unset = False


@breaks(
    "opamp-offer.report-applied:again",
    also=("connection-status.last-hash", "compression.unset.connection-settings-status"),
)
class AppliedWithFirstHash(Behaviour):
    """When it has applied later settings, the agent reports the hash of the first ones."""

    _first = b""

    def outgoing(self, message: pb.AgentToServer, earlier: object) -> pb.AgentToServer:
        status = message.connection_settings_status
        if status.status == pb.ConnectionSettingsStatuses_APPLIED:
            self._first = self._first or status.last_connection_settings_hash
            status.last_connection_settings_hash = self._first
        return message


@breaks("opamp-offer.revert-on-failure:headers")
class KeepsHeadersOfFailedSettings(Behaviour):
    """The agent keeps the headers of settings that do not work."""

    def merged_settings(
        self, own: pb.OpAMPConnectionSettings, offer: pb.OpAMPConnectionSettings, merged: pb.OpAMPConnectionSettings
    ) -> pb.OpAMPConnectionSettings:
        own.headers.CopyFrom(merged.headers)
        return merged
