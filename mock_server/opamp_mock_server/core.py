"""The protocol core: what is known of an agent and its message, to what is known now and the reply.

No input or output, no clock of its own and no state: the same core serves every transport and store.
Each decision is a method of its own, so that a deviation changes one and nothing else.
"""

from typing import ClassVar, NamedTuple

import uuid6

from opamp_mock_server.records import AgentRecord
from opamp_proto import INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb

_REQUEST_INSTANCE_UID = int(pb.AgentToServerFlags_RequestInstanceUid)
_REPORT_FULL_STATE = int(pb.ServerToAgentFlags_ReportFullState)

# The part of the status that each capability obliges the agent to report (AgentCapabilities).
_REPORTED_WITH = (
    (int(pb.AgentCapabilities_ReportsHealth), "health"),
    (int(pb.AgentCapabilities_ReportsEffectiveConfig), "effective_config"),
    (int(pb.AgentCapabilities_ReportsRemoteConfig), "remote_config_status"),
    (int(pb.AgentCapabilities_ReportsPackageStatuses), "package_statuses"),
)


class Outcome(NamedTuple):
    """The reply to one message, and the records that change before it is sent."""

    reply: pb.ServerToAgent
    put: tuple[AgentRecord, ...] = ()
    delete: tuple[bytes, ...] = ()


class Core:
    """A plain OpAMP server, as the specification asks for."""

    capabilities: ClassVar[int] = int(
        pb.ServerCapabilities_AcceptsStatus | pb.ServerCapabilities_AcceptsEffectiveConfig
    )

    def answer(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        """Answer one decoded message from an agent of which ``known`` is known."""
        objection = self.malformed(message) or self.objection(known, message)
        if objection:
            return self.refuse(known, message, objection)
        if message.HasField("agent_disconnect"):
            return self.disconnect(known, message)
        if self.asks_for_instance_uid(message):
            return self.enroll_anew(known, message)
        if known is None:
            return self.enroll(message)
        return self.check_in(known, message)

    def malformed(self, message: pb.AgentToServer) -> str | None:
        """Say what is malformed about the message, if anything (Bad Request)."""
        length = len(message.instance_uid)
        if length != INSTANCE_UID_BYTES:
            return f"instance_uid has {length} bytes instead of {INSTANCE_UID_BYTES}"
        return None

    def objection(self, known: AgentRecord | None, message: pb.AgentToServer) -> str | None:
        """Say why a well-formed message is refused; a plain OpAMP server refuses none."""
        return None

    def asks_for_instance_uid(self, message: pb.AgentToServer) -> bool:
        return bool(message.flags & _REQUEST_INSTANCE_UID)

    def enroll(self, message: pb.AgentToServer) -> Outcome:
        """Enroll an unknown agent under its own instance_uid."""
        reply = self.reply(message)
        reply.capabilities = self.capabilities
        reply.flags = self.missing_state(None, message)
        return Outcome(reply, (self.record(message),))

    def enroll_anew(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        """Enroll an agent that asks for it under a new instance_uid, whether or not it is known."""
        new_instance_uid = self.new_instance_uid(message)
        reply = self.reply(message)
        reply.capabilities = self.capabilities
        reply.flags = self.missing_state(None, message)
        reply.agent_identification.new_instance_uid = new_instance_uid
        return Outcome(reply, (AgentRecord(new_instance_uid, message.sequence_num),))

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        """Take the report of an enrolled agent."""
        reply = self.reply(message)
        if not known.connected or message.HasField("agent_description"):
            # It starts, or starts again, and may not know the server's capabilities.
            reply.capabilities = self.capabilities
        reply.flags = self.missing_state(known, message)
        return Outcome(reply, (self.record(message),))

    def disconnect(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        """Take leave of an agent, which stays enrolled if it was."""
        put = () if known is None else (self.record(message, connected=False),)
        return Outcome(self.reply(message), put)

    def refuse(self, known: AgentRecord | None, message: pb.AgentToServer, problem: str) -> Outcome:
        """Refuse a message; nothing changes."""
        return Outcome(self.bad_request(message.instance_uid, problem))

    def reply(self, message: pb.AgentToServer) -> pb.ServerToAgent:
        """Begin a reply: an acknowledgement, addressed to the sender."""
        return pb.ServerToAgent(instance_uid=message.instance_uid)

    def bad_request(self, instance_uid: bytes, problem: str) -> pb.ServerToAgent:
        """Make the reply to a malformed or refused message; an undecodable one has no instance_uid."""
        reply = pb.ServerToAgent(instance_uid=instance_uid)
        reply.error_response.type = pb.ServerErrorResponseType_BadRequest
        reply.error_response.error_message = problem
        return reply

    def record(self, message: pb.AgentToServer, *, connected: bool = True) -> AgentRecord:
        return AgentRecord(message.instance_uid, message.sequence_num, connected)

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        """Make the instance_uid for an agent that asks for one (ServerToAgent.agent_identification)."""
        return uuid6.uuid7().bytes

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        """Return ReportFullState if something is missing (Agent Status Compression), else 0."""
        if known is not None and message.sequence_num == known.sequence_num + 1:
            return 0
        return 0 if self.is_full_report(message) else _REPORT_FULL_STATE

    def is_full_report(self, message: pb.AgentToServer) -> bool:
        capabilities = message.capabilities
        return message.HasField("agent_description") and all(
            message.HasField(field) for bit, field in _REPORTED_WITH if capabilities & bit
        )


class FleetCore(Core):
    """What Fleet Server promises on top: agent_disconnect ends an enrollment's session, never begins one."""

    def objection(self, known: AgentRecord | None, message: pb.AgentToServer) -> str | None:
        if message.HasField("agent_disconnect") and (known is None or self.asks_for_instance_uid(message)):
            return "agent_disconnect in a message that would enroll the agent"
        return None
