"""Where the server keeps what it knows, and what several instances of it share."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from opamp_mock_server.records import AgentRecord, Plan

BREAKER_FAILURES: Final = 3
"""How many failures in a row are enough for the store to be left in peace."""


class Conflict(Exception):
    """Somebody else has written meanwhile: what was decided has to be decided again, on what is there now."""


class StoreUnavailable(Exception):
    """The store cannot keep or tell anything now; whether it has kept what it was given is not certain."""


class StoreRefused(Exception):
    """The store does not take this record, and will not later."""


class CannotStore(Exception):
    """The store cannot be used at all: it is not there, or does not take the credentials."""


@dataclass(frozen=True, slots=True)
class Elasticsearch:
    """An Elasticsearch to keep agents in. The URL may hold a user and password; it, the key and the token are secrets.

    The index is not Fleet Server's own by default: in a distribution that is for Fleet Server alone.
    ``is_queued`` has a message acknowledged before Elasticsearch has acknowledged its record, which is then lost
    with the process. After ``breaker_failures`` in a row it is left in peace for a while.
    """

    url: str
    index: str = "opamp-agents"
    api_key: str | None = None
    service_token: str | None = None
    ca: Path | None = None
    is_queued: bool = False
    breaker_failures: int = BREAKER_FAILURES

    @property
    def plans_index(self) -> str:
        """The index of what the operator wants."""
        return f"{self.index}-plans"

    @property
    def instances_index(self) -> str:
        """The index of the server's instances."""
        return f"{self.index}-instances"


class Store(Protocol):
    """The records of all enrolled agents, by instance_uid.

    ``AgentRecord.stored`` is the store's own note of the version that it holds; a record without one is new.
    ``checks_versions`` says whether a put fails if that version is not there any more, or the record is not new.
    """

    checks_versions: bool

    def recall(self, instance_uid: bytes) -> tuple[AgentRecord | None, bool]:
        """Return what is known without asking anybody, and whether that is certain.

        What is decided on the uncertain stands only if the record is put, which fails if it was not so.
        """

    async def get(self, instance_uid: bytes) -> AgentRecord | None:
        """Return the record as it is now, None for an agent that is not enrolled; raises StoreUnavailable."""

    async def put(self, record: AgentRecord) -> None:
        """Add a new record, or replace the version it was made from.

        Raises Conflict, StoreUnavailable or StoreRefused.
        """

    async def delete(self, instance_uid: bytes) -> None:
        """Remove a record, if there is one; raises StoreUnavailable."""

    def disown(self, instance_uid: bytes) -> None:
        """Have a record removed, whenever that can be done, of which a put did not end well.

        For an instance_uid that was never told to anybody.
        """

    async def listed(self, after: bytes, most: int) -> tuple[Sequence[AgentRecord], int]:
        """Return the records behind an instance_uid, in their order, and how many there are in all.

        Raises StoreUnavailable.
        """

    async def clear(self) -> None:
        """Remove every record; raises StoreUnavailable."""


class Plans(Protocol):
    """What the operator wants agents to have, by instance_uid, also for agents that are yet to come."""

    async def get(self, instance_uid: bytes) -> Plan | None:
        """Return the plan for an agent, None if there is none; raises StoreUnavailable."""

    async def put(self, instance_uid: bytes, plan: Plan) -> None:
        """Add a plan, or replace the version it was made from; raises Conflict or StoreUnavailable."""

    async def delete(self, instance_uid: bytes) -> None:
        """Remove a plan, if there is one; raises StoreUnavailable."""

    async def clear(self) -> None:
        """Remove every plan; raises StoreUnavailable."""


class Neighbours(Protocol):
    """The instances of the server that work on the same store."""

    name: str
    """What this instance is called in records, empty if it is alone."""

    async def is_alive(self, name: str) -> bool:
        """Tell whether an instance is at work now; that may take a second."""


class Backend(Protocol):
    """A store with all that belongs to it."""

    store: Store
    plans: Plans
    neighbours: Neighbours

    async def open(self, on_wish: Callable[[bytes], Awaitable[None]], has_guests: Callable[[], bool]) -> None:
        """Begin to work, in the loop that serves.

        ``on_wish`` is told whose plan has been changed by any instance; ``has_guests`` says whether agents have
        WebSockets open to this one.
        """

    async def close(self) -> None:
        """Finish what is under way, and let go."""

    def gauges(self) -> Mapping[str, float]:
        """Tell what is so now, by the names of metrics."""
