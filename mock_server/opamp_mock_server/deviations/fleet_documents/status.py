"""Deviations from the documents of Fleet Server: health, status, and what has to stay as it is."""

from collections.abc import Mapping
from types import MappingProxyType

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.core.core import FleetCore, Outcome
from opamp_mock_server.deviations.fleet_documents.changes import changed
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.stores.fleet_documents import Description, FleetDocuments
from opamp_proto import opamp_pb2 as pb


@breaks("fleet.document.kept")
class PolicyLostAtDisconnect(FleetDocuments):
    """The document of a disconnected agent has no policy_id."""

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        text = super().document(record, enrolled_at, description)
        return text if record.connected else changed(text, policy_id="")


@breaks("fleet.document.kept:check-in")
class NamespacesLostAtCheckIn(FleetDocuments):
    """A message without a report removes the namespaces from the document of a connected agent."""

    _reported: Mapping[bytes, bytes] = MappingProxyType({})

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        text = super().document(record, enrolled_at, description)
        is_known = self._reported.get(record.instance_uid) == description.reported
        self._reported = {**self._reported, record.instance_uid: description.reported}
        return changed(text, namespaces=[]) if is_known and record.connected and not record.reenrolled else text


@breaks("fleet.document.kept:returned")
class AttributesLostAtReturn(FleetDocuments):
    """The document of an agent that comes back after agent_disconnect has no non-identifying attributes."""

    _disconnected: frozenset[bytes] = frozenset()

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        text = super().document(record, enrolled_at, description)
        self._disconnected |= frozenset() if record.connected else {record.instance_uid}
        has_returned = record.connected and record.instance_uid in self._disconnected
        return changed(text, non_identifying_attributes={}) if has_returned else text


@breaks("fleet.document.kept:marked")
class MarkedDocumentInactive(FleetDocuments):
    """A document that is marked as reenrolled is no longer active."""

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        text = super().document(record, enrolled_at, description)
        return changed(text, active=False) if record.reenrolled else text


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
        return changed(text, last_checkin_message="") if is_known and not record.reenrolled else text


@breaks("fleet.document.sequence-num:returned", also=["fleet.document.health"])
class ReportOfReturnedAgentLost(FleetCore):
    """The report with which an agent comes back to its old instance_uid only removes the mark from the document."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        return outcome._replace(put=(known._replace(reenrolled=False),)) if known.reenrolled else outcome


@breaks("fleet.document.health", also=["fleet.document.new-uid"])
class CheckinMessageMissing(FleetDocuments):
    """last_checkin_message in the document is always empty."""

    def health(self, health: pb.ComponentHealth) -> dict[str, object]:
        return {**super().health(health), "last_checkin_message": ""}


@breaks("fleet.document.sequence-num:disconnect")
class SequenceNumberLostAtDisconnect(FleetDocuments):
    """sequence_num in the document of a disconnected agent is 0."""

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        text = super().document(record, enrolled_at, description)
        return text if record.connected else text.replace(f'"sequence_num": {record.sequence_num}', '"sequence_num": 0')


@breaks("fleet.document.status:omitted")
class OmittedHealthIsOnline(FleetDocuments):
    """A message without health sets the status in the document to online."""

    _reported: Mapping[bytes, bytes] = MappingProxyType({})

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        if self._reported.get(record.instance_uid) == description.reported:
            description = description._replace(status="online")
        self._reported = {**self._reported, record.instance_uid: description.reported}
        return super().document(record, enrolled_at, description)


@breaks("fleet.document.sequence-num")
class SequenceNumberAlwaysOne(FleetDocuments):
    """sequence_num in the document is always 1."""

    def document(self, record: AgentRecord, enrolled_at: str, description: Description) -> str:
        text = super().document(record, enrolled_at, description)
        return text.replace(f'"sequence_num": {record.sequence_num}', '"sequence_num": 1', 1)


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
