"""What the specification demands, allows and forbids in the answer to an ordinary message."""

from collections.abc import Callable
from typing import Final, NamedTuple

from opamp_conformance.checks.agent_memory import is_full
from opamp_conformance.checks.situation import Rule, Situation
from opamp_conformance.errors import Violation
from opamp_conformance.wire.exchange import error_name
from opamp_proto import opamp_pb2 as pb


def _asks_for_missing_state(at: Situation) -> Violation | None:
    """Agent Status Compression: after a gap, the server asks for what the message leaves out."""
    if at.is_error or at.is_disconnect or at.announced or is_full(at.sent):
        return None
    if at.exchange.everything.flags & pb.ServerToAgentFlags_ReportFullState:
        return None
    # A higher number shows that messages are missing. An agent that describes itself may have nothing else to say.
    is_open = at.sent.sequence_num <= 1 or at.sent.HasField("agent_description")
    if at.agent is None:
        return None if is_open else _not_asked("an unknown agent", at)
    if at.agent.is_new and is_open:
        return None
    if at.agent.left_at is not None:
        # Whether or not the server has forgotten the agent, it lacks messages.
        is_next = at.sent.sequence_num in (at.agent.left_at, at.agent.left_at + 1)
        return None if is_next or is_open else _not_asked("a gap after agent_disconnect", at)
    return _not_asked("a gap", at) if at.agent.is_after_gap(at.sent) else None


def _not_asked(after: str, at: Situation) -> Violation:
    number = f"sequence_num {at.sent.sequence_num}"
    if at.agent is not None:
        number += f" after {at.agent.sequence_num}"
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
    is_due = at.agent is None or not at.agent.is_greeted
    if at.is_error or at.is_disconnect or not is_due or not at.is_first_on_connection:
        return None
    if at.exchange.everything.capabilities:
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


class _Offer(NamedTuple):
    """A kind of offer: its field, where the agent reports the hash of the last one, and what the agent needs for it."""

    field: str
    report: str
    reported_hash: str
    offered_hash: Callable[[pb.ServerToAgent], bytes]
    needed: int


_CONFIGURATION: Final = _Offer(
    "remote_config",
    "remote_config_status",
    "last_remote_config_hash",
    lambda offered: offered.remote_config.config_hash,
    int(pb.AgentCapabilities_AcceptsRemoteConfig | pb.AgentCapabilities_ReportsRemoteConfig),
)
_SETTINGS: Final = _Offer(
    "connection_settings",
    "connection_settings_status",
    "last_connection_settings_hash",
    lambda offered: offered.connection_settings.hash,
    int(pb.AgentCapabilities_ReportsConnectionSettingsStatus),
)
_PACKAGES: Final = _Offer(
    "packages_available",
    "package_statuses",
    "server_provided_all_packages_hash",
    lambda offered: offered.packages_available.all_packages_hash,
    int(pb.AgentCapabilities_AcceptsPackages | pb.AgentCapabilities_ReportsPackageStatuses),
)


def _offers_again(offer: _Offer, *, is_lost: bool) -> Rule:
    """Make the rule that an agent is offered again what it does not have: if it has lost it, or has another one."""

    def rule(at: Situation) -> Violation | None:
        agent = at.agent
        if agent is None or agent.sequence_num is None or not at.sent.HasField(offer.report):
            return None
        offered = offer.offered_hash(agent.offered)
        reported = getattr(getattr(at.sent, offer.report), offer.reported_hash)
        is_open = at.is_error or at.is_disconnect or at.announced or at.sent.capabilities != agent.capabilities
        if is_open or not offered or reported == offered or (not reported) is not is_lost:
            return None
        if at.sent.capabilities & offer.needed != offer.needed:
            return None
        if at.exchange.everything.HasField(offer.field):
            return None
        expected = f"{offer.field} again, for an agent that does not have what it was offered ({offered.hex()})"
        return Violation(expected, f"none after the hash {reported.hex() or '(empty)'}")

    return rule


def _repeats_no_custom_capabilities(at: Situation) -> Violation | None:
    """CustomCapabilities: they are sent if they have changed."""
    if at.agent is None or not at.reply.HasField("custom_capabilities") or at.is_error or at.announced:
        return None
    is_unbroken = at.agent.connection_id == at.exchange.connection_id and at.agent.is_next(at.sent)
    is_same = at.reply.custom_capabilities.SerializeToString() == at.agent.server_capabilities
    if not is_unbroken or not is_same or at.sent.HasField("agent_description"):
        return None
    return Violation("no custom_capabilities, because they have not changed", "the same again")


def _repeats_no_settings(at: Situation) -> Violation | None:
    """Own Telemetry Reporting: settings are not sent again if the destination is unchanged.

    An agent that does not report their status cannot acknowledge them, but it has received them.
    """
    offer = at.reply.connection_settings
    if at.agent is None or not offer.hash or at.is_error or at.announced or at.sent.capabilities & _SETTINGS.needed:
        return None
    is_unbroken = at.agent.connection_id == at.exchange.connection_id and at.agent.is_next(at.sent)
    is_own = any(offer.HasField(name) for name in ("own_metrics", "own_traces", "own_logs"))
    is_same = offer.hash == at.agent.offered.connection_settings.hash
    if not is_unbroken or not is_own or not is_same or at.sent.capabilities != at.agent.capabilities:
        return None
    return Violation("no connection_settings, because they have not changed", f"the hash {offer.hash.hex()} again")


def _lists_components_only_if_able(at: Situation) -> Violation | None:
    """AgentCapabilities.ReportsAvailableComponents."""
    if not at.reply.flags & pb.ServerToAgentFlags_ReportAvailableComponents:
        return None
    if at.sent.capabilities & pb.AgentCapabilities_ReportsAvailableComponents:
        return None
    return Violation("no ReportAvailableComponents for an agent without ReportsAvailableComponents", "the flag")


def _asks_only_for_missing_components(at: Situation) -> Violation | None:
    """ServerToAgentFlags.ReportAvailableComponents: the server asks if the agent has left its components out."""
    if not at.reply.flags & pb.ServerToAgentFlags_ReportAvailableComponents:
        return None
    if not at.sent.available_components.components:
        return None
    return Violation("no ReportAvailableComponents in the answer to a report of the components", "the flag")


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
    ("remote-config.server-offers-on-mismatch", _offers_again(_CONFIGURATION, is_lost=False)),
    ("remote-config.server-compares-hash", _offers_again(_CONFIGURATION, is_lost=True)),
    ("connection-status.server-offers-on-mismatch", _offers_again(_SETTINGS, is_lost=False)),
    ("connection-status.server-compares-hash", _offers_again(_SETTINGS, is_lost=True)),
    ("package-status.server-offers-on-mismatch", _offers_again(_PACKAGES, is_lost=False)),
    ("package-status.server-compares-hash", _offers_again(_PACKAGES, is_lost=True)),
    ("custom.only-on-change", _repeats_no_custom_capabilities),
    ("own-telemetry.no-offer-if-unchanged", _repeats_no_settings),
    ("interop.server-stops-unsupported", _lists_components_only_if_able),
    ("flags.report-flags-allowed", _asks_only_for_missing_components),
)
"""The rules of the specification, each with its requirement."""
