"""What agents report, and what the server keeps or requests again (Status Reporting, Agent Status Compression)."""

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.core.chapter import Chapter
from opamp_proto import opamp_pb2 as pb

_REPORT_FULL_STATE = int(pb.ServerToAgentFlags_ReportFullState)

# The parts that an agent may leave out while they do not change, each with its bit of AgentRecord.parts.
_PARTS = (
    (0x01, "agent_description"),
    (0x02, "health"),
    (0x04, "effective_config"),
    (0x08, "remote_config_status"),
    (0x10, "package_statuses"),
    (0x20, "custom_capabilities"),
    (0x40, "available_components"),
    (0x80, "connection_settings_status"),
)
_DESCRIPTION = 0x01
_REMEMBERED = 0xF8
"""The parts of which the record has fields of its own: hashes and names."""

# The part of the status that an agent with a capability has to report (AgentCapabilities).
_REPORTED_WITH = (
    (int(pb.AgentCapabilities_ReportsHealth), 0x02),
    (int(pb.AgentCapabilities_ReportsEffectiveConfig), 0x04),
    (int(pb.AgentCapabilities_ReportsRemoteConfig), 0x08),
    (int(pb.AgentCapabilities_ReportsPackageStatuses), 0x10),
)


class StatusReporting(Chapter):
    """How the server processes reports."""

    def announced(self) -> int:
        """Return the capabilities that the server announces (ServerToAgent.capabilities)."""
        return self.capabilities

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        """Return ReportFullState if a report may be missing, otherwise 0."""
        if known is not None and message.sequence_num == known.sequence_num + 1:
            return 0
        return 0 if self.is_full_report(message) else _REPORT_FULL_STATE

    def is_full_report(self, message: pb.AgentToServer) -> bool:
        reported, capabilities = _parts(message), message.capabilities
        due = _DESCRIPTION
        for bit, part in _REPORTED_WITH:
            if capabilities & bit:
                due |= part
        return reported & due == due

    def has_restarted(self, known: AgentRecord, message: pb.AgentToServer) -> bool:
        """Return whether the agent has restarted, so that it does not know what the server announced."""
        return message.sequence_num <= known.sequence_num and message.HasField("agent_description")

    def record(self, known: AgentRecord | None, message: pb.AgentToServer) -> AgentRecord:
        """Return the record of an agent after a message from it."""
        if known is None:
            known = AgentRecord(message.instance_uid, 0)
        parts = _parts(message)
        record = known._replace(
            sequence_num=message.sequence_num,
            connected=True,
            capabilities=self.capabilities_of(known, message),
            reported=self.status(known, message, parts) if parts else known.reported,
            parts=known.parts | parts,
            reenrolled=False,
        )
        return self.note_reported_hashes(record, message, _names(parts)) if parts & _REMEMBERED else record

    def status(self, known: AgentRecord, message: pb.AgentToServer, parts: int) -> bytes:
        """Return the status after a message. If the message has every known part, it replaces the status."""
        if parts & known.parts == known.parts:
            return message.SerializeToString()
        return self.merged(known.reported, message, _names(parts))

    def after_connection_end(self, known: AgentRecord) -> AgentRecord:
        """Return the record of an agent whose WebSocket has ended."""
        return known._replace(connected=False)

    def capabilities_of(self, known: AgentRecord, message: pb.AgentToServer) -> int:
        """Return the capabilities of an agent. After it has reported them, it may leave them out."""
        return message.capabilities or known.capabilities

    def note_reported_hashes(self, record: AgentRecord, message: pb.AgentToServer, reported: list[str]) -> AgentRecord:
        """Return the record with the hashes and names of the reported parts."""
        for part in reported:
            match part:
                case "remote_config_status":
                    status = message.remote_config_status
                    record = record._replace(remote_config_hash=status.last_remote_config_hash)
                case "connection_settings_status":
                    settings = message.connection_settings_status
                    record = record._replace(connection_settings_hash=settings.last_connection_settings_hash)
                case "package_statuses":
                    packages = message.package_statuses
                    record = record._replace(packages_hash=packages.server_provided_all_packages_hash)
                case "custom_capabilities":
                    record = record._replace(custom_capabilities=tuple(message.custom_capabilities.capabilities))
                case "available_components" if message.available_components.components:
                    record = record._replace(components_hash=message.available_components.hash)
        return record

    def merged(self, known: bytes, message: pb.AgentToServer, reported: list[str]) -> bytes:
        """Return the status after a message that left out unchanged parts."""
        status = pb.AgentToServer.FromString(known)
        for part in reported:
            status.ClearField(part)
            getattr(status, part).CopyFrom(getattr(message, part))
        return status.SerializeToString()


def _parts(message: pb.AgentToServer) -> int:
    """Return the parts of the status that a message reports, as bits."""
    has, parts = message.HasField, 0
    for bit, part in _PARTS:
        if has(part):
            parts |= bit
    return parts


def _names(parts: int) -> list[str]:
    return [name for bit, name in _PARTS if parts & bit]
