"""Ways to break what the specification says of commands."""

from opamp_mock_server.core.commands import Commands
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.records import AgentRecord, Plan
from opamp_proto import opamp_pb2 as pb


@breaks("command.alone")
class CommandBesideOffers(Commands):
    """A command comes with whatever else there is to say."""

    def is_alone(self, reply: pb.ServerToAgent) -> bool:
        return True


@breaks("command.alone:custom-capabilities")
class CommandWithCustomCapabilities(Commands):
    """A command comes with empty custom_capabilities."""

    def command(self, record: AgentRecord, plan: Plan, reply: pb.ServerToAgent) -> bool:
        is_sent = super().command(record, plan, reply)
        if is_sent:
            reply.custom_capabilities.SetInParent()
        return is_sent


@breaks("interop.server-stops-unsupported")
class EverybodyCommanded(Commands):
    """Agents that cannot restart are commanded to."""

    def may_command(self, capabilities: int) -> bool:
        return True
