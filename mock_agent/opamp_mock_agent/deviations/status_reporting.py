"""Deviations of status reports."""

from collections.abc import Sequence

from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_agent.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb

Earlier = Sequence[pb.AgentToServer]


def _without(message: pb.AgentToServer, *fields: str) -> pb.AgentToServer:
    for field in fields:
        message.ClearField(field)
    return message


def _is_full(message: pb.AgentToServer) -> bool:
    return message.HasField("agent_description")


@breaks("status.first-report", also=("status.first-report.is-first-message", "capabilities.agent.reports-status"))
class EmptyFirstMessage(Behaviour):
    """The agent begins with a message without any status."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        parts = ("agent_description", "health", "effective_config", "remote_config_status", "available_components")
        return message if earlier else _without(message, *parts, "custom_capabilities")


@breaks(
    "flags.report-full-state.agent",
    also=(
        *("interop.ignore-unknown-fields", "interop.tolerate-schema-growth", "interop.peer-may-lack"),
        *("http.reads-announced-encoding", "connection.retry"),
    ),
)
class IgnoresReportFullState(Behaviour):
    """The agent ignores the flag ReportFullState."""

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        message.flags &= ~pb.ServerToAgentFlags_ReportFullState
        return message


@breaks(
    "flags.report-full-state.agent:part",
    also=("capabilities.agent.health-reported", "flags.report-full-state.complete"),
    needs="http",
)
class FullStateWithoutHealth(Behaviour):
    """The agent answers ReportFullState without its health."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        return _without(message, "health") if earlier and _is_full(message) else message


@breaks(
    "flags.report-full-state.complete:description",
    also=("status.report-on-change", "compression.changed-part-complete", "compression.unset.agent-description"),
)
class FullStateWithoutAttributes(Behaviour):
    """The agent answers ReportFullState with its identifying attributes only."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if earlier and _is_full(message):
            message.agent_description.ClearField("non_identifying_attributes")
        return message


@breaks("flags.report-full-state.agent:beside-flag", also=("interop.tolerate-schema-growth",))
class IgnoresReportFullStateBesideOthers(Behaviour):
    """The agent ignores the flag ReportFullState if the server has set another one beside it."""

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        if message.flags != pb.ServerToAgentFlags_ReportFullState:
            message.flags &= ~pb.ServerToAgentFlags_ReportFullState
        return message


@breaks("flags.report-full-state.complete", also=("flags.report-full-state.agent",))
class FullStateWithoutCustomCapabilities(Behaviour):
    """The agent answers ReportFullState without its custom capabilities."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        return _without(message, "custom_capabilities") if earlier and _is_full(message) else message


@breaks(
    "capabilities.agent.health-reported",
    also=(
        *("status.report-on-change", "health.healthy-meaning", "health.last-error"),
        "compression.changed-part-complete",
    ),
)
class NoHealth(Behaviour):
    """The agent never reports its health."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        return _without(message, "health")


@breaks("capabilities.agent.effective-config-reported")
class NoEffectiveConfig(Behaviour):
    """The agent never reports its effective configuration."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        return _without(message, "effective_config")


@breaks("health.start-time-unit")
class StartTimeInSeconds(Behaviour):
    """The start time in the health is in seconds."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if message.HasField("health"):
            message.health.start_time_unix_nano //= 10**9
        return message


@breaks("health.start-time-unit:same", also=("compression.changed-part-complete",))
class StartTimeOfReport(Behaviour):
    """The start time in the health is that of the report."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if message.HasField("health"):
            message.health.start_time_unix_nano = message.health.status_time_unix_nano + len(earlier)
        return message


@breaks("health.status-time-unit")
class StatusTimeInMilliseconds(Behaviour):
    """The time of the health is in milliseconds."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if message.HasField("health"):
            message.health.status_time_unix_nano //= 10**6
        return message


@breaks("health.last-error")
class BadHealthWithoutError(Behaviour):
    """The agent is not healthy, and does not say why."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if message.HasField("health"):
            message.health.ClearField("last_error")
        return message


@breaks(
    "status.report-on-change",
    also=(
        *("health.healthy-meaning", "health.last-error", "compression.changed-part-complete"),
        *("flags.report-full-state.agent", "interop.peer-may-lack"),
    ),
)
class ReportsChangesLate(Behaviour):
    """The agent reports its status only when it is asked for."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if earlier and not (message.HasField("effective_config") and message.HasField("agent_description")):
            _without(message, "health", "agent_description")
        return message


@breaks("status.report-on-change:unavailable", needs="websocket")
class FirstHealthInFullReports(Behaviour):
    """A full report has the health that was reported first, so a change without a connection is lost."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        known = [one for one in earlier if one.HasField("health")]
        if known and _is_full(message) and message.HasField("health"):
            message.health.CopyFrom(known[0].health)
        return message


