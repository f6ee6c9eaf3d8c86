"""What the checks remember of an agent, and of a conversation with it."""

from dataclasses import dataclass, field
from typing import Final

from opamp_agent_checks.traffic import Received
from opamp_proto import opamp_pb2 as pb

_MOST_UIDS: Final = 16
"""After so many earlier instance_uids of one agent, all of them are forgotten."""
_MOST_PROVOCATIONS: Final = 16


@dataclass
class Conversation:
    """One WebSocket, or all HTTP requests of an agent: what was last sent and answered.

    ``parts`` are the last status parts, and ``last_message`` is the last message, as ``fingerprint`` makes them. Times
    are None for "never".
    """

    messages: int = 0
    sequence_num: int | None = None
    repeated_numbers: int = 0
    last_message: bytes = b""
    last_content: bytes = b""
    """The last message without its sequence number."""
    is_repetition: bool = False
    """Whether the last message was equal to the one before, but for its number."""
    parts: dict[str, bytes] = field(default_factory=dict)
    reported_hashes: set[bytes] = field(default_factory=set)
    full_state_asked_at: float | None = None
    """When the full state was asked for that has not come yet."""
    messages_since_asked: int = 0
    """How many messages have come since then, without the full state."""
    last_asked_at: float = float("-inf")
    """When the full state was last asked for."""
    was_refused_as_bad: bytes = b""
    acknowledged_at: float | None = None
    idle_reports: int = 0
    has_left: bool = False
    last_answer_was_error: bool = False
    bare_since: float = 0.0
    """When the first of the last messages came that have nothing to report, each after an acknowledgement."""
    bare_messages: int = 0
    """How many these are."""
    is_order_known: bool = True
    """False after requests that were refused unread: they may have used up sequence numbers."""


@dataclass
class Agent:
    """One agent: what it was given and offered, over all its conversations."""

    http: Conversation = field(default_factory=Conversation)
    websockets: dict[int, float] = field(default_factory=dict)
    """When its first message came on each open WebSocket."""
    open_requests: dict[int, Received] = field(default_factory=dict)
    """Requests over HTTP without a response, by the id of their connection."""
    wait_until: float | None = None
    wait_requirement: str = ""
    waits_since: float = 0.0
    refused_since: float = 0.0
    """When the first of the last requests came that were refused without a time to wait."""
    refused_requests: int = 0
    """How many these are."""
    new_uid: bytes = b""
    new_uid_at: float = 0.0
    given_up_uids: set[bytes] = field(default_factory=set)
    """The instance_uids that the server has replaced."""
    config_hashes: set[bytes] = field(default_factory=set)
    settings_hashes: set[bytes] = field(default_factory=set)
    offered_at: float = float("-inf")
    offered_interval: tuple[bytes, int] = (b"", 0)
    """The hash of the last OpAMP settings, and their interval of heartbeats in seconds."""
    interval: int = 0
    """The interval of heartbeats in seconds that the agent has certainly accepted, 0 for none."""
    custom_capabilities: set[str] | None = field(default_factory=set)
    """What the agent has announced, each shortened; None if that is too much to remember."""
    server_custom_capabilities: set[str] = field(default_factory=set)
    new_connections: int = 0
    """How often the agent may still begin anew over HTTP, because of offered settings."""
    unaccepted: frozenset[str] = frozenset()
    """The parts that the server does not accept, as far as it has announced capabilities."""
    capabilities_at: float = float("-inf")
    has_reported: bool = False
    sequence_num: int | None = None
    """The number of its last message, on any connection."""
    last_message: bytes = b""
    """That message, as ``fingerprint`` makes it."""
    has_left: bool = False
    """Whether that message was an agent_disconnect."""
    has_closed: bool = False
    """Whether the agent has ended its last connection by a Close frame, so that nothing is lost with it."""
    provocations: list[str] = field(default_factory=list)
    """What the server did wrong on purpose, each once."""

    @property
    def provoked_by(self) -> str:
        """What may have provoked a breach, empty if nothing has."""
        return ", ".join(self.provocations)

    def provoke(self, by: str) -> None:
        """Note what the server does wrong on purpose, in a list with commas; empty for nothing."""
        for one in by.split(", ") if by else ():
            if one not in self.provocations and len(self.provocations) < _MOST_PROVOCATIONS:
                self.provocations.append(one)

    def give_up(self, uid: bytes, new_uid: bytes) -> None:
        """Note that the server has replaced an instance_uid by another one."""
        if len(self.given_up_uids) >= _MOST_UIDS:
            self.given_up_uids.clear()
        self.given_up_uids.add(uid)
        self.given_up_uids.discard(new_uid)

    def wait(self, requirement: str, since: float, seconds: float) -> None:
        """Note that the server asks the agent to wait."""
        self.wait_requirement, self.waits_since, self.wait_until = requirement, since, since + seconds

    def refused(self, at: float, seconds: float | None) -> None:
        """Note that a request was refused, and how long the server asks to wait; None without that."""
        self.refused_requests = self.refused_requests + 1 if seconds is None else 0
        if self.refused_requests == 1:
            self.refused_since = at
        if seconds is not None:
            self.wait("throttle.http-retry-after-time", at, seconds)

    def accepted(self, message: pb.AgentToServer) -> None:
        """Note the interval of heartbeats that the agent says to have accepted, if it sends any."""
        status, (offered, seconds) = message.connection_settings_status, self.offered_interval
        is_applied = status.status == pb.ConnectionSettingsStatuses_APPLIED
        has_heartbeats = message.capabilities & pb.AgentCapabilities_ReportsHeartbeat
        if offered and status.last_connection_settings_hash == offered and is_applied and has_heartbeats:
            self.interval = seconds

    def offered(self, message: pb.ServerToAgent, at: float) -> None:
        """Note what the server offers and announces."""
        if message.HasField("remote_config") or message.HasField("connection_settings"):
            self.offered_at = at
        if message.HasField("remote_config"):
            self.config_hashes.add(message.remote_config.config_hash)
        if message.connection_settings.HasField("opamp"):
            self.new_connections = 2  # With the new settings, and back with the old ones.
            opamp = message.connection_settings.opamp
            self.interval = 0
            self.offered_interval = (message.connection_settings.hash, opamp.heartbeat_interval_seconds)
        if message.HasField("connection_settings"):
            self.settings_hashes.add(message.connection_settings.hash)
        if message.HasField("custom_capabilities"):
            self.server_custom_capabilities = set(message.custom_capabilities.capabilities)
