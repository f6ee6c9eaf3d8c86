"""Deviations from the documents of Fleet Server. They need a server that keeps agents in Elasticsearch."""

import json
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from opamp_mock_server.core.agent_state import DEFAULT_NAMESPACES, AgentRecord
from opamp_mock_server.core.core import FleetCore, Outcome
from opamp_mock_server.deviations.enrollment import ORDINARY_KEY_PREFIX
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.stores.fleet_documents import Description, FleetDocuments
from opamp_mock_server.stores.redaction import REDACTED
from opamp_mock_server.transports.http_messages import RequestHeaders, Response
from opamp_mock_server.transports.plain_http import HttpEndpoint
from opamp_proto import opamp_pb2 as pb

_AT_ONCE_SECONDS = 0.1
"""A message that comes so soon after another one is on the way before the other one is visible in a search."""


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
        return _changed(super().document(record, enrolled_at, description), last_checkin=enrolled_at)


@breaks("fleet.document.times:enrolled-at")
class EnrolledWithEachMessage(FleetDocuments):
    """enrolled_at in the document is the time of the last message."""

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        text = super().document(record, enrolled_at, description)
        return _changed(text, enrolled_at=json.loads(text)["last_checkin"])


@breaks("fleet.document.kept")
class PolicyLostAtDisconnect(FleetDocuments):
    """The document of a disconnected agent has no policy_id."""

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        text = super().document(record, enrolled_at, description)
        return text if record.connected else _changed(text, policy_id="")


@breaks("fleet.document.kept:check-in")
class NamespacesLostAtCheckIn(FleetDocuments):
    """A message without a report removes the namespaces from the document of a connected agent."""

    _reported: Mapping[bytes, bytes] = MappingProxyType({})

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        text = super().document(record, enrolled_at, description)
        is_known = self._reported.get(record.instance_uid) == description.reported
        self._reported = {**self._reported, record.instance_uid: description.reported}
        return _changed(text, namespaces=[]) if is_known and record.connected and not record.reenrolled else text


@breaks("fleet.document.kept:returned")
class AttributesLostAtReturn(FleetDocuments):
    """The document of an agent that comes back after agent_disconnect has no non-identifying attributes."""

    _disconnected: frozenset[bytes] = frozenset()

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        text = super().document(record, enrolled_at, description)
        self._disconnected |= frozenset() if record.connected else {record.instance_uid}
        has_returned = record.connected and record.instance_uid in self._disconnected
        return _changed(text, non_identifying_attributes={}) if has_returned else text


@breaks("fleet.document.kept:marked")
class MarkedDocumentInactive(FleetDocuments):
    """A document that is marked as reenrolled is no longer active."""

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        text = super().document(record, enrolled_at, description)
        return _changed(text, active=False) if record.reenrolled else text


@breaks("fleet.document.health:error-message")
class StatusInsteadOfErrorMessage(FleetDocuments):
    """last_checkin_message in the document is the status of the agent, even if it has an error message."""

    def health(self, health: pb.ComponentHealth) -> dict[str, object]:
        return {**super().health(health), "last_checkin_message": health.status}


@breaks("fleet.document.health:components")
class ComponentHealthMissing(FleetDocuments):
    """The health in the document has no components."""

    def health(self, health: pb.ComponentHealth) -> dict[str, object]:
        own = pb.ComponentHealth()
        own.CopyFrom(health)
        own.ClearField("component_health_map")
        return super().health(own)


@breaks("fleet.document.health:omitted", also=["fleet.document.kept"])
class MessageClearedByCheckIn(FleetDocuments):
    """A message without health clears last_checkin_message in the document."""

    _reported: Mapping[bytes, bytes] = MappingProxyType({})

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        text = super().document(record, enrolled_at, description)
        is_known = self._reported.get(record.instance_uid) == description.reported
        self._reported = {**self._reported, record.instance_uid: description.reported}
        return _changed(text, last_checkin_message="") if is_known and not record.reenrolled else text


