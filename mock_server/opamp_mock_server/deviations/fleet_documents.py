"""Deviations from the documents of Fleet Server. They need a server that keeps agents in Elasticsearch."""

from collections.abc import Mapping
from types import MappingProxyType
from uuid import uuid4

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.core.core import FleetCore, Outcome
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.stores.fleet_documents import Description, FleetDocuments
from opamp_proto import opamp_pb2 as pb


@breaks("fleet.document.id", also=["fleet.document.new-uid"])
class RandomAgentId(FleetDocuments):
    """agent.id in the document is a random UUID."""

    def agent_id(self, instance_uid: bytes) -> str:
        return str(uuid4())


@breaks("fleet.document.kind")
class TypePermanent(FleetDocuments):
    """The type in the document is PERMANENT, which is the type of agents of Elastic."""

    def type(self) -> str:
        return "PERMANENT"


@breaks("fleet.document.policy")
class WrongPolicy(FleetDocuments):
    """policy_id in the document is not the policy of the enrollment key."""

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        text = super().document(record, enrolled_at, description)
        return text.replace(f'"policy_id": "{record.policy_id}"', '"policy_id": "another"', 1)


@breaks("fleet.document.tags")
class RepeatedTags(FleetDocuments):
    """Repeated tags of an agent are stored repeatedly."""

    def tags(self, name: str, tagged: str) -> list[str]:
        return [name, *(tag.strip() for tag in tagged.split(",") if tag.strip())]


@breaks("fleet.document.metadata")
class MetadataWithoutHost(FleetDocuments):
    """local_metadata in the document has no host name."""

    def identity(self, instance_uid: bytes, described: pb.AgentDescription) -> dict[str, object]:
        identity = super().identity(instance_uid, described)
        metadata = identity["local_metadata"]
        assert isinstance(metadata, dict)
        return {**identity, "local_metadata": {**metadata, "host": {}}}


@breaks("fleet.document.metadata:version")
class VersionMissing(FleetDocuments):
    """agent.version in the document is empty."""

    def identity(self, instance_uid: bytes, described: pb.AgentDescription) -> dict[str, object]:
        identity = super().identity(instance_uid, described)
        agent = identity["agent"]
        assert isinstance(agent, dict)
        return {**identity, "agent": {**agent, "version": ""}}


@breaks("fleet.document.attributes:first-only")
class FirstDescriptionKept(FleetDocuments):
    """A changed agent_description is ignored after enrollment."""

    _first: Mapping[bytes, dict[str, object]] = MappingProxyType({})

    def identity(self, instance_uid: bytes, described: pb.AgentDescription) -> dict[str, object]:
        self._first = {instance_uid: super().identity(instance_uid, described), **self._first}
        return self._first[instance_uid]


@breaks("fleet.document.namespaces")
class NamespacesMissing(FleetDocuments):
    """The document has no namespaces."""

    def namespaces(self) -> list[str]:
        return []


@breaks("fleet.document.health")
class CheckinMessageMissing(FleetDocuments):
    """last_checkin_message in the document is always empty."""

    def health(self, health: pb.ComponentHealth) -> dict[str, object]:
        return {**super().health(health), "last_checkin_message": ""}


@breaks("fleet.document.configuration")
class FirstConfigurationKept(FleetDocuments):
    """The document keeps the first effective configuration of an agent."""

    _first: Mapping[bytes, object] = MappingProxyType({})

    def effective_config(self, record: AgentRecord, configurations: Mapping[str, object]) -> object:
        self._first = {record.instance_uid: super().effective_config(record, configurations), **self._first}
        return self._first[record.instance_uid]


@breaks("fleet.document.secrets:in-lists")
class SecretsInListsStored(FleetDocuments):
    """Secrets in lists of names and values are stored."""

    def effective_config(self, record: AgentRecord, configurations: Mapping[str, object]) -> object:
        import yaml  # noqa: PLC0415 (part of an extra)

        reported = pb.AgentToServer.FromString(record.reported)
        body = reported.effective_config.config_map.config_map[""].body
        return yaml.safe_load(body) if b"[{name:" in body else super().effective_config(record, configurations)


