"""The record of an agent, and its desired state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

from opamp_proto import opamp_pb2 as pb

_BYTES_OF_A_TEXT: Final = 64
"""What a short text takes in memory, beside its characters: many of them are much larger than in a message."""

DEFAULT_POLICY: Final = "default"
"""The policy of agents whose enrollment key names none."""

DEFAULT_NAMESPACES: Final = ("default",)
"""The namespaces of a policy whose enrollment keys name none."""


class AgentRecord(NamedTuple):
    """One enrolled agent.

    ``sequence_num`` is that of the last message from it. ``connected`` becomes false with agent_disconnect, or when its
    WebSocket ends; a disconnected agent stays enrolled. ``reported`` is a serialized AgentToServer with the last known
    value of each part of the status, and ``parts`` has one bit for each of these parts. The hashes are those that the
    agent reported last, or was offered since. ``components_hash`` belongs to the available components that the agent
    has described in full. ``policy_id`` is that of its enrollment key. ``reenrolled`` means that it got another
    instance_uid and has not used this one since. ``instance`` names the instance of the server that its WebSocket is
    open to. ``stored`` is a note of the store.
    """

    instance_uid: bytes
    sequence_num: int
    connected: bool = True
    capabilities: int = 0
    reported: bytes = b""
    parts: int = 0
    remote_config_hash: bytes = b""
    connection_settings_hash: bytes = b""
    packages_hash: bytes = b""
    components_hash: bytes = b""
    custom_capabilities: tuple[str, ...] = ()
    policy_id: str = DEFAULT_POLICY
    reenrolled: bool = False
    instance: str = ""
    stored: object = None

    @property
    def size(self) -> int:
        """About how many bytes of memory the parts take whose size the agent chooses."""
        return len(self.reported) + _BYTES_OF_A_TEXT * len(self.custom_capabilities)


class Fault(Enum):
    """The reason why the server does not process the next message of an agent."""

    OVERLOADED = "overloaded"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Package:
    """A package for an agent, with the content of its file. ``type`` is a PackageType."""

    type: int
    version: str
    content: bytes


@dataclass(frozen=True, slots=True)
class DesiredState:
    """The desired state of an agent, from its operator: the offers, and the actions that are done once.

    ``close_connection`` is for the instance that the agent's WebSocket is open to. ``stored`` is a note of the store.
    """

    remote_config: pb.AgentConfigMap | None = None
    connection_settings: pb.ConnectionSettingsOffers | None = None
    packages: Mapping[str, Package] = field(default_factory=dict)
    custom_messages: tuple[pb.CustomMessage, ...] = ()
    restart: bool = False
    fault: Fault | None = None
    close_connection: bool = False
    stored: object = field(default=None, compare=False)


NOTHING_DESIRED = DesiredState()
