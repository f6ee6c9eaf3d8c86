"""The protocol core: from the record of an agent and its message to the new record and the reply.

The core has no I/O, no clock and no state, so it serves every transport and every store. Each module is one chapter of
the specification. Each method is one decision, which a deviation can change.
"""

from dataclasses import replace
from typing import NamedTuple

from opamp_mock_server.core.agent_state import DEFAULT_POLICY, AgentRecord, DesiredState
from opamp_mock_server.core.available_components import AvailableComponents
from opamp_mock_server.core.certificates import Certificates
from opamp_mock_server.core.chapter import ALL_CAPABILITIES, Chapter
from opamp_mock_server.core.commands import Commands
from opamp_mock_server.core.connection_settings import ConnectionSettings
from opamp_mock_server.core.custom_messages import CustomMessages
from opamp_mock_server.core.error_replies import ErrorReplies
from opamp_mock_server.core.identification import Identification
from opamp_mock_server.core.packages import Packages
from opamp_mock_server.core.remote_config import RemoteConfig
from opamp_mock_server.core.status_reporting import StatusReporting
from opamp_proto import opamp_pb2 as pb

__all__ = ["ALL_CAPABILITIES", "Chapter", "Core", "FleetCore", "Outcome"]


class Outcome(NamedTuple):
    """The reply to one message, the records to write before it is sent, and what remains of the desired state.

    ``old_record`` is the record under the old instance_uid of an agent, if that changes, too.
    """

    reply: pb.ServerToAgent
    put: tuple[AgentRecord, ...] = ()
    delete: tuple[bytes, ...] = ()
    desired: DesiredState | None = None
    old_record: AgentRecord | None = None


class Core(
    Identification,
    StatusReporting,
    RemoteConfig,
    ConnectionSettings,
    Certificates,
    Packages,
    Commands,
    CustomMessages,
    AvailableComponents,
    ErrorReplies,
):
    """An OpAMP server as the specification describes it."""

    def answer(
        self,
        known: AgentRecord | None,
        message: pb.AgentToServer,
        desired: DesiredState | None = None,
        *,
        policy_id: str = DEFAULT_POLICY,
        is_connected_elsewhere: bool = False,
    ) -> Outcome:
        """Answer one message. ``known`` is the record of its agent, ``desired`` is its desired state.

        ``policy_id`` is that of its enrollment key. ``is_connected_elsewhere`` means that another WebSocket is open for
        the same instance_uid.
        """
        is_foreign = known is not None and known.policy_id != policy_id
        reason_to_refuse = self.malformed(message) or self.reason_to_refuse(known, message)
        if is_foreign and not self.asks_for_instance_uid(message):
            reason_to_refuse = reason_to_refuse or "the agent is enrolled under another policy"
        asks_for_settings = message.HasField("connection_settings_request")
        if asks_for_settings and not reason_to_refuse:
            reason_to_refuse = self.reason_to_refuse_certificate(message)
        if reason_to_refuse:
            return self.refuse(known, message, reason_to_refuse)._replace(desired=desired)
        if desired is not None and desired.fault is not None:
            return Outcome(self.fault_reply(message.instance_uid, desired.fault), desired=replace(desired, fault=None))
        if message.HasField("agent_disconnect"):
            return self.disconnect(known, message)._replace(desired=desired)
        if self.asks_for_instance_uid(message):
            return self.answer_instance_uid_request(None if is_foreign else known, message)._replace(desired=desired)
        if is_connected_elsewhere and self.must_change_instance_uid(message):
            return self.enroll_under_new_instance_uid(message)._replace(desired=desired)
        outcome = self.enroll(message) if known is None else self.check_in(known, message)
        if asks_for_settings:
            desired = self.with_certificate(desired, message)
        return outcome if desired is None else self.add_offers(outcome, desired)

    def reason_to_refuse(self, known: AgentRecord | None, message: pb.AgentToServer) -> str | None:
        """Return why a well-formed message is refused. A plain OpAMP server refuses none."""
        return None

    def enroll(self, message: pb.AgentToServer) -> Outcome:
        """Enroll an unknown agent under its own instance_uid."""
        record = self.record(None, message)
        reply = self.reply(message)
        self.announce_capabilities(reply)
        reply.flags = self.missing_state(None, message) | self.missing_components(record, message)
        return Outcome(reply, (record,))

    def answer_instance_uid_request(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        """Enroll an agent that requests a new instance_uid, whether or not it is known."""
        return self.enroll_under_new_instance_uid(message)

    def enroll_under_new_instance_uid(self, message: pb.AgentToServer) -> Outcome:
        """Enroll an agent under a new instance_uid; the record under the incoming one does not change."""
        new_instance_uid = self.new_instance_uid(message)
        reply = self.reply(message)
        self.announce_capabilities(reply)
        reply.flags = self.missing_state(None, message)
        reply.agent_identification.new_instance_uid = new_instance_uid
        return Outcome(reply, (self.record(AgentRecord(new_instance_uid, 0), message),))

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        """Process the report of an enrolled agent."""
        record = self.record(known, message)
        reply = self.reply(message)
        if not known.connected or self.has_restarted(known, message):
            self.announce_capabilities(reply)
        reply.flags = self.missing_state(known, message) | self.missing_components(record, message)
        return Outcome(reply, (record,))

    def announce_capabilities(self, reply: pb.ServerToAgent) -> None:
        """Announce the capabilities of the server in the first reply of a session."""
        reply.capabilities = self.announced()
        self.announce_custom_capabilities(reply)

    def disconnect(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        """Mark an agent as disconnected. It stays enrolled if it was enrolled."""
        put = () if known is None else (self.record(known, message)._replace(connected=False),)
        return Outcome(self.reply(message), put)

    def refuse(self, known: AgentRecord | None, message: pb.AgentToServer, problem: str) -> Outcome:
        """Refuse a message; no record changes."""
        return Outcome(self.bad_request(message.instance_uid, problem))

    def add_offers(self, outcome: Outcome, desired: DesiredState) -> Outcome:
        """Add the parts of the desired state that the agent lacks and can accept; an error gets no offers."""
        reply = outcome.reply
        if not outcome.put or reply.HasField("error_response"):
            return outcome._replace(desired=desired)
        record = outcome.put[0]
        record = self.offer_remote_config(record, desired, reply)
        record = self.offer_connection_settings(record, desired, reply)
        record = self.offer_packages(record, desired, reply)
        messages = self.send_custom_message(record, desired, reply)
        restart = desired.restart and not self.add_command(record, desired, reply)
        return Outcome(reply, (record,), desired=replace(desired, custom_messages=messages, restart=restart))

    def push(self, known: AgentRecord, desired: DesiredState) -> Outcome | None:
        """Return an unsolicited message to an agent, None if there is nothing new for it."""
        outcome = self.add_offers(Outcome(self.empty_message(known.instance_uid), (known,)), desired)
        return None if outcome.put == (known,) and outcome.desired == desired else outcome


class FleetCore(Core):
    """The contract of Fleet Server: a disconnect must not create an enrollment, and re-enrollment is recorded."""

    def reason_to_refuse(self, known: AgentRecord | None, message: pb.AgentToServer) -> str | None:
        if message.HasField("agent_disconnect") and (known is None or self.asks_for_instance_uid(message)):
            return "agent_disconnect in a message that would enroll the agent"
        return None

    def answer_instance_uid_request(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        """Mark the record under the old instance_uid; the agent may still use it again."""
        outcome = super().answer_instance_uid_request(known, message)
        if known is None or known.reenrolled:
            return outcome
        return outcome._replace(old_record=known._replace(reenrolled=True))
