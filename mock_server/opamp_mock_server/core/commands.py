"""Commands (ServerToAgentCommand)."""

from opamp_mock_server.core.agent_state import AgentRecord, DesiredState
from opamp_mock_server.core.chapter import Chapter, supports
from opamp_proto import opamp_pb2 as pb


class Commands(Chapter):
    """How the server sends commands."""

    def may_command(self, capabilities: int) -> bool:
        return supports(capabilities, pb.AgentCapabilities_AcceptsRestartCommand)

    def is_alone(self, reply: pb.ServerToAgent) -> bool:
        """Return whether a message can have a command: an agent ignores everything else in such a message."""
        return all(field.name in ("instance_uid", "capabilities") for field, _ in reply.ListFields())

    def add_command(self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent) -> bool:
        """Add a restart command if one is due and the message has no other content; return whether it was added."""
        if not desired.restart or not self.may_command(record.capabilities) or not self.is_alone(reply):
            return False
        reply.command.type = pb.CommandType_Restart
        return True
