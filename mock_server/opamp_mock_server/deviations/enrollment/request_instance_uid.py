"""Deviations of the request for a new instance_uid: the flag, the echo, and the old enrollment."""

from functools import lru_cache

import uuid6

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.core.core import Core, Outcome
from opamp_mock_server.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb

_ORDINARY_CAPABILITIES = pb.AgentCapabilities_ReportsStatus | pb.AgentCapabilities_ReportsHealth


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
