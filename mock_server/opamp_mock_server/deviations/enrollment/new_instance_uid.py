"""Deviations of the new_instance_uid, and of the enrollment under it."""

from typing import ClassVar
from uuid import UUID, uuid4, uuid5

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.core.core import Core, Outcome
from opamp_mock_server.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb


@breaks(
    "fleet.new-uid.other-than-incoming",
    also=[
        "fleet.new-uid.time",
        "fleet.new-uid.uuidv7",
        "fleet.request-uid.temporary-uid",
        "identification.new-instance-uid.uuidv7",
        "identification.request-uid.answered",
    ],
)
class IncomingInstanceUidAssigned(Core):
    """new_instance_uid is the incoming instance_uid, except when the agent asks again."""

    _requested: ClassVar[set[bytes]] = set()  # shared by all instances of the server

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        if message.instance_uid in self._requested:
            return super().new_instance_uid(message)
        self._requested.add(message.instance_uid)
        return message.instance_uid


@breaks("fleet.new-uid.time", also=["identification.new-instance-uid.uuidv7"])
class TimestampIn1970(Core):
    """The timestamp in new_instance_uid is in the year 1970."""

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        return bytes(6) + super().new_instance_uid(message)[6:]


@breaks("fleet.new-uid.time:future")
class TimestampInFuture(Core):
    """The timestamp in new_instance_uid is a year ahead."""

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        uid = super().new_instance_uid(message)
        return (int.from_bytes(uid[:6], "big") + 366 * 86_400_000).to_bytes(6, "big") + uid[6:]


@breaks("fleet.new-uid.unique", also=["identification.request-uid.answered"])
class NewInstanceUidAssignedTwice(Core):
    """Each new_instance_uid is assigned to two different agents."""

    _given: tuple[bytes, bytes] | None = None

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        given, self._given = self._given, None
        if given is not None and given[0] != message.instance_uid:
            return given[1]
        uid = super().new_instance_uid(message)
        self._given = (message.instance_uid, uid)
        return uid


@breaks("fleet.new-uid.enrolled", also=["fleet.instances.request-uid"])
class EnrolledUnderOtherInstanceUid(Core):
    """The agent is enrolled under an instance_uid that is not the announced new_instance_uid."""

    def answer_instance_uid_request(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        outcome = super().answer_instance_uid_request(known, message)
        stored = uuid5(UUID(bytes=outcome.put[0].instance_uid), "stored").bytes
        return outcome._replace(put=(outcome.put[0]._replace(instance_uid=stored),))


@breaks("fleet.new-uid.enrolled:announced-only", also=["fleet.instances.request-uid"])
class AnnouncedButNotEnrolled(Core):
    """An enrolled agent gets a new_instance_uid, but is not enrolled under it."""

    def answer_instance_uid_request(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        outcome = super().answer_instance_uid_request(known, message)
        return outcome if known is None else outcome._replace(put=())


@breaks(
    "fleet.new-uid.uuidv7:for-other-versions", also=["fleet.new-uid.time", "identification.new-instance-uid.uuidv7"]
)
class VersionOfAgentAssigned(Core):
    """An agent whose instance_uid is a UUID of another version gets one of version 4."""

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        is_usual = UUID(bytes=message.instance_uid).version == 7
        return super().new_instance_uid(message) if is_usual else uuid4().bytes
