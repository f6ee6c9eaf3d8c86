"""Where records of agents are kept."""

from typing import Protocol

from opamp_mock_server.records import AgentRecord


class Store(Protocol):
    """The records of all enrolled agents, by instance_uid."""

    async def get(self, instance_uid: bytes) -> AgentRecord | None:
        """Return the record, or None for an agent that is not enrolled."""

    async def put(self, record: AgentRecord) -> None:
        """Add a record, or replace the one with the same instance_uid."""

    async def delete(self, instance_uid: bytes) -> None:
        """Remove a record, if there is one."""


class MemoryStore:
    """A store that lives and dies with the process."""

    def __init__(self) -> None:
        self._records: dict[bytes, AgentRecord] = {}

    async def get(self, instance_uid: bytes) -> AgentRecord | None:
        return self._records.get(instance_uid)

    async def put(self, record: AgentRecord) -> None:
        self._records[record.instance_uid] = record

    async def delete(self, instance_uid: bytes) -> None:
        self._records.pop(instance_uid, None)
