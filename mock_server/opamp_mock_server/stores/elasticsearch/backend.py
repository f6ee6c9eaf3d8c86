"""The backend in Elasticsearch, with everything that its instances share."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import yaml  # noqa: F401 # redaction needs it later: if it is missing, the server should not start

from opamp_mock_server.stores.elasticsearch.circuit_breaker import CircuitBreaker
from opamp_mock_server.stores.elasticsearch.cluster import client_of, set_up
from opamp_mock_server.stores.elasticsearch.desired_states import ElasticsearchDesiredStates
from opamp_mock_server.stores.elasticsearch.peers import ElasticsearchPeers
from opamp_mock_server.stores.elasticsearch.queued_store import QueuedStore
from opamp_mock_server.stores.elasticsearch.settings import ElasticsearchSettings
from opamp_mock_server.stores.elasticsearch.store import ElasticsearchStore
from opamp_mock_server.stores.fleet_documents import FleetDocuments
from opamp_mock_server.stores.memory import MemoryDesiredStates
from opamp_mock_server.stores.store import DesiredStates, Peers, Store


class ElasticsearchBackend:
    """Records in Elasticsearch; the desired states, too, if the server has an operator."""

    def __init__(self, settings: ElasticsearchSettings, documents: FleetDocuments, *, has_operator: bool) -> None:
        """Create the indices. Raises StoreSetupError."""
        set_up(settings)
        self._client = client_of(settings)
        self._breaker = CircuitBreaker(settings.breaker_failures)
        self._store = ElasticsearchStore(self._client, settings.index, documents, self._breaker)
        self._queue = QueuedStore(self._store) if settings.is_queued else None
        self._shared_states = (
            ElasticsearchDesiredStates(self._client, settings.desired_state_index) if has_operator else None
        )
        self._peers = ElasticsearchPeers(self._client, settings.instances_index)
        self._tasks: list[asyncio.Task[None]] = []
        self.store: Store = self._queue or self._store
        self.desired_states: DesiredStates = self._shared_states or MemoryDesiredStates()
        self.peers: Peers = self._peers

    async def open(self, on_change: Callable[[bytes], Awaitable[None]], has_connections: Callable[[], bool]) -> None:
        self._tasks.append(asyncio.create_task(self._peers.beat(has_connections)))
        if self._shared_states is not None:
            self._tasks.append(asyncio.create_task(self._shared_states.watch(on_change)))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._queue is not None:
            await self._queue.drain()
        await self._store.close()
        await self._client.close()

    @property
    def lost(self) -> int:
        return 0 if self._queue is None else self._queue.lost

    def gauges(self) -> Mapping[str, float]:
        return {"store_breaker_open": self._breaker.is_open}
