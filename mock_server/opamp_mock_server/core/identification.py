"""Who a message speaks of (instance_uid, AgentIdentification, Duplicate WebSocket Connections)."""

import uuid6

from opamp_mock_server.core.chapter import Chapter
from opamp_proto import INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb

_REQUEST_INSTANCE_UID = int(pb.AgentToServerFlags_RequestInstanceUid)


class Identification(Chapter):
    """How the server addresses agents, and names them anew."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        """Say what is malformed about the message, if anything (Bad Request)."""
        length = len(message.instance_uid)
        if length != INSTANCE_UID_BYTES:
            return f"instance_uid has {length} bytes instead of {INSTANCE_UID_BYTES}"
        return None

    def asks_for_instance_uid(self, message: pb.AgentToServer) -> bool:
        return bool(message.flags & _REQUEST_INSTANCE_UID)

    def is_to_be_renamed(self, message: pb.AgentToServer) -> bool:
        """Tell what becomes of an agent whose instance_uid lives on another WebSocket already."""
        return True

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        """Make the instance_uid for an agent that asks for one (ServerToAgent.agent_identification)."""
        return uuid6.uuid7().bytes

    def reply(self, message: pb.AgentToServer) -> pb.ServerToAgent:
        """Begin a reply: an acknowledgement, addressed to the sender."""
        return self.addressed_to(message.instance_uid)

    def addressed_to(self, instance_uid: bytes) -> pb.ServerToAgent:
        """Begin a message to an agent, as a reply or of the server's own accord."""
        return pb.ServerToAgent(instance_uid=instance_uid)
