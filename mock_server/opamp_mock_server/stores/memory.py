"""Everything in the memory of one process, and gone with it."""

import heapq
from collections.abc import Awaitable, Callable, Mapping, Sequence

from opamp_mock_server.records import AgentRecord, Plan
from opamp_mock_server.stores import Neighbours, Plans, Store, StoreUnavailable


class MemoryStore:
    """The records in a dictionary: always certain, never in conflict."""

    checks_versions = False

    def __init__(self, most: int) -> None:
        """Keep ``most`` agents and no more: one too many is told that the store is not available."""
        self._records: dict[bytes, AgentRecord] = {}
        self._most = most

    def __len__(self) -> int:
        return len(self._records)

    def all(self) -> list[AgentRecord]:
        """Return every record there is."""
        return list(self._records.values())

    def recall(self, instance_uid: bytes) -> tuple[AgentRecord | None, bool]:
        return self._records.get(instance_uid), True

    async def get(self, instance_uid: bytes) -> AgentRecord | None:
        return self._records.get(instance_uid)

    async def put(self, record: AgentRecord) -> None:
        records = self._records
        if len(records) >= self._most and record.instance_uid not in records:
            raise StoreUnavailable("there are as many agents as may be kept")
        records[record.instance_uid] = record

    async def delete(self, instance_uid: bytes) -> None:
        self._records.pop(instance_uid, None)

    def disown(self, instance_uid: bytes) -> None:
        self._records.pop(instance_uid, None)

    async def listed(self, after: bytes, most: int) -> tuple[Sequence[AgentRecord], int]:
        behind = heapq.nsmallest(most, (uid for uid in self._records if uid > after))
        return [self._records[uid] for uid in behind], len(self._records)

    async def clear(self) -> None:
        self._records.clear()


class MemoryPlans:
    """The plans in a dictionary."""

    def __init__(self) -> None:
        self._plans: dict[bytes, Plan] = {}

    async def get(self, instance_uid: bytes) -> Plan | None:
        return self._plans.get(instance_uid)

    async def put(self, instance_uid: bytes, plan: Plan) -> None:
        self._plans[instance_uid] = plan

    async def delete(self, instance_uid: bytes) -> None:
        self._plans.pop(instance_uid, None)

    async def clear(self) -> None:
        self._plans.clear()


class Alone:
    """No neighbours."""

    name = ""

    async def is_alive(self, name: str) -> bool:
        return False


class MemoryBackend:
    """A backend that lives and dies with the process."""

    def __init__(self, most_agents: int) -> None:
        self._records = MemoryStore(most_agents)
        self.store: Store = self._records
        self.plans: Plans = MemoryPlans()
        self.neighbours: Neighbours = Alone()

    async def open(self, on_wish: Callable[[bytes], Awaitable[None]], has_guests: Callable[[], bool]) -> None:
        """Nothing is to be done."""

    async def close(self) -> None:
        """Nothing is to be done."""

    def gauges(self) -> Mapping[str, float]:
        return {"agents": len(self._records)}