@breaks("fleet.document.sequence-num:returned", also=["fleet.document.health"])
class ReportOfReturnedAgentLost(FleetCore):
    """The report with which an agent comes back to its old instance_uid only removes the mark from the document."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        return outcome._replace(put=(known._replace(reenrolled=False),)) if known.reenrolled else outcome


@breaks("fleet.document.configuration:at-once")
class PendingReportReplaced(FleetCore):
    """A check-in right after a report replaces the report, except for the sequence number."""

    _before: Mapping[bytes, tuple[float, AgentRecord]] = MappingProxyType({})

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        now, has_report = time.monotonic(), message.HasField("health") or message.HasField("effective_config")
        began, before = self._before.get(known.instance_uid, (0.0, known))
        if has_report:
            self._before = {**self._before, known.instance_uid: (now, known)}
        if has_report or now - began > _AT_ONCE_SECONDS:
            return outcome
        return outcome._replace(put=tuple(record._replace(reported=before.reported) for record in outcome.put))


@breaks("fleet.document.configuration:merged")
class ConfigurationMerged(FleetDocuments):
    """A configuration is merged with the one before."""

    _before: Mapping[bytes, dict[str, object]] = MappingProxyType({})

    def effective_config(self, record: AgentRecord, configurations: Mapping[str, object]) -> object:
        told = super().effective_config(record, configurations)
        merged = {**self._before.get(record.instance_uid, {}), **(told if isinstance(told, dict) else {})}
        self._before = {**self._before, record.instance_uid: merged}
        return merged


@breaks("fleet.document.configuration:among-several")
class ConfigurationWithAName(FleetDocuments):
    """Of several configurations, the document has one whose key is not empty."""

    def effective_config(self, record: AgentRecord, configurations: Mapping[str, object]) -> object:
        return configurations[max(configurations)]


@breaks("fleet.document.capabilities:first")
class FirstCapabilitiesKept(FleetDocuments):
    """The document keeps the first capabilities of an agent."""

    _first: Mapping[bytes, list[str]] = MappingProxyType({})

    def capabilities(self, record: AgentRecord) -> list[str]:
        self._first = {record.instance_uid: super().capabilities(record), **self._first}
        return self._first[record.instance_uid]


@breaks("fleet.document.health", also=["fleet.document.new-uid"])
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
        return _with_secrets(record, super().effective_config(record, configurations), lambda key, _: key == "value")


@breaks("fleet.document.secrets:no-texts")
class SecretsThatAreNoTextsStored(FleetDocuments):
    """Lists and numbers under keys of secrets are stored."""

    def effective_config(self, record: AgentRecord, configurations: Mapping[str, object]) -> object:
        cleaned = super().effective_config(record, configurations)
        return _with_secrets(record, cleaned, lambda _, value: not isinstance(value, str))


@breaks("fleet.document.secrets:capitals")
class SecretsInCapitalsStored(FleetDocuments):
    """Secrets are stored if their key has capital letters."""

    def effective_config(self, record: AgentRecord, configurations: Mapping[str, object]) -> object:
        return _with_secrets(
            record, super().effective_config(record, configurations), lambda key, _: key != key.lower()
        )


@breaks("fleet.document.secrets:later")
class SecretsOfLaterReportsStored(FleetDocuments):
    """The secrets are removed from the first configuration of an enrolled agent, but not from later ones."""

    _known: frozenset[bytes] = frozenset()

    def description(self, record: AgentRecord) -> Description:
        description = super().description(record)
        self._known |= {record.instance_uid}
        return description

    def effective_config(self, record: AgentRecord, configurations: Mapping[str, object]) -> object:
        cleaned, is_known = super().effective_config(record, configurations), record.instance_uid in self._known
        return _with_secrets(record, cleaned, lambda _, __: is_known)


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


@breaks("fleet.document.status:unhealthy-recoverable")
class RecoverableStatusFirst(FleetDocuments):
    """The status of an unhealthy agent with a recoverable error is degraded instead of error."""

    def status(self, status: pb.AgentToServer) -> str:
        is_recoverable = status.health.status == "StatusRecoverableError"
        return "degraded" if is_recoverable else super().status(status)


@breaks("fleet.document.reenrolled:time")
class ReenrolledMarkWithoutTime(FleetDocuments):
    """The old document of an agent that enrolls again is marked without the time of that."""

    def reenrolled(self, now: str) -> dict[str, object]:
        return {"audit_unenrolled_reason": "reenrolled"}


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


def _changed(document: str, **fields: object) -> str:
    """Return a document, as JSON, with other values of some fields."""
    return json.dumps({**json.loads(document), **fields})


def _with_secrets(record: AgentRecord, cleaned: object, is_stored: Callable[[str, object], bool]) -> object:
    """Return a configuration with those of its secrets that are stored, by their key and value."""
    import yaml  # noqa: PLC0415 (part of an extra)

    reported = pb.AgentToServer.FromString(record.reported)
    return _restored(cleaned, yaml.safe_load(reported.effective_config.config_map.config_map[""].body), is_stored)


def _restored(cleaned: Any, reported: Any, is_stored: Callable[[str, object], bool]) -> object:
    if isinstance(cleaned, dict):
        return {
            key: reported[key]
            if value == REDACTED and is_stored(key, reported[key])
            else _restored(value, reported[key], is_stored)
            for key, value in cleaned.items()
        }
    if isinstance(cleaned, list):
        return [_restored(*pair, is_stored) for pair in zip(cleaned, reported, strict=True)]
    return cleaned
