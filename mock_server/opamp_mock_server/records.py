"""What the server knows of an agent, and what its operator wants the agent to have."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

from opamp_proto import opamp_pb2 as pb

DEFAULT_POLICY: Final = "default"
"""The policy of agents whose enrollment key names none."""


class AgentRecord(NamedTuple):
    """One enrolled agent.

    ``sequence_num`` is that of the last message taken from it; ``connected`` turns false with
    agent_disconnect, or with the end of its WebSocket. A disconnected agent stays enrolled.
    ``reported`` is a serialized AgentToServer with the last known value of each part of the status, and
    ``parts`` has a bit for each of them.
    The hashes are those that the agent reported last, or was offered since; ``components_hash`` is
    that of the available components it has described in full.
    ``policy_id`` is that of the enrollment key it came with. ``reenrolled`` says that it has been given
    another instance_uid, and has not spoken under this one since. ``instance`` names the instance of the server
    that its WebSocket is open to; ``stored`` is the store's.
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


class Trouble(Enum):
    """What keeps the server from processing the next message of an agent."""

    OVERLOADED = "overloaded"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Package:
    """A package for an agent, with the content of its file; ``type`` is a PackageType."""

    type: int
    version: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """What the operator wants an agent to have: what to offer, and what is yet to be done once.

    ``hang_up`` is for the instance that the agent's WebSocket is open to; ``stored`` is the store's.
    """

    remote_config: pb.AgentConfigMap | None = None
    connection_settings: pb.ConnectionSettingsOffers | None = None
    packages: Mapping[str, Package] = field(default_factory=dict)
    custom_messages: tuple[pb.CustomMessage, ...] = ()
    restart: bool = False
    trouble: Trouble | None = None
    hang_up: bool = False
    stored: object = field(default=None, compare=False)


NO_PLAN = Plan()
