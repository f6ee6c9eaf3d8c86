"""Deviations of remote configuration."""

from collections.abc import Sequence

from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_agent.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb

Earlier = Sequence[pb.AgentToServer]


@breaks(
    "capabilities.agent.accepts-remote-config",
    also=(
        *("capabilities.agent.remote-config-status-reported", "remote-config.last-hash"),
        *("remote-config.agent-includes-hash", "processing.agent-must-process", "processing.no-report-if-unchanged"),
    ),
)
class IgnoresConfiguration(Behaviour):
    """The agent ignores a configuration."""

    applies_configuration = False


@breaks(
    "remote-config.last-hash",
    also=(
        *("remote-config.agent-includes-hash", "compression.unset.remote-config-status"),
        *("capabilities.agent.accepts-remote-config", "processing.agent-must-process"),
    ),
)
class KeepsFirstHash(Behaviour):
    """The agent reports the hash of its first configuration for ever."""

    _first = b""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        self._first = self._first or message.remote_config_status.last_remote_config_hash
        if self._first and message.HasField("remote_config_status"):
            message.remote_config_status.last_remote_config_hash = self._first
        return message


@breaks(
    "remote-config.last-hash:cut",
    also=(
        *("remote-config.agent-includes-hash", "capabilities.agent.remote-config-status-reported"),
        "remote-config.status-values",
    ),
)
class CutsHash(Behaviour):
    """The agent reports no more than 32 bytes of a hash."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if message.HasField("remote_config_status"):
            status = message.remote_config_status
            status.last_remote_config_hash = status.last_remote_config_hash[:32]
        return message


@breaks("capabilities.agent.accepts-remote-config:after-failure")
class GivesUpAfterFailure(Behaviour):
    """After a configuration that it could not apply, the agent takes no other one."""

    takes_configuration_after_failure = False


@breaks("remote-config.last-hash:same-content")
class LooksAtContentOnly(Behaviour):
    """The agent ignores another hash of the files that it has."""

    compares_content = True


@breaks(
    "remote-config.last-hash:first-of-two",
    also=("capabilities.agent.accepts-remote-config", "processing.agent-must-process"),
)
class DropsConfigurationWhileApplying(Behaviour):
    """Within a second after a configuration, the agent takes no other one."""

    seconds_to_apply = 1.0


@breaks("remote-config.error-message")
class ErrorOfSuccess(Behaviour):
    """A configuration that is applied has an error_message."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if message.remote_config_status.status == pb.RemoteConfigStatuses_APPLIED:
            message.remote_config_status.error_message = "it failed before"
        return message


@breaks(
    "remote-config.agent-includes-hash",
    also=("remote-config.last-hash", "compression.unset.remote-config-status", "processing.agent-must-process"),
)
class ForgetsHash(Behaviour):
    """A full report that the server asks for later is without the hash."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if earlier and message.HasField("agent_description"):
            message.remote_config_status.ClearField("last_remote_config_hash")
        return message


@breaks("processing.no-report-if-unchanged", also=("compression.unset.remote-config-status",))
class AppliesAgain(Behaviour):
    """The agent applies and reports a configuration again that it has already."""

    skips_same_configuration = False


@breaks(
    "processing.agent-must-process",
    also=(
        *("command.others-ignored", "flags.report-full-state.agent", "identification.new-instance-uid.adopt"),
        "remote-config.last-hash",
    ),
)
class OneFieldOnly(Behaviour):
    """Of a message with a configuration, the agent processes nothing else."""

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        if not message.HasField("remote_config"):
            return message
        return pb.ServerToAgent(instance_uid=message.instance_uid, remote_config=message.remote_config)


@breaks("processing.agent-must-process:flag-only")
class FlagOnly(Behaviour):
    """Of a message with a flag, the agent processes nothing else."""

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        if not message.flags:
            return message
        return pb.ServerToAgent(instance_uid=message.instance_uid, flags=message.flags)


@breaks("capabilities.agent.ignore-unsupported")
class TakesConfigurationWithoutCapability(Behaviour):
    """The agent applies a configuration though it has not announced that it accepts any."""

    needs_capability_for_configuration = False


@breaks("effective-config.is-current", also=("status.report-on-change", "compression.unset.effective-config"))
class KeepsFirstEffectiveConfig(Behaviour):
    """The agent reports the configuration that it was given first as its effective one for ever."""

    _own = b""
    _first: pb.EffectiveConfig | None = None

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        came = message.effective_config.SerializeToString(deterministic=True)
        self._own = self._own or came
        if self._first is None and came not in (b"", self._own):
            self._first = pb.EffectiveConfig.FromString(came)
        if self._first is not None and came:
            message.effective_config.CopyFrom(self._first)
        return message


@breaks("status.report-on-change:effective-config")
class ReportsEffectiveConfigLate(Behaviour):
    """The agent reports its effective configuration in full reports only."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if not message.HasField("agent_description"):
            message.ClearField("effective_config")
        return message


@breaks("remote-config.status-values:old-hash", also=("remote-config.last-hash",))
class FailsWithOldHash(Behaviour):
    """A configuration that the agent cannot apply is reported with the hash of the one that it has applied."""

    _applied = b""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        status = message.remote_config_status
        if status.status == pb.RemoteConfigStatuses_APPLIED:
            self._applied = status.last_remote_config_hash
        elif status.status == pb.RemoteConfigStatuses_FAILED and self._applied:
            status.last_remote_config_hash = self._applied
        return message


@breaks("remote-config.status-values")
class HidesFailure(Behaviour):
    """The agent reports a configuration as applied that it could not apply."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        status = message.remote_config_status
        if status.status == pb.RemoteConfigStatuses_FAILED:
            status.status = pb.RemoteConfigStatuses_APPLIED
            status.ClearField("error_message")
        return message


@breaks("processing.agent-must-process:beside")
class IgnoresConfigurationBesideOtherParts(Behaviour):
    """The agent ignores a configuration beside connection settings, packages or a custom message."""

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        if any(message.HasField(part) for part in ("connection_settings", "packages_available", "custom_message")):
            message.ClearField("remote_config")
        return message
