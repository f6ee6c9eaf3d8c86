"""Custom capabilities and messages (Custom Messages)."""

from opamp_mock_server.core.agent_state import AgentRecord, DesiredState
from opamp_mock_server.core.chapter import Chapter
from opamp_proto import opamp_pb2 as pb


class CustomMessages(Chapter):
    """How the server sends custom messages."""

    def announce_custom_capabilities(self, reply: pb.ServerToAgent) -> None:
        """Announce the custom capabilities of the server, if it has any."""
        if self.custom_capabilities:
            reply.custom_capabilities.capabilities.extend(self.custom_capabilities)

    def may_send(self, message: pb.CustomMessage, record: AgentRecord) -> bool:
        """Return whether both sides have announced the capability of a message."""
        return message.capability in record.custom_capabilities and message.capability in self.custom_capabilities

    def send_custom_message(
        self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent
    ) -> tuple[pb.CustomMessage, ...]:
        """Add the first message that the agent supports; return the messages that are still to be sent."""
        waiting = desired.custom_messages
        for message in waiting:
            if self.may_send(message, record):
                reply.custom_message.CopyFrom(message)
                return tuple(other for other in waiting if other is not message)
        return waiting
