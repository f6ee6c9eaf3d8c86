"""A log that keeps the last entries: no more than some, and no more bytes than some."""

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import takewhile
from typing import Final, Generic, Protocol, TypeVar

MOST_BYTES: Final = 16 * 1024 * 1024


class Entry(Protocol):
    """An entry of a log. Numbers count from 1; ``size`` is how many bytes it needs."""

    @property
    def number(self) -> int: ...

    @property
    def size(self) -> int: ...


E = TypeVar("E", bound=Entry)


class BoundedLog(Generic[E]):
    """Keeps the last entries that fit. Call everything here in the loop that serves."""

    def __init__(self, most: int, most_bytes: int = MOST_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._kept: deque[E] = deque()
        self._bytes = 0
        self._newest = 0
        self._next: asyncio.Future[None] | None = None

    @property
    def newest(self) -> int:
        """The number of the last entry, 0 if there is none."""
        return self._newest

    @property
    def oldest(self) -> int:
        """The number of the first entry that is kept, or of the next one if none is kept."""
        return self._newest - len(self._kept) + 1

    def add(self, entry: E) -> None:
        """Add an entry, whose number is the next one."""
        self._newest = entry.number
        self._kept.append(entry)
        self._bytes += entry.size
        while len(self._kept) > self._most or (self._bytes > self._most_bytes and len(self._kept) > 1):
            self._bytes -= self._kept.popleft().size
        if self._next is not None:
            self._next.set_result(None)
            self._next = None

    def after(self, number: int) -> Sequence[E]:
        """Return the entries that have a higher number, in order."""
        newest_first = takewhile(lambda entry: entry.number > number, reversed(self._kept))
        return list(newest_first)[::-1]

    async def news(self, seconds: float) -> None:
        """Wait for the next entry, for at most ``seconds``."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._next], timeout=seconds)

    def forget(self) -> None:
        """Delete all entries; the numbers continue."""
        self._kept.clear()
        self._bytes = 0
