"""What the specification demands, allows and forbids in the answer to an ordinary message."""

from typing import Final

from opamp_conformance.checks.agent_memory import is_full
from opamp_conformance.checks.situation import Rule, Situation
from opamp_conformance.errors import Violation
from opamp_conformance.wire.exchange import error_name
from opamp_proto import opamp_pb2 as pb

_ACCEPTS_CONFIG: Final = int(pb.AgentCapabilities_AcceptsRemoteConfig | pb.AgentCapabilities_ReportsRemoteConfig)
_ACCEPTS_PACKAGES: Final = int(pb.AgentCapabilities_AcceptsPackages | pb.AgentCapabilities_ReportsPackageStatuses)
_ACCEPTS_SETTINGS: Final = int(pb.AgentCapabilities_ReportsConnectionSettingsStatus)


def _asks_for_missing_state(at: Situation) -> Violation | None:
    """Agent Status Compression: after a gap, the server asks for what the message leaves out."""
    if at.is_error or at.is_disconnect or at.announced or is_full(at.sent) or at.wants_full_state:
        return None
    if any(message.flags & pb.ServerToAgentFlags_ReportFullState for message in at.exchange.unsolicited):
        return None
    if at.agent is None:
        # A higher number shows that messages are missing. An agent that describes itself may have nothing else to say.
        is_open = at.sent.sequence_num <= 1 or at.sent.HasField("agent_description")
        return None if is_open else _not_asked("an unknown agent", at)
    return _not_asked("a gap", at) if at.agent.is_after_gap(at.sent) else None


def _not_asked(after: str, at: Situation) -> Violation:
    expected = 0 if at.agent is None else (at.agent.sequence_num or 0) + 1
    number = f"sequence_num {at.sent.sequence_num}" + (f" after {expected - 1}" if at.agent is not None else "")
    return Violation(f"ReportFullState for a partial report after {after} ({number})", "no flag")


def _asks_only_if_missing(at: Situation) -> Violation | None:
    """ServerToAgent.flags: the server asks if it lacks something; a restart is the only reason without a gap."""
    if not at.wants_full_state or at.agent is None or at.is_disconnect or at.announced or at.asks_for_uid:
        return None
    is_unbroken = at.agent.connection_id == at.exchange.connection_id and not at.agent.has_left
    if not is_unbroken or not at.agent.is_next(at.sent):
        return None
    if not at.agent.has_full_state and not is_full(at.sent):
        return None
    return Violation("no ReportFullState if no message and no part of the state is missing", "the flag")


def _announces_capabilities(at: Situation) -> Violation | None:
    """ServerToAgent.capabilities: they are in the first message to an agent."""
    if at.is_error or at.is_disconnect or at.agent is not None or not at.is_first_on_connection:
        return None
    if at.reply.capabilities or any(message.capabilities for message in at.exchange.unsolicited):
        return None
    return Violation("the server's capabilities in the first answer to an agent", "none")


def _gives_uid(at: Situation) -> Violation | None:
    """AgentToServerFlags.RequestInstanceUid."""
    if not at.asks_for_uid or at.is_error or at.is_disconnect or at.announced:
        return None
    return Violation("a new_instance_uid for an agent that sets RequestInstanceUid", "none")


def _calls_nothing_malformed(at: Situation) -> Violation | None:
    """ServerErrorResponse: BadRequest is for malformed messages."""
    # The failure of a certificate request is a BadRequest. About agent_disconnect, see docs/ambiguities.md.
    if not at.is_bad_request or at.is_disconnect or at.sent.HasField("connection_settings_request"):
        return None
    error = at.reply.error_response
    return Violation("no BadRequest for a well-formed message", f"{error_name(error.type)}: {error.error_message}")


def _processes(at: Situation) -> Violation | None:
    """Status Reporting: a report that was processed is answered without an error."""
    error = at.reply.error_response
    is_failure = at.is_error and error.type == pb.ServerErrorResponseType_Unknown
    if not is_failure or at.is_disconnect or at.sent.HasField("connection_settings_request"):
        return None
    return Violation("no error for an ordinary message", f"{error_name(error.type)}: {error.error_message}")


def _is_available(at: Situation) -> Violation | None:
    """ServerErrorResponse: Unavailable is for overload, and asks for a retry."""
    if not at.is_error or at.reply.error_response.type != pb.ServerErrorResponseType_Unavailable or at.exchange.is_busy:
        return None
    return Violation("no Unavailable from a server that is not overloaded", at.reply.error_response.error_message)


def _accepts_status(at: Situation) -> Violation | None:
    """ServerCapabilities.AcceptsStatus: each server has it."""
    bits = at.reply.capabilities
    if not bits or bits & pb.ServerCapabilities_AcceptsStatus:
        return None
    return Violation("AcceptsStatus among the server's capabilities", f"capabilities {bits:#x}")


