"""Custom capabilities and messages (Custom Messages)."""

from opamp_mock_server.core.chapter import Chapter
from opamp_mock_server.records import AgentRecord, Plan
from opamp_proto import opamp_pb2 as pb


class CustomMessages(Chapter):
    """How the server takes part in what the specification does not know."""

    def announce_custom_capabilities(self, reply: pb.ServerToAgent) -> None:
        """Say what custom capabilities the server has, unless it has none."""
        if self.custom_capabilities:
            reply.custom_capabilities.capabilities.extend(self.custom_capabilities)

    def may_send(self, message: pb.CustomMessage, record: AgentRecord) -> bool:
        """A message is for both sides' ears: both have announced its capability."""
        return message.capability in record.custom_capabilities and message.capability in self.custom_capabilities

    def send_custom_message(
        self, record: AgentRecord, plan: Plan, reply: pb.ServerToAgent
    ) -> tuple[pb.CustomMessage, ...]:
        """Send the first message that the agent understands; returns those still to be sent."""
        waiting = plan.custom_messages
        for message in waiting:
            if self.may_send(message, record):
                reply.custom_message.CopyFrom(message)
                return tuple(other for other in waiting if other is not message)
        return waiting
