"""The instances that use one Elasticsearch, and which of them are alive."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from typing import Final

import elasticsearch
from elasticsearch import AsyncElasticsearch

from opamp_mock_server.stores.elasticsearch.cluster import ERRORS
from opamp_mock_server.stores.fleet_documents import timestamp

_BEAT_SECONDS: Final = 0.3
_LOOK_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 1.0


class ElasticsearchPeers:
    """While an instance has WebSockets open, it renews its document again and again; so its peers see it is alive."""

    def __init__(self, client: AsyncElasticsearch, index: str) -> None:
        self.name = secrets.token_hex(8)
        self._client = client
        self._index = index

    async def beat(self, has_connections: Callable[[], bool]) -> None:
        """Renew the document of this instance forever, while agents have WebSockets open to it."""
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            if has_connections():
                with contextlib.suppress(*ERRORS):
                    await self._client.index(index=self._index, id=self.name, document={"at": timestamp()})

    async def is_alive(self, name: str) -> bool:
        """Return whether an instance renews its document now; an instance that has ended or hangs does not."""
        end = time.monotonic() + _PATIENCE_SECONDS
        first = await self._beats(name)
        while time.monotonic() < end:
            await asyncio.sleep(_LOOK_SECONDS)
            now = await self._beats(name)
            if first is not None and now is not None and now > first:
                return True
            first = now if first is None else first
        return False

    async def _beats(self, name: str) -> int | None:
        """Return the version of the document of an instance, None if Elasticsearch does not answer."""
        try:
            found = await self._client.get(index=self._index, id=name, source=False)
        except elasticsearch.NotFoundError:
            return 0
        except ERRORS:
            return None
        return int(found["_version"])
