"""A store in the memory of the process."""

import heapq
from collections.abc import Awaitable, Callable, Mapping, Sequence

from opamp_mock_server.core.agent_state import AgentRecord, DesiredState
from opamp_mock_server.stores.store import DesiredStates, Peers, Store, StoreUnavailableError


class MemoryStore:
    """Records in a dictionary: they are always certain, and never in conflict."""

    checks_versions = False

    def __init__(self, most: int, most_bytes: int) -> None:
        """Keep at most ``most`` agents, whose reports have ``most_bytes``; for more, the store is not available."""
        self._records: dict[bytes, AgentRecord] = {}
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0

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
        records, known = self._records, self._records.get(record.instance_uid)
        if known is None and len(records) >= self._most:
            raise StoreUnavailableError("the number of agents has reached its limit")
        growth = record.size - (0 if known is None else known.size)
        if growth > 0 and self._bytes + growth > self._most_bytes:
            raise StoreUnavailableError("the reports of all agents have reached their limit")
        self._bytes += growth
        records[record.instance_uid] = record

    async def delete(self, instance_uid: bytes) -> None:
        self.delete_later(instance_uid)

    def delete_later(self, instance_uid: bytes) -> None:
        known = self._records.pop(instance_uid, None)
        self._bytes -= 0 if known is None else known.size

    async def list_after(self, after: bytes, limit: int) -> tuple[Sequence[AgentRecord], int]:
        behind = heapq.nsmallest(limit, (uid for uid in self._records if uid > after))
        return [self._records[uid] for uid in behind], len(self._records)

    async def clear(self) -> None:
        self._records.clear()
        self._bytes = 0


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

    lost = 0

    def __init__(self, most_agents: int, most_bytes: int) -> None:
        self._records = MemoryStore(most_agents, most_bytes)
        self.store: Store = self._records
        self.desired_states: DesiredStates = MemoryDesiredStates()
        self.peers: Peers = NoPeers()

    async def open(self, on_change: Callable[[bytes], Awaitable[None]], has_connections: Callable[[], bool]) -> None:
        """Nothing is to be done."""

    async def close(self) -> None:
        """Nothing is to be done."""

    def gauges(self) -> Mapping[str, float]:
        return {"agents": len(self._records)}
