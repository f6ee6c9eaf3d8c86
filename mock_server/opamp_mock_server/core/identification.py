"""The identity of agents (instance_uid, AgentIdentification, Duplicate WebSocket Connections)."""

import uuid6

from opamp_mock_server.core.chapter import Chapter
from opamp_proto import INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb

_REQUEST_INSTANCE_UID = int(pb.AgentToServerFlags_RequestInstanceUid)


class Identification(Chapter):
    """How the server identifies agents, and gives them a new instance_uid."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        """Return why the message is malformed, None if it is well-formed (Bad Request)."""
        length = len(message.instance_uid)
        if length != INSTANCE_UID_BYTES:
            return f"instance_uid has {length} bytes instead of {INSTANCE_UID_BYTES}"
        return None

    def asks_for_instance_uid(self, message: pb.AgentToServer) -> bool:
        return bool(message.flags & _REQUEST_INSTANCE_UID)

    def must_change_instance_uid(self, message: pb.AgentToServer) -> bool:
        """Return whether an agent gets a new instance_uid because another WebSocket uses its own already."""
        return True

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        """Return a new instance_uid for an agent (ServerToAgent.agent_identification)."""
        return uuid6.uuid7().bytes

    def reply(self, message: pb.AgentToServer) -> pb.ServerToAgent:
        """Return an acknowledgement, to which the other methods add fields."""
        return self.empty_message(message.instance_uid)

    def empty_message(self, instance_uid: bytes) -> pb.ServerToAgent:
        """Return an empty message to an agent: a reply, or an unsolicited message."""
        return pb.ServerToAgent(instance_uid=instance_uid)
