"""A store in the memory of the process."""

import heapq
from collections.abc import Awaitable, Callable, Mapping, Sequence

from opamp_mock_server.core.agent_state import AgentRecord, DesiredState
from opamp_mock_server.stores.store import DesiredStates, Peers, Store, StoreUnavailableError


class MemoryStore:
    """Records in a dictionary: they are always certain, and never in conflict."""

    checks_versions = False

    def __init__(self, most: int) -> None:
        """Keep at most ``most`` agents; for one more, the store is not available."""
        self._records: dict[bytes, AgentRecord] = {}
        self._most = most

    def __len__(self) -> int:
        return len(self._records)

    def all(self) -> list[AgentRecord]:
        """Return all records."""
        return list(self._records.values())

    def cached(self, instance_uid: bytes) -> tuple[AgentRecord | None, bool]:
        return self._records.get(instance_uid), True

    async def get(self, instance_uid: bytes) -> AgentRecord | None:
        return self._records.get(instance_uid)

    async def put(self, record: AgentRecord) -> None:
        records = self._records
        if len(records) >= self._most and record.instance_uid not in records:
            raise StoreUnavailableError("the number of agents has reached its limit")
        records[record.instance_uid] = record

    async def delete(self, instance_uid: bytes) -> None:
        self._records.pop(instance_uid, None)

    def delete_later(self, instance_uid: bytes) -> None:
        self._records.pop(instance_uid, None)

    async def list_after(self, after: bytes, limit: int) -> tuple[Sequence[AgentRecord], int]:
        behind = heapq.nsmallest(limit, (uid for uid in self._records if uid > after))
        return [self._records[uid] for uid in behind], len(self._records)

    async def clear(self) -> None:
        self._records.clear()


class MemoryDesiredStates:
    """Desired states in a dictionary."""

    def __init__(self) -> None:
        self._desired_states: dict[bytes, DesiredState] = {}

    async def get(self, instance_uid: bytes) -> DesiredState | None:
        return self._desired_states.get(instance_uid)

    async def put(self, instance_uid: bytes, desired: DesiredState) -> None:
        self._desired_states[instance_uid] = desired

    async def delete(self, instance_uid: bytes) -> None:
        self._desired_states.pop(instance_uid, None)

    async def clear(self) -> None:
        self._desired_states.clear()


class NoPeers:
    """An instance that is alone."""

    name = ""

    async def is_alive(self, name: str) -> bool:
        return False


class MemoryBackend:
    """A backend in the memory of the process."""

    def __init__(self, most_agents: int) -> None:
        self._records = MemoryStore(most_agents)
        self.store: Store = self._records
        self.desired_states: DesiredStates = MemoryDesiredStates()
        self.peers: Peers = NoPeers()

    async def open(self, on_change: Callable[[bytes], Awaitable[None]], has_connections: Callable[[], bool]) -> None:
        """Nothing is to be done."""

    async def close(self) -> None:
        """Nothing is to be done."""

    def gauges(self) -> Mapping[str, float]:
        return {"agents": len(self._records)}
