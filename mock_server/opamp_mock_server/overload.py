"""What keeps the server standing under more load than it can take: limits, rates, a gate (Throttling)."""

import asyncio
import random
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from time import monotonic
from typing import Final

from opamp_mock_server.admission import Admission
from opamp_mock_server.core.errors import RETRY_AFTER_SECONDS


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the server takes on. Rates are per second, and None is without a limit.

    ``connections`` is of all that are open. A request has ``request_seconds`` from its first byte, or the
    connection's start, to its last byte; a connection between requests has ``idle_seconds``. ``header_bytes`` is of
    all of a request that is no body. ``rate`` and ``rate_per_key`` are of messages, ``enrollment_rate`` is of new
    agents alone. Where the store takes time, ``at_once`` messages are at it, and once one has waited for that longer
    than ``queue_seconds``, no more are let in. ``agents`` bounds those that are kept in memory. ``drain_seconds`` is
    what is under way at the end still has.
    """

    connections: int = 20_000
    request_seconds: float = 20.0
    idle_seconds: float = 75.0
    header_bytes: int = 64 * 1024
    rate: float | None = None
    rate_per_key: float | None = None
    enrollment_rate: float | None = None
    at_once: int = 1_000
    queue_seconds: float = 0.5
    agents: int = 1_000_000
    drain_seconds: float = 5.0


class Overloaded(Exception):
    """The server does not take this message now; ``retry_after`` is how many seconds its agent is to wait."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the server is overloaded: {reason}")
        self.retry_after = retry_after()


def retry_after() -> int:
    """Return seconds to wait: half a minute as is recommended, and up to as long again, lest all come at once."""
    return RETRY_AFTER_SECONDS + random.randrange(RETRY_AFTER_SECONDS)  # noqa: S311 - it need not be unforeseeable


class TokenBucket:
    """Lets ``rate`` through each second, and as much at once as comes in one second."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._most = max(1.0, rate)
        self._tokens = self._most
        self._at = monotonic()

    def take(self) -> bool:
        """Take one token, if there is one."""
        now = monotonic()
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class RateLimits:
    """Limits on messages, of the whole process and of each enrollment key. ``shed`` counts what is turned away."""

    def __init__(self, limits: Limits, admission: Admission, shed: Counter[str]) -> None:
        self._all = None if limits.rate is None else TokenBucket(limits.rate)
        self._rate_per_key = limits.rate_per_key
        self._of_key: dict[bytes | None, TokenBucket] = {}
        self._admission = admission
        self._shed = shed

    def take(self, authorization: bytes | None) -> None:
        """Count one message that comes with this Authorization header; raises Overloaded for one too many."""
        # The key's own limit comes first: what exceeds it must not use up what is left for others.
        if self._rate_per_key is not None:
            key = self._admission.key_of(authorization)
            if key not in self._of_key:
                self._of_key[key] = TokenBucket(self._rate_per_key)
            if not self._of_key[key].take():
                self._shed["rate_per_key"] += 1
                raise Overloaded("there are too many messages with this key")
        if self._all is not None and not self._all.take():
            self._shed["rate"] += 1
            raise Overloaded("there are too many messages")


class Lane(Enum):
    """What a message is, as far as its turn matters."""

    CHECK_IN = "check-in"
    ENROLLMENT = "enrollment"


_LONGEST_QUEUE: Final = 10
"""How many times as many may wait as may be at the store at once."""


class Gate:
    """Lets a bounded number of messages at the store at once, and turns away early who would wait too long.

    Enrollments take half of the places at most, and check-ins go first: agents that are enrolled must not suffer from
    a storm of those that want to be.
    """

    def __init__(self, limits: Limits, shed: Counter[str]) -> None:
        self._enrollments = None if limits.enrollment_rate is None else TokenBucket(limits.enrollment_rate)
        self._most = {Lane.CHECK_IN: limits.at_once, Lane.ENROLLMENT: max(1, limits.at_once // 2)}
        self._seconds = limits.queue_seconds
        self._shed = shed
        self._under_way = dict.fromkeys(Lane, 0)
        self._waiting: dict[Lane, deque[tuple[float, asyncio.Future[None]]]] = {lane: deque() for lane in Lane}

    @property
    def under_way(self) -> int:
        return sum(self._under_way.values())

    def waiting(self, lane: Lane) -> int:
        return len(self._waiting[lane])

    @property
    def limits_enrollments(self) -> bool:
        return self._enrollments is not None

    def count_enrollment(self) -> None:
        """Count one new agent; raises Overloaded for one too many."""
        if self._enrollments is not None and not self._enrollments.take():
            self._shed["enrollment_rate"] += 1
            raise Overloaded("too many agents enroll")

    @asynccontextmanager
    async def passing(self, lane: Lane) -> AsyncIterator[None]:
        """Have one of the places in the ``with`` block; raises Overloaded."""
        if self._is_free(lane) and not self._waiting[lane]:
            self._under_way[lane] += 1
        else:
            await self._queue(lane)
        try:
            yield
        finally:
            self._under_way[lane] -= 1
            self._let_in()

    def _is_free(self, lane: Lane) -> bool:
        return self.under_way < self._most[Lane.CHECK_IN] and self._under_way[lane] < self._most[lane]

    async def _queue(self, lane: Lane) -> None:
        waiting, now = self._waiting[lane], monotonic()
        is_long = len(waiting) >= _LONGEST_QUEUE * self._most[lane]
        if is_long or (waiting and now - waiting[0][0] > self._seconds):
            self._shed["queue"] += 1
            raise Overloaded("too many wait already")
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append((now, place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():  # It was let in just then.
                self._under_way[lane] -= 1
                self._let_in()
            raise

    def _let_in(self) -> None:
        for lane in Lane:
            waiting = self._waiting[lane]
            while waiting and self._is_free(lane):
                _, place = waiting.popleft()
                if not place.done():
                    self._under_way[lane] += 1
                    place.set_result(None)
