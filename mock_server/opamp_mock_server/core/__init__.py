"""The protocol core: what is known of an agent and its message, to what is known now and the reply.

No input or output, no clock of its own and no state: the same core serves every transport and store.
A module a chapter of the specification, a method a decision, so that a deviation changes one and nothing else.
"""

from dataclasses import replace
from typing import NamedTuple

from opamp_mock_server.core.available_components import AvailableComponents
from opamp_mock_server.core.chapter import ALL_CAPABILITIES, Chapter
from opamp_mock_server.core.commands import Commands
from opamp_mock_server.core.connection_settings import ConnectionSettings
from opamp_mock_server.core.custom_messages import CustomMessages
from opamp_mock_server.core.errors import Errors
from opamp_mock_server.core.identification import Identification
from opamp_mock_server.core.packages import Packages
from opamp_mock_server.core.remote_config import RemoteConfig
from opamp_mock_server.core.status_reporting import StatusReporting
from opamp_mock_server.records import DEFAULT_POLICY, AgentRecord, Plan
from opamp_proto import opamp_pb2 as pb

__all__ = ["ALL_CAPABILITIES", "Chapter", "Core", "FleetCore", "Outcome"]


class Outcome(NamedTuple):
    """The reply to one message, the records that change before it is sent, and the plan that is left.

    ``left_behind`` is the record under an agent's old instance_uid, if that changes, too.
    """

    reply: pb.ServerToAgent
    put: tuple[AgentRecord, ...] = ()
    delete: tuple[bytes, ...] = ()
    plan: Plan | None = None
    left_behind: AgentRecord | None = None


class Core(
    Identification,
    StatusReporting,
    RemoteConfig,
    ConnectionSettings,
    Packages,
    Commands,
    CustomMessages,
    AvailableComponents,
    Errors,
):
    """A plain OpAMP server, as the specification asks for."""

    def answer(
        self,
        known: AgentRecord | None,
        message: pb.AgentToServer,
        plan: Plan | None = None,
        *,
        policy_id: str = DEFAULT_POLICY,
        lives_elsewhere: bool = False,
    ) -> Outcome:
        """Answer one decoded message from an agent of which ``known`` is known, and which is to have ``plan``.

        ``policy_id`` is that of the key it comes with; ``lives_elsewhere`` says that its instance_uid is in use on
        another WebSocket.
        """
        is_strange = known is not None and known.policy_id != policy_id
        objection = self.malformed(message) or self.objection(known, message)
        if is_strange and not self.asks_for_instance_uid(message):
            objection = objection or "the agent is enrolled under another policy"
        asks_for_settings = message.HasField("connection_settings_request")
        if asks_for_settings and not objection:
            objection = self.certificate_objection(message)
        if objection:
            return self.refuse(known, message, objection)._replace(plan=plan)
        if plan is not None and plan.trouble is not None:
            return Outcome(self.in_trouble(message.instance_uid, plan.trouble), plan=replace(plan, trouble=None))
        if message.HasField("agent_disconnect"):
            return self.disconnect(known, message)._replace(plan=plan)
        if self.asks_for_instance_uid(message):
            return self.enroll_anew(None if is_strange else known, message)._replace(plan=plan)
        if lives_elsewhere and self.is_to_be_renamed(message):
            return self.renamed(message)._replace(plan=plan)
        outcome = self.enroll(message) if known is None else self.check_in(known, message)
        if asks_for_settings:
            plan = self.with_certificate(plan, message)
        return outcome if plan is None else self.fulfil(outcome, plan)

    def objection(self, known: AgentRecord | None, message: pb.AgentToServer) -> str | None:
        """Say why a well-formed message is refused; a plain OpAMP server refuses none."""
        return None

    def enroll(self, message: pb.AgentToServer) -> Outcome:
        """Enroll an unknown agent under its own instance_uid."""
        record = self.record(None, message)
        reply = self.reply(message)
        self.introduce(reply)
        reply.flags = self.missing_state(None, message) | self.missing_components(record, message)
        return Outcome(reply, (record,))

    def enroll_anew(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        """Enroll an agent that asks for it under a new instance_uid, whether or not it is known."""
        return self.renamed(message)

    def renamed(self, message: pb.AgentToServer) -> Outcome:
        """Enroll an agent under a new instance_uid; whoever has the incoming one keeps it."""
        new_instance_uid = self.new_instance_uid(message)
        reply = self.reply(message)
        self.introduce(reply)
        reply.flags = self.missing_state(None, message)
        reply.agent_identification.new_instance_uid = new_instance_uid
        return Outcome(reply, (self.record(AgentRecord(new_instance_uid, 0), message),))

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        """Take the report of an enrolled agent."""
        record = self.record(known, message)
        reply = self.reply(message)
        if not known.connected or self.starts_again(known, message):
            self.introduce(reply)
        reply.flags = self.missing_state(known, message) | self.missing_components(record, message)
        return Outcome(reply, (record,))

    def introduce(self, reply: pb.ServerToAgent) -> None:
        """Say in the first reply of a session what the server can do."""
        reply.capabilities = self.announced()
        self.announce_custom_capabilities(reply)

    def disconnect(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        """Take leave of an agent, which stays enrolled if it was."""
        put = () if known is None else (self.record(known, message)._replace(connected=False),)
        return Outcome(self.reply(message), put)

    def refuse(self, known: AgentRecord | None, message: pb.AgentToServer, problem: str) -> Outcome:
        """Refuse a message; nothing changes."""
        return Outcome(self.bad_request(message.instance_uid, problem))

    def fulfil(self, outcome: Outcome, plan: Plan) -> Outcome:
        """Add to a reply what the agent is to have, has not, and can take; an error says nothing else."""
        reply = outcome.reply
        if not outcome.put or reply.HasField("error_response"):
            return outcome._replace(plan=plan)
        record = outcome.put[0]
        record = self.offer_remote_config(record, plan, reply)
        record = self.offer_connection_settings(record, plan, reply)
        record = self.offer_packages(record, plan, reply)
        messages = self.send_custom_message(record, plan, reply)
        restart = plan.restart and not self.command(record, plan, reply)
        return Outcome(reply, (record,), plan=replace(plan, custom_messages=messages, restart=restart))

    def push(self, known: AgentRecord, plan: Plan) -> Outcome | None:
        """Make the message that the server has for an agent of its own accord, None if it has nothing new to say."""
        outcome = self.fulfil(Outcome(self.addressed_to(known.instance_uid), (known,)), plan)
        return None if outcome.put == (known,) and outcome.plan == plan else outcome


class FleetCore(Core):
    """What Fleet Server promises on top: agent_disconnect ends an enrollment's session, never begins one."""

    def objection(self, known: AgentRecord | None, message: pb.AgentToServer) -> str | None:
        if message.HasField("agent_disconnect") and (known is None or self.asks_for_instance_uid(message)):
            return "agent_disconnect in a message that would enroll the agent"
        return None

    def enroll_anew(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        """Mark what the agent leaves behind; it may come back to it."""
        outcome = super().enroll_anew(known, message)
        if known is None or known.reenrolled:
            return outcome
        return outcome._replace(left_behind=known._replace(reenrolled=True))
