"""The last messages that agents sent, and what they were told, for whoever looks at the server from outside."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from itertools import takewhile
from typing import Final, NamedTuple

from opamp_proto import opamp_pb2 as pb

_MOST: Final = 1000
_MOST_BYTES: Final = 16 * 1024 * 1024


class Recorded(NamedTuple):
    """A message and what the server said, in bytes: unasked, or to something unreadable, if nothing was ``received``.

    Numbers go up by one from 1; ``at`` is in seconds since the epoch; ``instance_uid`` is of the agent it is about.
    """

    number: int
    at: float
    instance_uid: bytes
    received: bytes | None
    sent: bytes

    @property
    def size(self) -> int:
        """How many bytes it keeps."""
        return len(self.sent) + len(self.received or b"")


class Recording:
    """Keeps as many messages as fit. Everything here is for the loop that serves."""

    def __init__(self, most: int = _MOST, most_bytes: int = _MOST_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._kept: deque[Recorded] = deque()
        self._bytes = 0
        self._newest = 0
        self._next: asyncio.Future[None] | None = None

    @property
    def newest(self) -> int:
        """The number of the last message, 0 if none has come."""
        return self._newest

    @property
    def oldest(self) -> int:
        """The number of the first message that is kept, or of the next that will be."""
        return self._newest - len(self._kept) + 1

    def note(self, received: pb.AgentToServer | None, sent: pb.ServerToAgent) -> None:
        """Take an exchange down."""
        self._newest += 1
        instance_uid = (sent if received is None else received).instance_uid
        data = None if received is None else received.SerializeToString()
        recorded = Recorded(self._newest, time.time(), instance_uid, data, sent.SerializeToString())
        self._kept.append(recorded)
        self._bytes += recorded.size
        while len(self._kept) > self._most or (self._bytes > self._most_bytes and len(self._kept) > 1):
            self._bytes -= self._kept.popleft().size
        if self._next is not None:
            self._next.set_result(None)
            self._next = None

    def after(self, number: int) -> Sequence[Recorded]:
        """Return what is kept and has a higher number, in the order of the numbers."""
        newest_first = takewhile(lambda recorded: recorded.number > number, reversed(self._kept))
        return list(newest_first)[::-1]

    async def news(self, seconds: float) -> None:
        """Wait for the next message, but not for longer."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._next], timeout=seconds)

    def forget(self) -> None:
        """Keep nothing of what has come; the numbers go on."""
        self._kept.clear()
        self._bytes = 0
