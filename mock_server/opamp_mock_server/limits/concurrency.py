"""A limit on the messages that use the store at the same time (Throttling)."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from time import monotonic
from typing import Final

from opamp_mock_server.limits.limits import Limits, OverloadedError
from opamp_mock_server.limits.rate import TokenBucket


class Priority(Enum):
    """The two kinds of messages, the more urgent one first."""

    CHECK_IN = "check-in"
    ENROLLMENT = "enrollment"


_QUEUE_FACTOR: Final = 10
"""The number of messages that may wait, as a multiple of those that may use the store at once."""


class ConcurrencyLimit:
    """Bounds the messages that use the store, and rejects early those that would wait too long.

    Enrollments get at most half of the slots, and check-ins go first: many new agents must not slow down the agents
    that are enrolled.
    """

    def __init__(self, limits: Limits, shed: Counter[str]) -> None:
        self._enrollments = None if limits.enrollment_rate is None else TokenBucket(limits.enrollment_rate)
        self._most = {Priority.CHECK_IN: limits.concurrent, Priority.ENROLLMENT: max(1, limits.concurrent // 2)}
        self._seconds = limits.queue_seconds
        self._shed = shed
        self._in_use = dict.fromkeys(Priority, 0)
        self._waiting: dict[Priority, deque[tuple[float, asyncio.Future[None]]]] = {kind: deque() for kind in Priority}

    @property
    def in_use(self) -> int:
        """How many slots are in use."""
        return sum(self._in_use.values())

    def waiting(self, priority: Priority) -> int:
        """Return how many messages wait for a slot."""
        return len(self._waiting[priority])

    @property
    def limits_enrollments(self) -> bool:
        return self._enrollments is not None

    def count_enrollment(self) -> None:
        """Count one new agent. Raises OverloadedError above the limit."""
        if self._enrollments is not None and not self._enrollments.take():
            self._shed["enrollment_rate"] += 1
            raise OverloadedError("too many agents enroll")

    @asynccontextmanager
    async def slot(self, priority: Priority) -> AsyncIterator[None]:
        """Use one of the slots in the ``with`` block. Raises OverloadedError if the queue is too long."""
        if self._is_free(priority) and not self._waiting[priority]:
            self._in_use[priority] += 1
        else:
            await self._queue(priority)
        try:
            yield
        finally:
            self._in_use[priority] -= 1
            self._fill_slots()

    def _is_free(self, priority: Priority) -> bool:
        return self.in_use < self._most[Priority.CHECK_IN] and self._in_use[priority] < self._most[priority]

    async def _queue(self, priority: Priority) -> None:
        waiting, now = self._waiting[priority], monotonic()
        is_long = len(waiting) >= _QUEUE_FACTOR * self._most[priority]
        if is_long or (waiting and now - waiting[0][0] > self._seconds):
            self._shed["queue"] += 1
            raise OverloadedError("too many messages wait already")
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append((now, place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():  # It got its slot at the same moment.
                self._in_use[priority] -= 1
                self._fill_slots()
            raise

    def _fill_slots(self) -> None:
        for priority in Priority:
            waiting = self._waiting[priority]
            while waiting and self._is_free(priority):
                _, place = waiting.popleft()
                if not place.done():
                    self._in_use[priority] += 1
                    place.set_result(None)
