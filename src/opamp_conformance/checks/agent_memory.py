"""What a server has to know of one agent, as far as the exchanges show it.

Where they do not show it, the memory says so, and no check depends on it.
"""

from dataclasses import dataclass, field
from typing import Final

from opamp_proto import opamp_pb2 as pb

_PARTS: Final = (
    (pb.AgentCapabilities_ReportsHealth, "health"),
    (pb.AgentCapabilities_ReportsEffectiveConfig, "effective_config"),
    (pb.AgentCapabilities_ReportsRemoteConfig, "remote_config_status"),
    (pb.AgentCapabilities_ReportsPackageStatuses, "package_statuses"),
)
"""The parts of a full report, by the capability that an agent reports them with (Agent Status Compression)."""


ANY_CAPABILITIES: Final = (1 << 63) - 1
"""The capabilities of an agent that has not reported any yet."""


def is_full(message: pb.AgentToServer) -> bool:
    """Return whether a report leaves nothing out that its agent has to report."""
    return message.HasField("agent_description") and all(
        message.HasField(part) for bit, part in _PARTS if message.capabilities & bit
    )


@dataclass(slots=True)
class AgentMemory:
    """One agent by its instance_uid.

    ``sequence_num`` is that of the last message that the server has accepted, None if that is not certain.
    ``is_enrolled`` is None if it is not certain (fleet contract). The hashes are those that the agent reported last.
    """

    last_sent: pb.AgentToServer
    capabilities: int = ANY_CAPABILITIES
    sequence_num: int | None = None
    has_full_state: bool = False
    connection_id: bytes | None = None
    has_left: bool = False
    left_at: int | None = None
    """The sequence_num of its agent_disconnect, None unless that was its last message."""
    is_greeted: bool = True
    """Whether the server has told it its capabilities; false if it has only received errors."""
    is_enrolled: bool | None = False
    is_new: bool = False
    """Whether it has not used its new instance_uid yet, so that the server may know nothing of it under that."""
    custom_capabilities: frozenset[str] = field(default_factory=frozenset)
    config_hash: bytes = b""
    settings_hash: bytes = b""
    packages_hash: bytes = b""
    offered: pb.ServerToAgent = field(default_factory=pb.ServerToAgent)
    """What the server has offered to the agent so far; empty after the operator has changed something."""
    server_capabilities: bytes = b""
    """The custom capabilities that the server has announced to the agent, as bytes."""

    def is_next(self, message: pb.AgentToServer) -> bool:
        """Return whether a message certainly follows the last one that the server has accepted."""
        return self.sequence_num is not None and message.sequence_num == self.sequence_num + 1

    def is_after_gap(self, message: pb.AgentToServer) -> bool:
        """Return whether a message certainly does not follow the last one that the server has accepted.

        A message with the same number may be that message, which has been sent again.
        """
        expected = (self.sequence_num, None if self.sequence_num is None else self.sequence_num + 1)
        return self.sequence_num is not None and message.sequence_num not in expected

    def may_have_reported(self, message: pb.AgentToServer) -> None:
        """Note a message that the server may have read or not: it is open what the agent has acknowledged."""
        self.last_sent, self.left_at = message, None
        self.capabilities = message.capabilities or self.capabilities
        self.custom_capabilities |= frozenset(message.custom_capabilities.capabilities)
        self.config_hash = self.settings_hash = self.packages_hash = b""

    def report(self, message: pb.AgentToServer) -> None:
        """Note what the agent says about itself in a message that the server has processed."""
        self.last_sent = message
        self.capabilities = message.capabilities or self.capabilities
        if message.HasField("custom_capabilities"):
            self.custom_capabilities = frozenset(message.custom_capabilities.capabilities)
        if message.HasField("remote_config_status"):
            self.config_hash = message.remote_config_status.last_remote_config_hash
        if message.HasField("connection_settings_status"):
            self.settings_hash = message.connection_settings_status.last_connection_settings_hash
        if message.HasField("package_statuses"):
            self.packages_hash = message.package_statuses.server_provided_all_packages_hash

    def accept(self, message: pb.AgentToServer, reply: pb.ServerToAgent) -> None:
        """Note that the server has processed a message."""
        asks = bool(reply.flags & pb.ServerToAgentFlags_ReportFullState)
        self.has_full_state = is_full(message) or (self.has_full_state and not asks)
        self.has_left = message.HasField("agent_disconnect")
        self.is_greeted, self.is_new = True, False
        self.sequence_num = message.sequence_num
        self.left_at = message.sequence_num if self.has_left else None
        if self.has_left:  # A server may forget all about an agent that has disconnected.
            self.sequence_num = None
            self.config_hash = self.settings_hash = self.packages_hash = b""
            self.offered.Clear()
        if reply.HasField("custom_capabilities"):
            self.server_capabilities = reply.custom_capabilities.SerializeToString()
        if not self.has_left:
            self.is_enrolled = True