def _succeeds_by_http(at: Situation) -> Violation | None:
    """Plain HTTP Transport: a client takes any other status for a failure, and sends the message again."""
    status = at.exchange.status
    if at.is_error or status is None or 200 <= status < 300:
        return None
    return Violation("a status of 2xx for a message that was processed", f"the status {status}")


def _offers_configuration_on_mismatch(at: Situation) -> Violation | None:
    """RemoteConfigStatus.last_remote_config_hash: if it is not that of the agent's configuration, it is offered."""
    status = at.sent.remote_config_status
    offered = at.agent.offered.remote_config.config_hash if at.agent is not None else b""
    if not at.sent.HasField("remote_config_status") or at.reply.HasField("remote_config"):
        return None
    return _not_offered(at, "remote_config", offered, status.last_remote_config_hash, _ACCEPTS_CONFIG)


def _offers_settings_on_mismatch(at: Situation) -> Violation | None:
    """ConnectionSettingsStatus.last_connection_settings_hash."""
    status = at.sent.connection_settings_status
    offered = at.agent.offered.connection_settings.hash if at.agent is not None else b""
    if not at.sent.HasField("connection_settings_status") or at.reply.HasField("connection_settings"):
        return None
    return _not_offered(at, "connection_settings", offered, status.last_connection_settings_hash, _ACCEPTS_SETTINGS)


def _offers_packages_on_mismatch(at: Situation) -> Violation | None:
    """PackageStatuses.server_provided_all_packages_hash."""
    status = at.sent.package_statuses
    offered = at.agent.offered.packages_available.all_packages_hash if at.agent is not None else b""
    if not at.sent.HasField("package_statuses") or at.reply.HasField("packages_available"):
        return None
    return _not_offered(at, "packages_available", offered, status.server_provided_all_packages_hash, _ACCEPTS_PACKAGES)


def _not_offered(at: Situation, field: str, offered: bytes, reported: bytes, needed: int) -> Violation | None:
    """Return the violation of a server that has offered one hash, and leaves another one as it is."""
    is_open = at.is_error or at.is_disconnect or at.announced or at.agent is None or at.agent.sequence_num is None
    has_changed = at.agent is not None and at.sent.capabilities != at.agent.capabilities
    if is_open or has_changed or not offered or reported == offered or at.sent.capabilities & needed != needed:
        return None
    if any(message.HasField(field) for message in at.exchange.unsolicited):
        return None
    expected = f"{field}, because the agent reports another hash than the one it was offered ({offered.hex()})"
    return Violation(expected, f"none after the hash {reported.hex() or '(empty)'}")


def _repeats_no_custom_capabilities(at: Situation) -> Violation | None:
    """CustomCapabilities: they are sent if they have changed."""
    if at.agent is None or not at.reply.HasField("custom_capabilities") or at.is_error or at.announced:
        return None
    is_unbroken = at.agent.connection_id == at.exchange.connection_id and at.agent.is_next(at.sent)
    is_same = at.reply.custom_capabilities.SerializeToString() == at.agent.server_capabilities
    if not is_unbroken or not is_same or at.sent.HasField("agent_description"):
        return None
    return Violation("no custom_capabilities, because they have not changed", "the same again")


def _lists_components_only_if_able(at: Situation) -> Violation | None:
    """AgentCapabilities.ReportsAvailableComponents."""
    if not at.reply.flags & pb.ServerToAgentFlags_ReportAvailableComponents:
        return None
    if at.sent.capabilities & pb.AgentCapabilities_ReportsAvailableComponents:
        return None
    return Violation("no ReportAvailableComponents for an agent without ReportsAvailableComponents", "the flag")


ANSWER_RULES: Final[tuple[tuple[str, Rule], ...]] = (
    ("sequence.server-report-full-state", _asks_for_missing_state),
    ("flags.report-flags-allowed", _asks_only_if_missing),
    ("capabilities.server.first-message", _announces_capabilities),
    ("identification.request-uid.answered", _gives_uid),
    ("error.bad-request-only-as-reply", _calls_nothing_malformed),
    ("response.no-error-on-success", _processes),
    ("response.no-error-on-success", _succeeds_by_http),
    ("error.unavailable-means-overload", _is_available),
    ("capabilities.server.accepts-status-bit", _accepts_status),
    ("remote-config.server-offers-on-mismatch", _offers_configuration_on_mismatch),
    ("connection-status.server-offers-on-mismatch", _offers_settings_on_mismatch),
    ("package-status.server-offers-on-mismatch", _offers_packages_on_mismatch),
    ("custom.only-on-change", _repeats_no_custom_capabilities),
    ("interop.server-stops-unsupported", _lists_components_only_if_able),
)
"""The rules of the specification, each with its requirement."""
