"""Commands (ServerToAgentCommand)."""

from opamp_mock_server.core.chapter import Chapter, supports
from opamp_mock_server.records import AgentRecord, Plan
from opamp_proto import opamp_pb2 as pb


class Commands(Chapter):
    """How an agent is commanded."""

    def may_command(self, capabilities: int) -> bool:
        return supports(capabilities, pb.AgentCapabilities_AcceptsRestartCommand)

    def is_alone(self, reply: pb.ServerToAgent) -> bool:
        """Tell whether a message has room for a command, beside which an agent ignores all else."""
        return all(field.name in ("instance_uid", "capabilities") for field, _ in reply.ListFields())

    def command(self, record: AgentRecord, plan: Plan, reply: pb.ServerToAgent) -> bool:
        """Command a restart if one is due and the message has nothing else to say; tell whether it was."""
        if not plan.restart or not self.may_command(record.capabilities) or not self.is_alone(reply):
            return False
        reply.command.type = pb.CommandType_Restart
        return True