@breaks("status.report-on-change:error")
class KeepsError(Behaviour):
    """While it is not healthy, the agent reports the error that it had first."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        errors = [one.health.last_error for one in earlier if one.HasField("health")]
        if message.HasField("health") and errors and errors[-1] and not message.health.healthy:
            message.health.last_error = errors[-1]
        return message


@breaks("status.report-on-change:description")
class ReportsFirstDescriptionChange(Behaviour):
    """The agent reports the first change of its description, and no later one."""

    _descriptions = 0

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if message.HasField("agent_description") and not message.HasField("effective_config"):
            self._descriptions += 1
            if self._descriptions > 1:
                _without(message, "agent_description")
        return message


@breaks("health.healthy-meaning", also=("status.report-on-change",))
class NeverHealthyAgain(Behaviour):
    """Once the agent was not healthy, it never is again."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        was_bad = any(one.HasField("health") and not one.health.healthy for one in earlier)
        if was_bad and message.HasField("health"):
            message.health.healthy = False
            message.health.last_error = "it was not healthy once"
        return message


@breaks("compression.changed-part-complete")
class ReportsOnlyTheChange(Behaviour):
    """Of a description that has changed, the agent reports the non-identifying attributes only."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if earlier and message.HasField("agent_description") and not message.HasField("effective_config"):
            message.agent_description.ClearField("identifying_attributes")
        return message


@breaks("compression.changed-part-complete:attributes")
class ReportsOnlyTheNewAttribute(Behaviour):
    """Of a description that has changed, the agent reports the identifying attributes and the new one only."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if earlier and message.HasField("agent_description") and not message.HasField("effective_config"):
            del message.agent_description.non_identifying_attributes[:-1]
        return message


@breaks("compression.changed-part-complete:health")
class ReportsOnlyTheChangedHealth(Behaviour):
    """Of a health that has changed, the agent reports the time of the change as its start time."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if message.HasField("health") and not _is_full(message):
            message.health.start_time_unix_nano = message.health.status_time_unix_nano
        return message


@breaks("status.no-report-without-change", needs="websocket")
class ReportsAgain(Behaviour):
    """The agent answers each unsolicited message of the server with its health."""

    reports_after_each_push = True


@breaks(
    "status.no-report-without-change:custom-message",
    also=(
        *("compression.unset.agent-description", "compression.unset.effective-config"),
        *("compression.unset.remote-config-status", "custom.only-on-change"),
    ),
)
class ReportsAfterCustomMessages(Behaviour):
    """The agent answers a custom message with a full report."""

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        if message.HasField("custom_message"):
            message.flags |= int(pb.ServerToAgentFlags_ReportFullState)
        return message


@breaks(
    "status.no-report-without-change:own-custom-message",
    also=(
        *("compression.unset.agent-description", "compression.unset.effective-config"),
        *("compression.unset.remote-config-status", "custom.only-on-change"),
    ),
)
class ReportsAfterOwnCustomMessages(Behaviour):
    """The agent answers a custom message of its own capability with a full report."""

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        if message.custom_message.capability in message.custom_capabilities.capabilities:
            message.flags |= int(pb.ServerToAgentFlags_ReportFullState)
        return message


@breaks("custom.capability-matches")
class AnswersUnderAnotherCapability(Behaviour):
    """The agent sends a custom message of a capability that nobody has announced."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if message.HasField("custom_message"):
            message.custom_message.capability = "org.example.unknown"
        return message


@breaks("error.unknown-no-retry", also=("bad-request.no-retry",))
class RepeatsRefusedReports(Behaviour):
    """The agent sends a message again that got an Unknown error or a BadRequest."""

    repeats_after_error = True


@breaks("flags.report-full-state.agent:after-error")
class FullStateNotAfterError(Behaviour):
    """After an Unknown error, the agent does not report its full state any more."""

    _has_failed = False

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        is_unknown = message.error_response.type == pb.ServerErrorResponseType_Unknown
        self._has_failed |= message.HasField("error_response") and is_unknown
        if self._has_failed:
            message.flags &= ~pb.ServerToAgentFlags_ReportFullState
        return message


@breaks("capabilities.agent.undefined-bits-zero")
class UndefinedCapability(Behaviour):
    """The agent sets a capability bit that no version defines."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        message.capabilities |= 1 << 40
        return message


@breaks(
    "capabilities.agent.always-set",
    also=("effective-config.capability-set", "components.not-reported-if-incapable"),
)
class NoCapabilities(Behaviour):
    """The agent tells its capabilities in its first message only."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if earlier:
            message.capabilities = 0
        return message


@breaks("sequence.increment:many", needs="websocket")
class NumbersBeginAnew(Behaviour):
    """After the number 15, the agent begins to count anew."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        message.sequence_num %= 16
        return message


@breaks("sequence.increment:reconnect", needs="websocket")
class NumbersBeginAnewOnEachConnection(Behaviour):
    """The agent begins to count anew on each connection."""

    counts_on_after_reconnect = False


@breaks("sequence.increment")
class SkipsNumbers(Behaviour):
    """The agent counts in twos."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        message.sequence_num *= 2
        return message
