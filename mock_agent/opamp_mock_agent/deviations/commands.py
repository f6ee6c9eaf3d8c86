"""Deviations of commands."""

from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_agent.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb


@breaks("command.executed", also=("command.others-ignored",))
class NeverRestarts(Behaviour):
    """The agent does not restart."""

    restarts = False


@breaks("command.others-ignored")
class ProcessesOthersBesideCommand(Behaviour):
    """The agent processes the other fields of a message with a command."""

    ignores_others_beside_command = False


@breaks("command.others-ignored:configuration")
class AppliesConfigurationBesideCommand(Behaviour):
    """The agent applies a configuration that comes with a command."""

    applies_configuration_beside_command = True


@breaks("command.unsupported-ignored")
class RestartsWithoutCapability(Behaviour):
    """The agent restarts though it has not announced that it can."""

    needs_capability_to_restart = False


@breaks("command.executed:again")
class RestartsOnce(Behaviour):
    """The agent restarts the first time that it is told to, and never again."""

    _commands = 0

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        self._commands += message.HasField("command")
        if self._commands > 1:
            message.ClearField("command")
        return message


@breaks("interop.tolerate-schema-growth:command")
class RestartsOnEveryCommand(Behaviour):
    """The agent restarts for each command, also for one that it does not know."""

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        if message.HasField("command"):
            message.command.type = pb.CommandType_Restart
        return message
