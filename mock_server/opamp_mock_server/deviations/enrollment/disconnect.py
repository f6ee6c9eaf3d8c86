"""Deviations of agent_disconnect: accepted although it is refused, and refused with effects."""

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.core.core import FleetCore, Outcome
from opamp_mock_server.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb


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


def _is_odd(message: pb.AgentToServer) -> bool:
    has_part = message.HasField("custom_message") or message.HasField("effective_config")
    return has_part or not message.sequence_num or bool(message.capabilities >> 32)
