"""Deviations from the documents of Fleet Server: the documents of agents that are enrolled anew, or refused."""

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.core.core import FleetCore, Outcome
from opamp_mock_server.deviations.enrollment.keys import ORDINARY_KEY_PREFIX
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.stores.fleet_documents import FleetDocuments
from opamp_mock_server.transports.http_messages import RequestHeaders, Response
from opamp_mock_server.transports.plain_http import HttpEndpoint
from opamp_proto import opamp_pb2 as pb


@breaks("fleet.document.new-uid:report")
class ReportWithTheFlagLost(FleetCore):
    """The report that came with RequestInstanceUid is not in the new document."""

    def enroll_under_new_instance_uid(self, message: pb.AgentToServer) -> Outcome:
        outcome = super().enroll_under_new_instance_uid(message)
        return outcome._replace(put=tuple(record._replace(reported=b"") for record in outcome.put))


@breaks("fleet.document.new-uid:unlike")
class NewDocumentMarked(FleetCore):
    """The new document of an agent that enrolls again is marked as reenrolled, too."""

    def answer_instance_uid_request(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        outcome = super().answer_instance_uid_request(known, message)
        return outcome._replace(put=tuple(record._replace(reenrolled=True) for record in outcome.put))


@breaks("fleet.document.none-when-refused:configuration", also=["fleet.request-uid.unknown-agent"])
class OrphanOfUnreadableConfiguration(FleetCore):
    """An agent that asks for an instance_uid with a configuration that is no mapping is enrolled, and gets an error."""

    def answer_instance_uid_request(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        outcome = super().answer_instance_uid_request(known, message)
        body = message.effective_config.config_map.config_map[""].body
        if not body or b":" in body:
            return outcome
        unavailable = pb.ServerErrorResponseType_Unavailable
        return outcome._replace(reply=self.error(message.instance_uid, unavailable, "failed to update agent"))


@breaks("fleet.document.none-when-refused:key")
class RefusedKeyStored(HttpEndpoint):
    """The report of an agent with a key that is no enrollment key is stored, although it gets the status 401."""

    def require_admission(self, headers: RequestHeaders) -> None:
        if ORDINARY_KEY_PREFIX.encode() not in (headers.authorization or b""):
            super().require_admission(headers)

    async def respond(self, headers: RequestHeaders, body: bytes) -> Response:
        response = await super().respond(headers, body)
        super().require_admission(headers)
        return response


@breaks("fleet.document.none-when-refused:new-uid")
class RefusedAgentStoredUnderNewUid(FleetCore):
    """A refused agent_disconnect with RequestInstanceUid creates a document under another instance_uid."""

    def refuse(self, known: AgentRecord | None, message: pb.AgentToServer, problem: str) -> Outcome:
        outcome = super().refuse(known, message, problem)
        if not message.HasField("agent_disconnect") or not self.asks_for_instance_uid(message):
            return outcome
        stored = self.record(None, message)._replace(instance_uid=self.new_instance_uid(message))
        return outcome._replace(put=(*outcome.put, stored))


@breaks("fleet.document.reenrolled")
class ReenrolledMarkMissing(FleetDocuments):
    """The old document of an agent that enrolls again is not marked as reenrolled."""

    def reenrolled(self, now: str) -> dict[str, object]:
        return {}


@breaks("fleet.document.reenrolled-cleared")
class ReenrolledMarkNotCleared(FleetCore):
    """The mark reenrolled stays when an agent uses its old instance_uid again."""

    def record(self, known: AgentRecord | None, message: pb.AgentToServer) -> AgentRecord:
        record = super().record(known, message)
        return record if known is None else record._replace(reenrolled=known.reenrolled)


@breaks(
    "fleet.document.none-when-refused",
    also=["fleet.disconnect.enrolls-nobody", "fleet.disconnect.unenrolled", "fleet.request-uid.temporary-uid"],
)
class RefusedAgentStored(FleetCore):
    """An unknown agent has a document even if its message is refused or requests a new_instance_uid."""

    def refuse(self, known: AgentRecord | None, message: pb.AgentToServer, problem: str) -> Outcome:
        outcome = super().refuse(known, message, problem)
        is_stored = known is None and self.malformed(message) is None
        return outcome._replace(put=(self.record(None, message),)) if is_stored else outcome

    def answer_instance_uid_request(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        outcome = super().answer_instance_uid_request(known, message)
        return outcome if known else outcome._replace(put=(*outcome.put, self.record(None, message)))


@breaks("fleet.document.unchanged-when-refused")
class RefusedSequenceNumberStored(FleetCore):
    """The sequence_num of a refused message is stored in the document."""

    def refuse(self, known: AgentRecord | None, message: pb.AgentToServer, problem: str) -> Outcome:
        outcome = super().refuse(known, message, problem)
        if known is None:
            return outcome
        return outcome._replace(put=(known._replace(sequence_num=message.sequence_num),))


@breaks("fleet.document.reenrolled:time")
class ReenrolledMarkWithoutTime(FleetDocuments):
    """The old document of an agent that enrolls again is marked without the time of that."""

    def reenrolled(self, now: str) -> dict[str, object]:
        return {"audit_unenrolled_reason": "reenrolled"}
