"""A store that acknowledges what it has queued: faster, and what is queued is lost with the process."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Final

from opamp_mock_server.records import AgentRecord
from opamp_mock_server.stores import Conflict, Store, StoreRefused, StoreUnavailable

_MOST_QUEUED: Final = 10_000
_AT_ONCE: Final = 500
_PAUSE_SECONDS: Final = 0.5
_DRAIN_SECONDS: Final = 10


_log = logging.getLogger("opamp_mock_server.store")


class QueuedStore:
    """Puts records later, the last one of each agent; if somebody else has written meanwhile, over that."""

    checks_versions = False

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queued: dict[bytes, AgentRecord] = {}
        self._under_way: dict[bytes, AgentRecord] = {}
        self._worker: asyncio.Task[None] | None = None

    def recall(self, instance_uid: bytes) -> tuple[AgentRecord | None, bool]:
        queued = self._queued.get(instance_uid) or self._under_way.get(instance_uid)
        return self._store.recall(instance_uid) if queued is None else (queued, True)

    async def get(self, instance_uid: bytes) -> AgentRecord | None:
        queued = self._queued.get(instance_uid) or self._under_way.get(instance_uid)
        return await self._store.get(instance_uid) if queued is None else queued

    async def put(self, record: AgentRecord) -> None:
        if len(self._queued) >= _MOST_QUEUED:
            raise StoreUnavailable("the queue is full")
        self._queued[record.instance_uid] = record
        self._start()

    async def delete(self, instance_uid: bytes) -> None:
        self._queued.pop(instance_uid, None)
        await self._store.delete(instance_uid)

    def disown(self, instance_uid: bytes) -> None:
        self._queued.pop(instance_uid, None)

    async def listed(self, after: bytes, most: int) -> tuple[Sequence[AgentRecord], int]:
        """Return what has been written: what is queued is not waited for."""
        return await self._store.listed(after, most)

    async def clear(self) -> None:
        self._queued.clear()
        await self.drain()
        await self._store.clear()

    async def drain(self) -> None:
        """Put what is queued, for as long as may be waited for that."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while self._queued or self._under_way:
                    await asyncio.wait([self._start()])

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
            _log.warning("a record that was queued cannot be written: %r", error)
        finally:
            self._under_way.pop(record.instance_uid, None)

    async def _put_at_last(self, record: AgentRecord) -> None:
        now, _ = self._store.recall(record.instance_uid)
        while True:
            try:
                return await self._store.put(record._replace(stored=None if now is None else now.stored))
            except StoreUnavailable:
                await asyncio.sleep(_PAUSE_SECONDS)
            except Conflict:
                pass
            with contextlib.suppress(StoreUnavailable):
                now = await self._store.get(record.instance_uid)
            if now is not None and now.policy_id != record.policy_id:
                raise StoreRefused("the agent was enrolled under another policy meanwhile")
