"""Deviations from the enrollment contract of Fleet Server."""

from functools import lru_cache
from typing import ClassVar
from uuid import UUID, uuid4, uuid5

import uuid6

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.core.core import Core, FleetCore, Outcome
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.transports.http_messages import RequestHeaders
from opamp_mock_server.transports.plain_http import HttpEndpoint
from opamp_proto import opamp_pb2 as pb

_ORDINARY_CAPABILITIES = pb.AgentCapabilities_ReportsStatus | pb.AgentCapabilities_ReportsHealth
ORDINARY_KEY_PREFIX = "ordinary-"
"""How the keys begin that a test uses as API keys that are no enrollment keys."""
RETIRED_KEY_PREFIX = "retired-"
"""How the keys begin that a test uses as retired enrollment keys."""


@breaks("fleet.request-uid.unknown-agent", also=["identification.request-uid.answered"])
class FlagIgnoredForUnknownAgents(Core):
    """RequestInstanceUid of an unknown agent is ignored: the agent is enrolled under its own instance_uid."""

    def answer_instance_uid_request(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        return self.enroll(message) if known is None else super().answer_instance_uid_request(known, message)


@breaks("fleet.request-uid.unknown-agent:undescribed")
class FlagRequiresDescription(Core):
    """An unknown agent gets a new_instance_uid only if its message has an agent_description."""

    def answer_instance_uid_request(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        if known is None and not message.HasField("agent_description"):
            return self.enroll(message)
        return super().answer_instance_uid_request(known, message)


@breaks("fleet.request-uid.unknown-agent:with-part")
class FlagIgnoredBesideOtherParts(Core):
    """RequestInstanceUid is ignored in the message of an unknown agent that has any other part, or no number."""

    def answer_instance_uid_request(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        usual = pb.AgentToServer(instance_uid=message.instance_uid, sequence_num=1, flags=message.flags)
        usual.capabilities = _ORDINARY_CAPABILITIES
        if known is None and message != usual and not message.HasField("health"):
            return self.enroll(message)
        return super().answer_instance_uid_request(known, message)


@breaks("fleet.request-uid.unknown-agent:configuration")
class FlagRequiresYaml(Core):
    """RequestInstanceUid with an effective configuration that is not YAML is answered with Unavailable."""

    def answer_instance_uid_request(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        for file in message.effective_config.config_map.config_map.values():
            if file.body.startswith(b"[input]"):
                reply = self.bad_request(message.instance_uid, "the configuration cannot be read")
                reply.error_response.type = pb.ServerErrorResponseType_Unavailable
                return Outcome(reply)
        return super().answer_instance_uid_request(known, message)


@breaks("fleet.request-uid.known-agent", also=["identification.request-uid.answered"])
class FlagIgnoredForEnrolledAgents(Core):
    """RequestInstanceUid of an enrolled agent is ignored: the message is processed as a check-in."""

    def answer_instance_uid_request(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        return super().answer_instance_uid_request(known, message) if known is None else self.check_in(known, message)


@breaks("fleet.request-uid.known-agent:refused", also=["identification.request-uid.answered"])
class FlagRefusedForEnrolledAgents(Core):
    """RequestInstanceUid of an enrolled agent is refused with BadRequest."""

    def reason_to_refuse(self, known: AgentRecord | None, message: pb.AgentToServer) -> str | None:
        if known is not None and self.asks_for_instance_uid(message) and not message.HasField("agent_disconnect"):
            return "the agent is already enrolled"
        return super().reason_to_refuse(known, message)


@breaks("fleet.request-uid.known-agent:disconnected")
class FlagIgnoredForDisconnectedAgents(Core):
    """RequestInstanceUid of a disconnected agent is ignored."""

    def answer_instance_uid_request(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        if known is not None and not known.connected:
            return self.check_in(known, message)
        return super().answer_instance_uid_request(known, message)


@breaks("fleet.request-uid.every-time", also=["fleet.instances.unique"])
class SameNewInstanceUidAgain(Core):
    """An agent that repeats RequestInstanceUid before it changes its instance_uid gets the same new_instance_uid."""

    _new_by_incoming = staticmethod(lru_cache(maxsize=100_000)(lambda instance_uid: uuid6.uuid7().bytes))

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        return self._new_by_incoming(message.instance_uid)


@breaks("fleet.request-uid.echo", also=["identification.s2a-matches"])
class EchoOfNewInstanceUid(Core):
    """The reply that announces a new_instance_uid is addressed to it, not to the incoming instance_uid."""

    def answer_instance_uid_request(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        outcome = super().answer_instance_uid_request(known, message)
        outcome.reply.instance_uid = outcome.reply.agent_identification.new_instance_uid
        return outcome


@breaks("fleet.request-uid.old-enrollment-stays", also=["fleet.instances.request-uid"])
class OldEnrollmentDeleted(Core):
    """The old enrollment of an agent is deleted when the agent gets a new_instance_uid."""

    def answer_instance_uid_request(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        outcome = super().answer_instance_uid_request(known, message)
        return outcome._replace(delete=(message.instance_uid,))


@breaks("fleet.request-uid.old-enrollment-stays:moved", also=["fleet.instances.request-uid"])
class OldEnrollmentMoved(Core):
    """The old enrollment of an agent is moved to its new_instance_uid, so there is no second enrollment."""

    def answer_instance_uid_request(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        outcome = super().answer_instance_uid_request(known, message)
        if known is None:
            return outcome
        moved = known._replace(instance_uid=outcome.put[0].instance_uid, sequence_num=message.sequence_num)
        return outcome._replace(put=(moved,), delete=(known.instance_uid,))


@breaks("fleet.request-uid.temporary-uid")
class TemporaryInstanceUidEnrolled(Core):
    """An unknown agent is enrolled under its temporary instance_uid, and also under its new_instance_uid."""

    def answer_instance_uid_request(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        outcome = super().answer_instance_uid_request(known, message)
        return outcome._replace(put=(*outcome.put, self.record(None, message)))


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


@breaks("fleet.disconnect.unenrolled")
class UnenrolledDisconnectAccepted(FleetCore):
    """agent_disconnect from an agent that is not enrolled is acknowledged."""

    def reason_to_refuse(self, known: AgentRecord | None, message: pb.AgentToServer) -> str | None:
        return super().reason_to_refuse(known, message) if known or self.asks_for_instance_uid(message) else None


@breaks("fleet.disconnect.unenrolled:described")
class DescribedDisconnectAccepted(FleetCore):
    """agent_disconnect from an agent that is not enrolled is acknowledged if it comes with a full report."""

    def reason_to_refuse(self, known: AgentRecord | None, message: pb.AgentToServer) -> str | None:
        if known is None and message.HasField("agent_description") and not self.asks_for_instance_uid(message):
            return None
        return super().reason_to_refuse(known, message)


@breaks("fleet.disconnect.unenrolled:with-part")
class OddUnenrolledDisconnectAccepted(FleetCore):
    """agent_disconnect from an agent that is not enrolled is accepted if the message has another part, or no number."""

    def reason_to_refuse(self, known: AgentRecord | None, message: pb.AgentToServer) -> str | None:
        is_odd = _is_odd(message) and not message.HasField("agent_description")
        is_accepted = known is None and is_odd and not self.asks_for_instance_uid(message)
        return None if is_accepted else super().reason_to_refuse(known, message)


@breaks("fleet.disconnect.with-flag:with-part")
class OddDisconnectWithFlagAccepted(FleetCore):
    """agent_disconnect with the flag from an enrolled agent is accepted if the message has another part."""

    def reason_to_refuse(self, known: AgentRecord | None, message: pb.AgentToServer) -> str | None:
        is_odd = _is_odd(message) or message.flags != pb.AgentToServerFlags_RequestInstanceUid
        is_accepted = known is not None and is_odd and not message.HasField("health")
        return None if is_accepted else super().reason_to_refuse(known, message)


@breaks("fleet.disconnect.with-flag")
class DisconnectWithFlagEnrolls(FleetCore):
    """agent_disconnect with RequestInstanceUid is processed as a request for a new_instance_uid."""

    def reason_to_refuse(self, known: AgentRecord | None, message: pb.AgentToServer) -> str | None:
        return None if self.asks_for_instance_uid(message) else super().reason_to_refuse(known, message)

    def disconnect(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        if self.asks_for_instance_uid(message):
            return self.answer_instance_uid_request(known, message)
        return super().disconnect(known, message)


@breaks("fleet.disconnect.with-flag:enrolled")
class EnrolledDisconnectWithFlagAccepted(FleetCore):
    """agent_disconnect with RequestInstanceUid from an enrolled agent is processed as an ordinary disconnect."""

    def reason_to_refuse(self, known: AgentRecord | None, message: pb.AgentToServer) -> str | None:
        return None if known is not None else super().reason_to_refuse(known, message)


@breaks("fleet.disconnect.enrolls-nobody", also=["fleet.disconnect.unenrolled"])
class RefusedDisconnectEnrolls(FleetCore):
    """An unknown agent is enrolled although its agent_disconnect is refused."""

    def refuse(self, known: AgentRecord | None, message: pb.AgentToServer, problem: str) -> Outcome:
        outcome = super().refuse(known, message, problem)
        is_unknown = known is None and message.HasField("agent_disconnect")
        return outcome._replace(put=(self.record(None, message),)) if is_unknown else outcome


@breaks("fleet.disconnect.enrolls-nobody:with-flag")
class RefusedDisconnectWithFlagEnrolls(FleetCore):
    """An agent is enrolled although its agent_disconnect with RequestInstanceUid is refused."""

    def refuse(self, known: AgentRecord | None, message: pb.AgentToServer, problem: str) -> Outcome:
        outcome = super().refuse(known, message, problem)
        is_requested = message.HasField("agent_disconnect") and self.asks_for_instance_uid(message)
        return outcome._replace(put=(self.record(None, message),)) if is_requested else outcome


@breaks("fleet.disconnect.changes-nothing")
class RefusedDisconnectDeletes(FleetCore):
    """A refused agent_disconnect deletes the enrollment of its agent."""

    def refuse(self, known: AgentRecord | None, message: pb.AgentToServer, problem: str) -> Outcome:
        outcome = super().refuse(known, message, problem)
        return outcome._replace(delete=(message.instance_uid,)) if message.HasField("agent_disconnect") else outcome


@breaks("fleet.disconnect.echo", also=["identification.s2a-matches"])
class RefusedDisconnectWithoutInstanceUid(FleetCore):
    """The reply that refuses an agent_disconnect has no instance_uid."""

    def refuse(self, known: AgentRecord | None, message: pb.AgentToServer, problem: str) -> Outcome:
        outcome = super().refuse(known, message, problem)
        if message.HasField("agent_disconnect"):
            outcome.reply.ClearField("instance_uid")
        return outcome


@breaks(
    "fleet.disconnect.enrolled",
    also=["error.unavailable-means-overload", "fleet.instances.disconnect", "response.no-error-on-success"],
)
class DisconnectUnavailable(FleetCore):
    """agent_disconnect from an enrolled agent is answered with Unavailable."""

    def disconnect(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        reply = self.bad_request(message.instance_uid, "try again later")
        reply.error_response.type = pb.ServerErrorResponseType_Unavailable
        return Outcome(reply)


@breaks("fleet.disconnect.stays-enrolled", also=["disconnect.server-forgets-instance"])
class DisconnectDeletesEnrollment(FleetCore):
    """agent_disconnect deletes the enrollment of its agent."""

    def disconnect(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        return super().disconnect(known, message)._replace(put=(), delete=(message.instance_uid,))


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


@breaks(
    "fleet.new-uid.uuidv7:for-other-versions", also=["fleet.new-uid.time", "identification.new-instance-uid.uuidv7"]
)
class VersionOfAgentAssigned(Core):
    """An agent whose instance_uid is a UUID of another version gets one of version 4."""

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        is_usual = UUID(bytes=message.instance_uid).version == 7
        return super().new_instance_uid(message) if is_usual else uuid4().bytes


# ---- keys


@breaks("fleet.enrollment-key.ordinary")
class OrdinaryKeyEnrolls(HttpEndpoint):
    """An API key that is no enrollment key enrolls: one that begins with ``ordinary-``."""

    def require_admission(self, headers: RequestHeaders) -> None:
        if not _begins_with(headers, ORDINARY_KEY_PREFIX):
            super().require_admission(headers)


@breaks("fleet.enrollment-key.retired")
class RetiredKeyEnrolls(HttpEndpoint):
    """An enrollment key that was retired still enrolls: one that begins with ``retired-``."""

    def require_admission(self, headers: RequestHeaders) -> None:
        if not _begins_with(headers, RETIRED_KEY_PREFIX):
            super().require_admission(headers)


def _is_odd(message: pb.AgentToServer) -> bool:
    has_part = message.HasField("custom_message") or message.HasField("effective_config")
    return has_part or not message.sequence_num or bool(message.capabilities >> 32)


def _begins_with(headers: RequestHeaders, prefix: str) -> bool:
    _, _, key = (headers.authorization or b"").partition(b" ")
    return key.startswith(prefix.encode())
