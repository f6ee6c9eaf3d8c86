"""Deviations from the documents of Fleet Server: what a document says of its agent."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from uuid import NAMESPACE_OID, uuid5

from opamp_mock_server.core.agent_state import DEFAULT_NAMESPACES, AgentRecord
from opamp_mock_server.deviations.fleet_documents.changes import changed
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.stores.fleet_documents import Description, FleetDocuments
from opamp_proto import opamp_pb2 as pb


@breaks("fleet.document.id", also=["fleet.document.new-uid"])
class AnotherAgentId(FleetDocuments):
    """agent.id in the document is another UUID than the instance_uid."""

    def agent_id(self, instance_uid: bytes) -> str:
        return str(uuid5(NAMESPACE_OID, instance_uid.hex()))


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


@breaks("fleet.document.policy:revision")
class PolicyRevisionZero(FleetDocuments):
    """policy_revision_idx in the document is 0, as if the policy had not reached the agent."""

    def description(self, record: AgentRecord) -> Description:
        description = super().description(record)
        return description._replace(
            json=description.json.replace('"policy_revision_idx": 1', '"policy_revision_idx": 0')
        )


@breaks("fleet.document.tags")
class RepeatedTags(FleetDocuments):
    """Repeated tags of an agent are stored repeatedly."""

    def tags(self, name: str, tagged: str) -> list[str]:
        return [name, *(tag.strip() for tag in tagged.split(",") if tag.strip())]


@breaks("fleet.document.tags:unnamed")
class EmptyTagOfUnnamedAgents(FleetDocuments):
    """An agent without a name has an empty tag."""

    def tags(self, name: str, tagged: str) -> list[str]:
        return super().tags(name, tagged) if name else ["", *super().tags(name, tagged)]


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


@breaks(
    "fleet.document.attributes:first-only",
    also=["fleet.document.metadata", "fleet.document.tags"],
)
class FirstDescriptionKept(FleetDocuments):
    """A changed agent_description is ignored after enrollment."""

    _first: Mapping[bytes, dict[str, object]] = MappingProxyType({})

    def identity(self, instance_uid: bytes, described: pb.AgentDescription) -> dict[str, object]:
        self._first = {instance_uid: super().identity(instance_uid, described), **self._first}
        return self._first[instance_uid]


@breaks("fleet.document.namespaces")
class NamespacesMissing(FleetDocuments):
    """The document has no namespaces."""

    def namespaces(self, record: AgentRecord) -> list[str]:
        return []


@breaks("fleet.document.namespaces:default")
class NamespacesAlwaysDefault(FleetDocuments):
    """The namespaces in the document are always the default, not those of the enrollment key."""

    def namespaces(self, record: AgentRecord) -> list[str]:
        return list(DEFAULT_NAMESPACES)


@breaks("fleet.document.times")
class CheckinTimeOfEnrollment(FleetDocuments):
    """last_checkin in the document is always the time of enrollment."""

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        return changed(super().document(record, enrolled_at, description), last_checkin=enrolled_at)


@breaks("fleet.document.times:enrolled-at")
class EnrolledWithEachMessage(FleetDocuments):
    """enrolled_at in the document is the time of the last message."""

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        text = super().document(record, enrolled_at, description)
        return changed(text, enrolled_at=json.loads(text)["last_checkin"])


@breaks("fleet.document.capabilities:first")
class FirstCapabilitiesKept(FleetDocuments):
    """The document keeps the first capabilities of an agent."""

    _first: Mapping[bytes, list[str]] = MappingProxyType({})

    def capabilities(self, record: AgentRecord) -> list[str]:
        self._first = {record.instance_uid: super().capabilities(record), **self._first}
        return self._first[record.instance_uid]


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
