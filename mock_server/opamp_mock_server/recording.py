"""The last messages that agents sent, and what they were told, for whoever looks at the server from outside."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from opamp_proto import opamp_pb2 as pb

_MOST: Final = 1000
_MOST_BYTES: Final = 16 * 1024 * 1024


class Recorded(NamedTuple):
    """A message and what the server said: unasked, or to something unreadable, if no message was ``received``.

    Numbers go up by one from 1; ``at`` is in seconds since the epoch.
    """

    number: int
    at: float
    received: pb.AgentToServer | None
    sent: pb.ServerToAgent

    @property
    def instance_uid(self) -> bytes:
        """The agent that it is about."""
        return (self.sent if self.received is None else self.received).instance_uid


class Recording:
    """Keeps as many messages as fit. Everything here is for the loop that serves."""

    def __init__(self, most: int = _MOST, most_bytes: int = _MOST_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._kept: deque[tuple[Recorded, int]] = deque()
        self._bytes = 0
        self._newest = 0
        self._has_come = asyncio.Event()

    @property
    def newest(self) -> int:
        """The number of the last message, 0 if none has come."""
        return self._newest

    @property
    def oldest(self) -> int:
        """The number of the first message that is kept, or of the next that will be."""
        return self._newest - len(self._kept) + 1

    def note(self, received: pb.AgentToServer | None, sent: pb.ServerToAgent) -> None:
        """Take an exchange down; both are kept, and must not be changed."""
        self._newest += 1
        size = sent.ByteSize() + (0 if received is None else received.ByteSize())
        self._kept.append((Recorded(self._newest, time.time(), received, sent), size))
        self._bytes += size
        while len(self._kept) > self._most or (self._bytes > self._most_bytes and len(self._kept) > 1):
            self._bytes -= self._kept.popleft()[1]
        self._has_come.set()

    def after(self, number: int) -> Sequence[Recorded]:
        """Return what is kept and has a higher number."""
        return [recorded for recorded, _ in self._kept if recorded.number > number]

    async def news(self, seconds: float) -> None:
        """Wait for the next message, but not for longer."""
        self._has_come.clear()
        try:
            await asyncio.wait_for(self._has_come.wait(), seconds)
        except TimeoutError:
            return

    def forget(self) -> None:
        """Keep nothing of what has come; the numbers go on."""
        self._kept.clear()
        self._bytes = 0
