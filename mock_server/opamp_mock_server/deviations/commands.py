"""Deviations from ServerToAgentCommand: commands with other content, and commands without the capability."""

from opamp_mock_server.core.agent_state import AgentRecord, DesiredState
from opamp_mock_server.core.commands import Commands
from opamp_mock_server.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb


@breaks("command.alone")
class CommandWithOffers(Commands):
    """A command is sent in one message with offers and other content."""

    def is_alone(self, reply: pb.ServerToAgent) -> bool:
        return True


@breaks("command.alone:custom-capabilities")
class CommandWithCustomCapabilities(Commands):
    """A command is sent in one message with empty custom_capabilities."""

    def add_command(self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent) -> bool:
        is_sent = super().add_command(record, desired, reply)
        if is_sent:
            reply.custom_capabilities.SetInParent()
        return is_sent


@breaks("interop.server-stops-unsupported")
class RestartWithoutCapability(Commands):
    """The restart command is sent to agents without the AcceptsRestartCommand capability."""

    def may_command(self, capabilities: int) -> bool:
        return True
