"""Ways to break what the specification says of commands."""

from opamp_mock_server.core.agent_state import AgentRecord, DesiredState
from opamp_mock_server.core.commands import Commands
from opamp_mock_server.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb


@breaks("command.alone")
class CommandBesideOffers(Commands):
    """A command comes with whatever else there is to say."""

    def is_alone(self, reply: pb.ServerToAgent) -> bool:
        return True


@breaks("command.alone:custom-capabilities")
class CommandWithCustomCapabilities(Commands):
    """A command comes with empty custom_capabilities."""

    def command(self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent) -> bool:
        is_sent = super().command(record, desired, reply)
        if is_sent:
            reply.custom_capabilities.SetInParent()
        return is_sent


@breaks("interop.server-stops-unsupported")
class EverybodyCommanded(Commands):
    """Agents that cannot restart are commanded to."""

    def may_command(self, capabilities: int) -> bool:
        return True
