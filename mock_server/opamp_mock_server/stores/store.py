"""The interface of a store: it keeps the records of agents and their desired states, for one instance or several."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from opamp_mock_server.core.agent_state import AgentRecord, DesiredState
from opamp_mock_server.errors import MockServerError


class ConflictError(MockServerError):
    """Another writer was faster: decide again, based on the record as it is now."""


class StoreUnavailableError(MockServerError):
    """The store does not work now. It is not certain whether it has kept the last record."""


class StoreRefusedError(MockServerError):
    """The store does not accept this record, now or later."""


class StoreSetupError(MockServerError):
    """The store cannot be used at all: it is not there, or it rejects the credentials."""


class Store(Protocol):
    """The records of all enrolled agents, by instance_uid.

    ``AgentRecord.stored`` is a note of the store: the version that it holds. A record without one is new. If
    ``checks_versions``, put() fails if the store holds another version than that.
    """

    checks_versions: bool

    def cached(self, instance_uid: bytes) -> tuple[AgentRecord | None, bool]:
        """Return the record that this process remembers, and whether it is certainly the current one.

        A decision that is based on an uncertain record is valid only after put() has accepted it.
        """

    async def get(self, instance_uid: bytes) -> AgentRecord | None:
        """Return the current record, None for an agent that is not enrolled. Raises StoreUnavailableError."""

    async def put(self, record: AgentRecord) -> None:
        """Add a new record, or replace the version that it was made from.

        Raises ConflictError, StoreUnavailableError or StoreRefusedError.
        """

    async def delete(self, instance_uid: bytes) -> None:
        """Delete a record, if it exists. Raises StoreUnavailableError."""

    def delete_later(self, instance_uid: bytes) -> None:
        """Delete a record as soon as possible, after a put() whose result is not known.

        For an instance_uid that no agent has received.
        """

    async def list_after(self, after: bytes, limit: int) -> tuple[Sequence[AgentRecord], int]:
        """Return records that follow an instance_uid, in order, and the number of all records.

        Raises StoreUnavailableError.
        """

    async def clear(self) -> None:
        """Delete every record. Raises StoreUnavailableError."""


class DesiredStates(Protocol):
    """The desired states of agents, by instance_uid; the agents need not be enrolled yet."""

    async def get(self, instance_uid: bytes) -> DesiredState | None:
        """Return the desired state of an agent, None if there is none. Raises StoreUnavailableError."""

    async def put(self, instance_uid: bytes, desired: DesiredState) -> None:
        """Add a desired state, or replace the version that it was made from.

        Raises ConflictError or StoreUnavailableError.
        """

    async def delete(self, instance_uid: bytes) -> None:
        """Delete a desired state, if it exists. Raises StoreUnavailableError."""

    async def clear(self) -> None:
        """Delete every desired state. Raises StoreUnavailableError."""


class Peers(Protocol):
    """The other instances of the server that use the same store."""

    name: str
    """The name of this instance in records, empty if it has no peers."""

    async def is_alive(self, name: str) -> bool:
        """Return whether an instance works now; that may take a second."""


class Backend(Protocol):
    """A store with everything that belongs to it."""

    store: Store
    desired_states: DesiredStates
    peers: Peers

    @property
    def lost(self) -> int:
        """How many agents had their last report acknowledged, but not written, when the backend was closed."""

    async def open(self, on_change: Callable[[bytes], Awaitable[None]], has_connections: Callable[[], bool]) -> None:
        """Start to work, in the loop that serves.

        ``on_change`` gets the instance_uid of each agent whose desired state has changed, on any instance.
        ``has_connections`` returns whether agents have WebSockets open to this instance.
        """

    async def close(self) -> None:
        """Finish the work in progress, and close all connections."""

    def gauges(self) -> Mapping[str, float]:
        """Return current values, by the names of metrics."""
