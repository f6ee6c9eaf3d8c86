"""A store that any number of instances share: an index of Elasticsearch."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import yaml  # noqa: F401 # what is kept of configurations needs it: better missed at the start

from opamp_mock_server.stores import Elasticsearch, Neighbours, Plans, Store
from opamp_mock_server.stores.documents import Documents
from opamp_mock_server.stores.elasticsearch.breaker import CircuitBreaker
from opamp_mock_server.stores.elasticsearch.cluster import client_of, set_up
from opamp_mock_server.stores.elasticsearch.neighbours import ElasticsearchNeighbours
from opamp_mock_server.stores.elasticsearch.plans import ElasticsearchPlans
from opamp_mock_server.stores.elasticsearch.queued import QueuedStore
from opamp_mock_server.stores.elasticsearch.store import ElasticsearchStore
from opamp_mock_server.stores.memory import MemoryPlans


class ElasticsearchBackend:
    """Everything in Elasticsearch; what the operator wants, too, if there is an operator."""

    def __init__(self, settings: Elasticsearch, documents: Documents, *, has_operator: bool) -> None:
        """Set the indices up; raises CannotStore."""
        set_up(settings)
        self._client = client_of(settings)
        self._breaker = CircuitBreaker(settings.breaker_failures)
        self._store = ElasticsearchStore(self._client, settings.index, documents, self._breaker)
        self._queue = QueuedStore(self._store) if settings.is_queued else None
        self._shared_plans = ElasticsearchPlans(self._client, settings.plans_index) if has_operator else None
        self._neighbours = ElasticsearchNeighbours(self._client, settings.instances_index)
        self._tasks: list[asyncio.Task[None]] = []
        self.store: Store = self._queue or self._store
        self.plans: Plans = self._shared_plans or MemoryPlans()
        self.neighbours: Neighbours = self._neighbours

    async def open(self, on_wish: Callable[[bytes], Awaitable[None]], has_guests: Callable[[], bool]) -> None:
        self._tasks.append(asyncio.create_task(self._neighbours.beat(has_guests)))
        if self._shared_plans is not None:
            self._tasks.append(asyncio.create_task(self._shared_plans.watch(on_wish)))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._queue is not None:
            await self._queue.drain()
        await self._store.close()
        await self._client.close()

    def gauges(self) -> Mapping[str, float]:
        return {"store_breaker_open": self._breaker.is_open}
