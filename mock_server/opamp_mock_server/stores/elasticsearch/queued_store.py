"""A store that acknowledges records before they are written. It is faster, but loses them if the process ends."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Final

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.stores.store import ConflictError, Store, StoreRefusedError, StoreUnavailableError

_MOST_QUEUED: Final = 10_000
_MOST_BYTES: Final = 256 * 1024 * 1024
_AT_ONCE: Final = 500
_PAUSE_SECONDS: Final = 0.5
_DRAIN_SECONDS: Final = 10


_log = logging.getLogger("opamp_mock_server.store")


class QueuedStore:
    """Writes the last record of each agent later. If another writer was faster, it overwrites that record."""

    checks_versions = False

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queued: dict[bytes, AgentRecord] = {}
        self._under_way: dict[bytes, AgentRecord] = {}
        self._worker: asyncio.Task[None] | None = None
        self._bytes = 0
        """The bytes of all records that are queued or under way."""
        self.lost = 0
        """How many acknowledged records are not in the store, and never will be."""

    def cached(self, instance_uid: bytes) -> tuple[AgentRecord | None, bool]:
        queued = self._queued.get(instance_uid) or self._under_way.get(instance_uid)
        return self._store.cached(instance_uid) if queued is None else (queued, True)

    async def get(self, instance_uid: bytes) -> AgentRecord | None:
        queued = self._queued.get(instance_uid) or self._under_way.get(instance_uid)
        return await self._store.get(instance_uid) if queued is None else queued

    async def put(self, record: AgentRecord) -> None:
        if len(self._queued) >= _MOST_QUEUED or self._bytes > _MOST_BYTES:
            raise StoreUnavailableError("the queue is full")
        self._take(record.instance_uid)
        self._queued[record.instance_uid] = record
        self._bytes += record.size
        self._start()

    async def delete(self, instance_uid: bytes) -> None:
        self._take(instance_uid)
        await self._store.delete(instance_uid)

    def delete_later(self, instance_uid: bytes) -> None:
        self._take(instance_uid)

    async def list_after(self, after: bytes, limit: int) -> tuple[Sequence[AgentRecord], int]:
        """Return records that were written, without those in the queue."""
        return await self._store.list_after(after, limit)

    async def clear(self) -> None:
        for instance_uid in list(self._queued):
            self._take(instance_uid)
        await self.drain()
        await self._store.clear()

    async def drain(self) -> None:
        """Write the queued records, within a time limit; those that are left are lost."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while self._queued or self._under_way:
                    await asyncio.wait([self._start()])
        self.lost += len({**self._queued, **self._under_way})

    def _take(self, instance_uid: bytes) -> None:
        """Drop a record from the queue, if it is there."""
        record = self._queued.pop(instance_uid, None)
        self._bytes -= 0 if record is None else record.size

    def _start(self) -> "asyncio.Task[None]":
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return self._worker

    async def _work(self) -> None:
        while self._queued:
            for instance_uid in list(self._queued)[:_AT_ONCE]:
                self._under_way[instance_uid] = self._queued.pop(instance_uid)
            await asyncio.gather(*(self._put(record) for record in list(self._under_way.values())))

    async def _put(self, record: AgentRecord) -> None:
        try:
            await self._put_at_last(record)
        except Exception as error:
            _log.warning("a queued record cannot be written: %r", error)
            self.lost += 1
        finally:
            del self._under_way[record.instance_uid]
            self._bytes -= record.size

    async def _put_at_last(self, record: AgentRecord) -> None:
        now, _ = self._store.cached(record.instance_uid)
        while True:
            try:
                return await self._store.put(record._replace(stored=None if now is None else now.stored))
            except StoreUnavailableError:
                await asyncio.sleep(_PAUSE_SECONDS)
            except ConflictError:
                pass
            with contextlib.suppress(StoreUnavailableError):
                now = await self._store.get(record.instance_uid)
            if now is not None and now.policy_id != record.policy_id:
                raise StoreRefusedError("the agent was enrolled under another policy meanwhile")
