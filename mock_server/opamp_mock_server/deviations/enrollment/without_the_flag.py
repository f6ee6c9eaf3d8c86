"""Deviations without the RequestInstanceUid flag: check-ins, and unknown agents under their own instance_uid."""

from uuid import UUID

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.core.core import Core, FleetCore, Outcome
from opamp_mock_server.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb


@breaks(
    "fleet.check-in",
    also=[
        "disconnect.server-forgets-instance",
        "disconnect.server-forgets-on-close",
        "fleet.instances.check-in",
        "fleet.instances.enroll-once",
        "response.ack-only-instance-uid",
    ],
)
class UnsolicitedNewInstanceUid(Core):
    """An enrolled agent that checks in gets an unsolicited new_instance_uid."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        outcome.reply.agent_identification.new_instance_uid = self.new_instance_uid(message)
        return outcome


@breaks("fleet.check-in:any-flag")
class AnyFlagOfEnrolledAgents(Core):
    """Any flag of an enrolled agent, also an undefined one, is processed as RequestInstanceUid."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        return self.answer_instance_uid_request(known, message) if message.flags else super().check_in(known, message)


@breaks("fleet.auto-enrollment", also=["response.no-error-on-success"])
class AutoEnrolledDisconnectRefused(FleetCore):
    """agent_disconnect is refused from an agent that enrolled under its own instance_uid."""

    _assigned: frozenset[bytes] = frozenset()

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        new_instance_uid = super().new_instance_uid(message)
        self._assigned |= {new_instance_uid}
        return new_instance_uid

    def reason_to_refuse(self, known: AgentRecord | None, message: pb.AgentToServer) -> str | None:
        is_assigned = message.instance_uid in self._assigned
        return super().reason_to_refuse(known if is_assigned else None, message)


@breaks("fleet.auto-enrollment:undescribed")
class EnrollmentRequiresDescription(FleetCore):
    """An unknown agent is enrolled only if its message has an agent_description."""

    def enroll(self, message: pb.AgentToServer) -> Outcome:
        outcome = super().enroll(message)
        return outcome if message.HasField("agent_description") else outcome._replace(put=())


@breaks("fleet.auto-enrollment:any-flag")
class AnyFlagOfUnknownAgents(FleetCore):
    """Any flag of an unknown agent, also an undefined one, is processed as RequestInstanceUid."""

    def enroll(self, message: pb.AgentToServer) -> Outcome:
        return self.answer_instance_uid_request(None, message) if message.flags else super().enroll(message)


@breaks("fleet.auto-enrollment:uuid")
class OnlyVersion7Kept(FleetCore):
    """An unknown agent whose instance_uid is no UUID of version 7 gets a new one."""

    def enroll(self, message: pb.AgentToServer) -> Outcome:
        is_usual = UUID(bytes=message.instance_uid).version == 7
        return super().enroll(message) if is_usual else self.enroll_under_new_instance_uid(message)


@breaks("fleet.auto-enrollment:only-uid")
class EnrollmentRequiresNumber(FleetCore):
    """An unknown agent that sends only its instance_uid is not enrolled."""

    def enroll(self, message: pb.AgentToServer) -> Outcome:
        outcome = super().enroll(message)
        return outcome if message.sequence_num or message.capabilities else outcome._replace(put=())
