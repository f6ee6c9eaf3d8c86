"""Ways to break what Fleet Server keeps of agents in Elasticsearch. They need a server that keeps anything there."""

from uuid import uuid4

from opamp_mock_server.core import FleetCore, Outcome
from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.stores.fleet_documents import Description, FleetDocuments
from opamp_proto import opamp_pb2 as pb


@breaks("fleet.document.id", also=["fleet.document.new-uid"])
class ForeignAgentId(FleetDocuments):
    """The document's agent.id is an id of the server's own."""

    def agent_id(self, instance_uid: bytes) -> str:
        return str(uuid4())


@breaks("fleet.document.kind")
class OrdinaryType(FleetDocuments):
    """The document says that the agent is one of Elastic's own."""

    def type(self) -> str:
        return "PERMANENT"


@breaks("fleet.document.policy")
class DefaultPolicy(FleetDocuments):
    """The document names another policy than that of the agent's key."""

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        text = super().document(record, enrolled_at, description)
        return text.replace(f'"policy_id": "{record.policy_id}"', '"policy_id": "another"', 1)


@breaks("fleet.document.tags")
class RepeatedTags(FleetDocuments):
    """Tags are kept as often as they are told."""

    def tags(self, name: str, tagged: str) -> list[str]:
        return [name, *(tag.strip() for tag in tagged.split(",") if tag.strip())]


@breaks("fleet.document.metadata")
class NoHost(FleetDocuments):
    """The metadata does not tell the agent's host."""

    def identity(self, instance_uid: bytes, described: pb.AgentDescription) -> dict[str, object]:
        identity = super().identity(instance_uid, described)
        metadata = identity["local_metadata"]
        assert isinstance(metadata, dict)
        return {**identity, "local_metadata": {**metadata, "host": {}}}


@breaks("fleet.document.attributes")
class OneKindOfAttributes(FleetDocuments):
    """Only the identifying attributes are kept."""

    def identity(self, instance_uid: bytes, described: pb.AgentDescription) -> dict[str, object]:
        return {**super().identity(instance_uid, described), "non_identifying_attributes": {}}


@breaks("fleet.document.capabilities")
class NoCapabilities(FleetDocuments):
    """Capabilities are not kept."""

    def capabilities(self, record: AgentRecord) -> list[str]:
        return []


@breaks("fleet.document.sequence-num")
class SequenceNumberOfEnrollment(FleetDocuments):
    """The sequence number in the document is always 1."""

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        text = super().document(record, enrolled_at, description)
        return text.replace(f'"sequence_num": {record.sequence_num}', '"sequence_num": 1', 1)


@breaks("fleet.document.secrets")
class SecretsKept(FleetDocuments):
    """Secrets are taken out of the configuration that is shown, and stay in what is kept beside it."""

    def description(self, record: AgentRecord) -> Description:
        return super().description(record)._replace(reported=record.reported)


@breaks("fleet.document.reenrolled")
class NoMark(FleetDocuments):
    """The old document of an agent that is enrolled anew is not marked."""

    def reenrolled(self, now: str) -> dict[str, object]:
        return {}


@breaks("fleet.document.reenrolled-cleared")
class LastingMark(FleetCore):
    """The mark stays when the agent comes back."""

    def record(self, known: AgentRecord | None, message: pb.AgentToServer) -> AgentRecord:
        record = super().record(known, message)
        return record if known is None else record._replace(reenrolled=known.reenrolled)


@breaks(
    "fleet.document.none-when-refused",
    also=["fleet.disconnect.enrolls-nobody", "fleet.disconnect.unenrolled", "fleet.request-uid.temporary-uid"],
)
class RefusedAgentKept(FleetCore):
    """An unknown agent whose message is refused, or that asks for another instance_uid, is kept all the same."""

    def refuse(self, known: AgentRecord | None, message: pb.AgentToServer, problem: str) -> Outcome:
        outcome = super().refuse(known, message, problem)
        is_whole = known is None and self.malformed(message) is None
        return outcome._replace(put=(self.record(None, message),)) if is_whole else outcome

    def enroll_anew(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        outcome = super().enroll_anew(known, message)
        return outcome if known else outcome._replace(put=(*outcome.put, self.record(None, message)))


@breaks("fleet.document.unchanged-when-refused")
class RefusedMessageCounted(FleetCore):
    """A message that is refused is counted all the same."""

    def refuse(self, known: AgentRecord | None, message: pb.AgentToServer, problem: str) -> Outcome:
        outcome = super().refuse(known, message, problem)
        if known is None:
            return outcome
        return outcome._replace(put=(known._replace(sequence_num=message.sequence_num),))


@breaks("fleet.document.status")
class AlwaysOnline(FleetDocuments):
    """An agent that is connected is online, however it fares."""

    def status(self, status: pb.AgentToServer) -> str:
        return "online"


@breaks("fleet.document.status:healthy", also=["fleet.document.disconnected"])
class HealthyInOtherWords(FleetDocuments):
    """A healthy agent is called active."""

    def status(self, status: pb.AgentToServer) -> str:
        known = super().status(status)
        return "active" if known == "online" else known


@breaks("fleet.document.disconnected:for-ever")
class DisconnectedForEver(FleetDocuments):
    """An agent that took its leave stays disconnected when it comes back."""

    _gone: frozenset[bytes] = frozenset()

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        self._gone |= frozenset() if record.connected else {record.instance_uid}
        is_gone = record.instance_uid in self._gone
        return super().document(record._replace(connected=not is_gone), enrolled_at, description)


@breaks("fleet.document.disconnected")
class NeverDisconnected(FleetDocuments):
    """An agent that takes its leave is called inactive, a word that is not told to agents."""

    def disconnected(self) -> str:
        return "inactive"
