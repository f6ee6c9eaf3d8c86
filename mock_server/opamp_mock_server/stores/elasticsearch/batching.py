"""Batches: many single operations in one request."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from opamp_mock_server.stores.elasticsearch.circuit_breaker import CircuitBreaker
from opamp_mock_server.stores.store import StoreUnavailableError

_log = logging.getLogger("opamp_mock_server.store")

Item = TypeVar("Item")
Result = TypeVar("Result")

_WINDOW_SECONDS: Final = 0.002
_AT_ONCE: Final = 2
_MOST_IN_ONE: Final = 500
_MOST_BYTES_IN_ONE: Final = 8 * 1024 * 1024
_MOST_WAITING: Final = 10_000
DEADLINE_SECONDS: Final = 1.5
"""The time limit of an operation, so that an agent gets its reply within two seconds."""


class Batcher(Generic[Item, Result]):
    """Collects items while other batches are in progress, and sends them together. Everything has a limit.

    ``send`` turns items into results, or into exceptions to raise. ``size`` returns the bytes of an item.
    """

    def __init__(
        self,
        send: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        breaker: CircuitBreaker,
        size: Callable[[Item], int] = lambda _: 0,
    ) -> None:
        self._send = send
        self._breaker = breaker
        self._size = size
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._senders: set[asyncio.Task[None]] = set()

    async def __call__(self, item: Item) -> Result:
        """Send one item and return its result. Raises StoreUnavailableError, or the exception of the item."""
        self._breaker.check()
        if len(self._waiting) >= _MOST_WAITING:
            raise StoreUnavailableError("too many operations wait for it already")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if len(self._senders) < _AT_ONCE:
            sender = asyncio.create_task(self._send_batches())
            self._senders.add(sender)
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                return await future
        except TimeoutError as error:
            raise StoreUnavailableError("it does not answer in time") from error

    async def drain(self) -> None:
        """Wait until no batch is in progress."""
        while self._senders:
            await asyncio.wait(self._senders)

    async def _send_batches(self) -> None:
        sender = asyncio.current_task()
        assert sender is not None
        try:
            await asyncio.sleep(_WINDOW_SECONDS)
            while self._waiting:
                batch = self._take()
                if batch:
                    self._deliver(batch, await self._results([item for item, _ in batch]))
        finally:
            # Not by a callback: a call in this turn of the loop has to see that it needs another sender.
            self._senders.discard(sender)

    async def _results(self, items: Sequence[Item]) -> Sequence[Result | Exception]:
        try:
            results = await self._send(items)
        except Exception as error:
            if not isinstance(error, StoreUnavailableError):
                _log.exception("a request to Elasticsearch failed for an unknown reason")
            self._breaker.failed()
            return [StoreUnavailableError(str(error)) for _ in items]
        has_failed = any(isinstance(result, StoreUnavailableError) for result in results)
        self._breaker.failed() if has_failed else self._breaker.succeeded()
        return results

    def _deliver(
        self, batch: Sequence[tuple[Item, asyncio.Future[Result]]], results: Sequence[Result | Exception]
    ) -> None:
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue  # No one waits for it any more.
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

    def _take(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        size = 0
        while self._waiting and len(batch) < _MOST_IN_ONE and size < _MOST_BYTES_IN_ONE:
            item, future = self._waiting.popleft()
            if not future.done():
                batch.append((item, future))
                size += self._size(item)
        return batch
