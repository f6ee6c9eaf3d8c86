"""The servers that can be graded: the bundled mock server, Fleet Server, or any URL."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.targets.elasticsearch import ElasticsearchAccess

ENDPOINT_PATH: Final = "/v1/opamp"
"""The path of a server's endpoint, unless its URL has another one."""


@dataclass(frozen=True)
class Tls:
    """PEM files for TLS: the authorities to trust, and the client's certificate and key."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


@dataclass(frozen=True)
class FleetAgents:
    """Where a target keeps documents like Fleet Server's ``.fleet-agents``, and what belongs to the run's key.

    ``patience`` is how many seconds a document may lag behind the messages.
    """

    access: ElasticsearchAccess
    index: str
    policy_id: str
    namespaces: tuple[str, ...]
    patience: float


@dataclass(frozen=True)
class OtherKeys:
    """Authorization headers that must not enroll an agent. They are secrets; None if there is no such key."""

    ordinary: str | None = None
    """With a valid API key that is no enrollment key."""
    retired: str | None = None
    """With an enrollment key that was retired."""

    @property
    def secrets(self) -> Mapping[str, str]:
        keys = {"the ordinary key": self.ordinary, "the retired key": self.retired}
        return {name: key for name, key in keys.items() if key is not None}


@dataclass(frozen=True)
class Endpoint:
    """A server that can be reached. Header values are secrets.

    ``control`` is the URL of its control plane (docs/control-plane.md), None if it has none. ``others`` are the URLs of
    other instances of it, ``version`` is its own version, if it is known. ``agent_attributes`` are attributes that it
    needs to know of an agent, in addition to the ordinary ones. ``message_limit`` is the largest message that it reads,
    in bytes, if that is known.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    tls: Tls = Tls()
    control: str | None = None
    others: tuple[str, ...] = ()
    version: str | None = None
    fleet_agents: FleetAgents | None = None
    agent_attributes: Mapping[str, str] = field(default_factory=dict)
    message_limit: int | None = None
    other_keys: OtherKeys = OtherKeys()

    @property
    def secrets(self) -> Mapping[str, str]:
        """The values that must not be shown: headers, keys, and the credentials for Elasticsearch."""
        behind = {} if self.fleet_agents is None else self.fleet_agents.access.secrets
        return {**behind, **self.other_keys.secrets, **self.headers}


class Target(Protocol):
    """A server under test, from its start to its end."""

    @property
    def name(self) -> str:
        """Its name in reports."""

    @property
    def contracts(self) -> Sequence[Contract]:
        """The contracts that it is graded by, without other options."""

    @property
    def is_shared(self) -> bool:
        """Whether others may depend on it, so that disruptive scenarios need an option."""

    @property
    def arguments(self) -> Sequence[str]:
        """The options of ``run`` that choose it again, without secrets."""

    def start(self) -> AbstractContextManager[Endpoint]:
        """Make the server reachable in the ``with`` block."""