@breaks("fleet.document.sequence-num:disconnect")
class SequenceNumberLostAtDisconnect(FleetDocuments):
    """sequence_num in the document of a disconnected agent is 0."""

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        text = super().document(record, enrolled_at, description)
        return text if record.connected else text.replace(f'"sequence_num": {record.sequence_num}', '"sequence_num": 0')


@breaks("fleet.document.new-uid:report")
class ReportWithTheFlagLost(FleetCore):
    """The report that came with RequestInstanceUid is not in the new document."""

    def enroll_under_new_instance_uid(self, message: pb.AgentToServer) -> Outcome:
        outcome = super().enroll_under_new_instance_uid(message)
        return outcome._replace(put=tuple(record._replace(reported=b"") for record in outcome.put))


@breaks("fleet.document.none-when-refused:new-uid")
class RefusedAgentStoredUnderNewUid(FleetCore):
    """A refused agent_disconnect with RequestInstanceUid creates a document under another instance_uid."""

    def refuse(self, known: AgentRecord | None, message: pb.AgentToServer, problem: str) -> Outcome:
        outcome = super().refuse(known, message, problem)
        if not message.HasField("agent_disconnect") or not self.asks_for_instance_uid(message):
            return outcome
        stored = self.record(None, message)._replace(instance_uid=self.new_instance_uid(message))
        return outcome._replace(put=(*outcome.put, stored))


@breaks("fleet.document.status:omitted")
class OmittedHealthIsOnline(FleetDocuments):
    """A message without health sets the status in the document to online."""

    _reported: Mapping[bytes, bytes] = MappingProxyType({})

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        if self._reported.get(record.instance_uid) == description.reported:
            description = description._replace(status="online")
        self._reported = {**self._reported, record.instance_uid: description.reported}
        return super().document(record, enrolled_at, description)


@breaks("fleet.document.attributes")
class NonIdentifyingAttributesMissing(FleetDocuments):
    """The document has no non-identifying attributes."""

    def identity(self, instance_uid: bytes, described: pb.AgentDescription) -> dict[str, object]:
        return {**super().identity(instance_uid, described), "non_identifying_attributes": {}}


@breaks("fleet.document.capabilities")
class CapabilitiesMissing(FleetDocuments):
    """The document has no capabilities."""

    def capabilities(self, record: AgentRecord) -> list[str]:
        return []


@breaks("fleet.document.sequence-num")
class SequenceNumberAlwaysOne(FleetDocuments):
    """sequence_num in the document is always 1."""

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        text = super().document(record, enrolled_at, description)
        return text.replace(f'"sequence_num": {record.sequence_num}', '"sequence_num": 1', 1)


@breaks("fleet.document.secrets")
class SecretsInStoredReport(FleetDocuments):
    """Secrets are removed from effective_config, but not from the report that the document also contains."""

    def description(self, record: AgentRecord) -> Description:
        return super().description(record)._replace(reported=record.reported)


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


@breaks("fleet.document.status")
class StatusAlwaysOnline(FleetDocuments):
    """The status of a connected agent is always online, whatever its health is."""

    def status(self, status: pb.AgentToServer) -> str:
        return "online"


@breaks("fleet.document.status:healthy", also=["fleet.document.disconnected"])
class HealthyStatusActive(FleetDocuments):
    """The status of a healthy agent is active instead of online."""

    def status(self, status: pb.AgentToServer) -> str:
        actual = super().status(status)
        return "active" if actual == "online" else actual


@breaks("fleet.document.disconnected:for-ever")
class StatusStaysDisconnected(FleetDocuments):
    """The status of an agent that disconnected stays disconnected when the agent returns."""

    _disconnected: frozenset[bytes] = frozenset()

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        self._disconnected |= frozenset() if record.connected else {record.instance_uid}
        is_disconnected = record.instance_uid in self._disconnected
        return super().document(record._replace(connected=not is_disconnected), enrolled_at, description)


@breaks("fleet.document.disconnected")
class DisconnectedStatusInactive(FleetDocuments):
    """The status of a disconnected agent is inactive instead of disconnected."""

    def disconnected(self) -> str:
        return "inactive"
