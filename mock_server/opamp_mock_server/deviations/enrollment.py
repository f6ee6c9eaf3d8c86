"""Ways to break the enrollment contract of Fleet Server."""

from functools import lru_cache
from typing import ClassVar
from uuid import UUID, uuid5

import uuid6

from opamp_mock_server.core import Core, FleetCore, Outcome
from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb


@breaks("fleet.request-uid.unknown-agent", also=["identification.request-uid.answered"])
class FlagIgnoredForUnknownAgents(Core):
    """The flag of an unknown agent is ignored: it is enrolled under the instance_uid it came with."""

    def enroll_anew(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        return self.enroll(message) if known is None else super().enroll_anew(known, message)


@breaks("fleet.request-uid.unknown-agent:undescribed")
class FlagNeedsDescription(Core):
    """An unknown agent that does not describe itself is not given a new_instance_uid."""

    def enroll_anew(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        if known is None and not message.HasField("agent_description"):
            return self.enroll(message)
        return super().enroll_anew(known, message)


@breaks("fleet.request-uid.known-agent")
class FlagHonouredForUnknownAgentsOnly(Core):
    """The flag is honoured for unknown agents only: an enrolled one just checks in."""

    def enroll_anew(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        return super().enroll_anew(known, message) if known is None else self.check_in(known, message)


@breaks("fleet.request-uid.known-agent:refused")
class FlagRefusedFromEnrolledAgents(Core):
    """The flag from an enrolled agent is refused as a BadRequest."""

    def objection(self, known: AgentRecord | None, message: pb.AgentToServer) -> str | None:
        if known is not None and self.asks_for_instance_uid(message) and not message.HasField("agent_disconnect"):
            return "the agent is enrolled already"
        return super().objection(known, message)


@breaks("fleet.request-uid.known-agent:disconnected")
class FlagIgnoredForDisconnectedAgents(Core):
    """The flag is ignored when a disconnected agent comes back with it."""

    def enroll_anew(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        if known is not None and not known.connected:
            return self.check_in(known, message)
        return super().enroll_anew(known, message)


@breaks("fleet.request-uid.every-time", also=["fleet.instances.unique"])
class SameAnswerToSameAgent(Core):
    """new_instance_uid is remembered: an agent that asks again before it adopts is given the same."""

    _given = staticmethod(lru_cache(maxsize=100_000)(lambda instance_uid: uuid6.uuid7().bytes))

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        return self._given(message.instance_uid)


@breaks("fleet.request-uid.echo")
class EchoOfNewInstanceUid(Core):
    """The reply that announces a new_instance_uid is addressed to it, not to the incoming instance_uid."""

    def enroll_anew(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        outcome = super().enroll_anew(known, message)
        outcome.reply.instance_uid = outcome.reply.agent_identification.new_instance_uid
        return outcome


@breaks("fleet.request-uid.old-enrollment-stays", also=["fleet.instances.request-uid"])
class OldEnrollmentDeleted(Core):
    """An agent that is given a new_instance_uid loses its old enrollment."""

    def enroll_anew(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        outcome = super().enroll_anew(known, message)
        return outcome._replace(delete=(message.instance_uid,))


@breaks("fleet.request-uid.old-enrollment-stays:moved", also=["fleet.instances.request-uid"])
class OldEnrollmentMoved(Core):
    """An enrolled agent's record moves to the new_instance_uid, instead of a second one being made."""

    def enroll_anew(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        outcome = super().enroll_anew(known, message)
        if known is None:
            return outcome
        moved = known._replace(instance_uid=outcome.put[0].instance_uid, sequence_num=message.sequence_num)
        return outcome._replace(put=(moved,), delete=(known.instance_uid,))


@breaks("fleet.request-uid.temporary-uid")
class TemporaryInstanceUidEnrolled(Core):
    """An unknown agent that asks is enrolled twice: under its new_instance_uid and under its temporary one."""

    def enroll_anew(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        outcome = super().enroll_anew(known, message)
        return outcome._replace(put=(*outcome.put, self.record(None, message)))


@breaks("fleet.new-uid.other-than-incoming", also=["fleet.request-uid.temporary-uid"])
class IncomingInstanceUidAnnounced(Core):
    """new_instance_uid is the incoming instance_uid, unless that was asked for before."""

    _seen: ClassVar[set[bytes]] = set()  # by all instances together

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        if message.instance_uid in self._seen:
            return super().new_instance_uid(message)
        self._seen.add(message.instance_uid)
        return message.instance_uid


@breaks("fleet.new-uid.time")
class TimeLongPast(Core):
    """The time in new_instance_uid is that of the year 1970."""

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        return bytes(6) + super().new_instance_uid(message)[6:]


@breaks("fleet.new-uid.time:future")
class TimeFarAhead(Core):
    """The time in new_instance_uid runs a year ahead."""

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        uid = super().new_instance_uid(message)
        return (int.from_bytes(uid[:6], "big") + 366 * 86_400_000).to_bytes(6, "big") + uid[6:]


@breaks("fleet.new-uid.unique")
class EveryInstanceUidTwice(Core):
    """Every new_instance_uid is handed out to two different agents."""

    _given: tuple[bytes, bytes] | None = None

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        given, self._given = self._given, None
        if given is not None and given[0] != message.instance_uid:
            return given[1]
        uid = super().new_instance_uid(message)
        self._given = (message.instance_uid, uid)
        return uid


@breaks("fleet.new-uid.enrolled", also=["fleet.instances.request-uid"])
class AnotherInstanceUidStored(Core):
    """The announced new_instance_uid is not the one under which the agent is enrolled."""

    def enroll_anew(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        outcome = super().enroll_anew(known, message)
        stored = uuid5(UUID(bytes=outcome.put[0].instance_uid), "stored").bytes
        return outcome._replace(put=(outcome.put[0]._replace(instance_uid=stored),))


@breaks("fleet.new-uid.enrolled:announced-only", also=["fleet.instances.request-uid"])
class AnnouncedButNotEnrolled(Core):
    """An enrolled agent is told a new_instance_uid, but nothing is enrolled under it."""

    def enroll_anew(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        outcome = super().enroll_anew(known, message)
        return outcome if known is None else outcome._replace(put=())


@breaks("fleet.disconnect.unenrolled")
class StrangersMayDisconnect(FleetCore):
    """agent_disconnect from an agent that is not enrolled is acknowledged."""

    def objection(self, known: AgentRecord | None, message: pb.AgentToServer) -> str | None:
        return super().objection(known, message) if known or self.asks_for_instance_uid(message) else None


@breaks("fleet.disconnect.unenrolled:described")
class DescribedStrangersMayDisconnect(FleetCore):
    """agent_disconnect from an agent that is not enrolled is acknowledged if it comes with a full report."""

    def objection(self, known: AgentRecord | None, message: pb.AgentToServer) -> str | None:
        if known is None and message.HasField("agent_description") and not self.asks_for_instance_uid(message):
            return None
        return super().objection(known, message)


@breaks("fleet.disconnect.with-flag")
class FlagWinsOverDisconnect(FleetCore):
    """agent_disconnect with the flag is taken for a request for a new_instance_uid."""

    def objection(self, known: AgentRecord | None, message: pb.AgentToServer) -> str | None:
        return None if self.asks_for_instance_uid(message) else super().objection(known, message)

    def disconnect(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        if self.asks_for_instance_uid(message):
            return self.enroll_anew(known, message)
        return super().disconnect(known, message)


@breaks("fleet.disconnect.with-flag:enrolled")
class EnrolledMayDisconnectWithFlag(FleetCore):
    """agent_disconnect with the flag from an enrolled agent is a plain disconnect."""

    def objection(self, known: AgentRecord | None, message: pb.AgentToServer) -> str | None:
        return None if known is not None else super().objection(known, message)


@breaks("fleet.disconnect.enrolls-nobody", also=["fleet.disconnect.unenrolled"])
class RefusedAndEnrolled(FleetCore):
    """A refused agent_disconnect from an unknown agent enrolls it all the same."""

    def refuse(self, known: AgentRecord | None, message: pb.AgentToServer, problem: str) -> Outcome:
        outcome = super().refuse(known, message, problem)
        is_stranger = known is None and message.HasField("agent_disconnect")
        return outcome._replace(put=(self.record(None, message),)) if is_stranger else outcome


@breaks("fleet.disconnect.enrolls-nobody:with-flag")
class RefusedWithFlagAndEnrolled(FleetCore):
    """A refused agent_disconnect with the flag enrolls the agent all the same."""

    def refuse(self, known: AgentRecord | None, message: pb.AgentToServer, problem: str) -> Outcome:
        outcome = super().refuse(known, message, problem)
        is_asked = message.HasField("agent_disconnect") and self.asks_for_instance_uid(message)
        return outcome._replace(put=(self.record(None, message),)) if is_asked else outcome


@breaks("fleet.disconnect.changes-nothing")
class RefusedAndRemoved(FleetCore):
    """A refused agent_disconnect removes the enrolled agent that sent it."""

    def refuse(self, known: AgentRecord | None, message: pb.AgentToServer, problem: str) -> Outcome:
        outcome = super().refuse(known, message, problem)
        return outcome._replace(delete=(message.instance_uid,)) if message.HasField("agent_disconnect") else outcome


@breaks("fleet.disconnect.echo", also=["identification.s2a-matches"])
class RefusalToNobody(FleetCore):
    """The refusal of an agent_disconnect carries no instance_uid."""

    def refuse(self, known: AgentRecord | None, message: pb.AgentToServer, problem: str) -> Outcome:
        outcome = super().refuse(known, message, problem)
        if message.HasField("agent_disconnect"):
            outcome.reply.ClearField("instance_uid")
        return outcome


@breaks("fleet.disconnect.enrolled", also=["fleet.instances.disconnect"])
class EnrolledMayNotDisconnect(FleetCore):
    """agent_disconnect from an enrolled agent is answered with Unavailable."""

    def disconnect(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        reply = self.bad_request(message.instance_uid, "not now")
        reply.error_response.type = pb.ServerErrorResponseType_Unavailable
        return Outcome(reply)


@breaks("fleet.disconnect.stays-enrolled")
class DisconnectUnenrolls(FleetCore):
    """agent_disconnect ends the enrollment."""

    def disconnect(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        return super().disconnect(known, message)._replace(put=(), delete=(message.instance_uid,))


@breaks(
    "fleet.check-in", also=["response.ack-only-instance-uid", "fleet.instances.check-in", "fleet.instances.enroll-once"]
)
class CheckInEnrollsAnew(Core):
    """An enrolled agent that checks in is given a new_instance_uid it did not ask for."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        outcome.reply.agent_identification.new_instance_uid = self.new_instance_uid(message)
        return outcome


@breaks("fleet.check-in:any-flag")
class AnyFlagOfTheEnrolled(Core):
    """Any flag of an enrolled agent, also an unknown one, is taken for RequestInstanceUid."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        return self.enroll_anew(known, message) if message.flags else super().check_in(known, message)


@breaks("fleet.auto-enrollment")
class StrangersToTheEnd(FleetCore):
    """An agent that came with its own instance_uid is not taken for enrolled when it disconnects."""

    _named: frozenset[bytes] = frozenset()

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        new_instance_uid = super().new_instance_uid(message)
        self._named |= {new_instance_uid}
        return new_instance_uid

    def objection(self, known: AgentRecord | None, message: pb.AgentToServer) -> str | None:
        is_named = message.instance_uid in self._named
        return super().objection(known if is_named else None, message)


@breaks("fleet.auto-enrollment:undescribed")
class EnrollmentNeedsDescription(FleetCore):
    """An unknown agent is enrolled only once it describes itself."""

    def enroll(self, message: pb.AgentToServer) -> Outcome:
        outcome = super().enroll(message)
        return outcome if message.HasField("agent_description") else outcome._replace(put=())


@breaks("fleet.auto-enrollment:any-flag")
class AnyFlagOfTheUnknown(FleetCore):
    """Any flag of an unknown agent, also an unknown one, is taken for RequestInstanceUid."""

    def enroll(self, message: pb.AgentToServer) -> Outcome:
        return self.enroll_anew(None, message) if message.flags else super().enroll(message)
