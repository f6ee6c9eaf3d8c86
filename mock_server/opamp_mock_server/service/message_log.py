"""The last messages and replies, for the control plane."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from itertools import takewhile
from typing import Final, NamedTuple

from opamp_proto import opamp_pb2 as pb

_MOST: Final = 1000
_MOST_BYTES: Final = 16 * 1024 * 1024


class LoggedMessage(NamedTuple):
    """A message and its reply, in bytes. ``received`` is None for an unsolicited reply and for an undecodable message.

    ``number`` counts from 1. ``at`` is in seconds since the epoch. ``instance_uid`` is that of the agent.
    """

    number: int
    at: float
    instance_uid: bytes
    received: bytes | None
    sent: bytes

    @property
    def size(self) -> int:
        """How many bytes it needs."""
        return len(self.sent) + len(self.received or b"")


class MessageLog:
    """Keeps the last messages that fit. Call everything here in the loop that serves."""

    def __init__(self, most: int = _MOST, most_bytes: int = _MOST_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._kept: deque[LoggedMessage] = deque()
        self._bytes = 0
        self._newest = 0
        self._next: asyncio.Future[None] | None = None

    @property
    def newest(self) -> int:
        """The number of the last message, 0 if there is none."""
        return self._newest

    @property
    def oldest(self) -> int:
        """The number of the first message that is kept, or of the next message if none is kept."""
        return self._newest - len(self._kept) + 1

    def note(self, received: pb.AgentToServer | None, sent: pb.ServerToAgent) -> None:
        """Add a message and its reply."""
        self._newest += 1
        instance_uid = (sent if received is None else received).instance_uid
        data = None if received is None else received.SerializeToString()
        logged = LoggedMessage(self._newest, time.time(), instance_uid, data, sent.SerializeToString())
        self._kept.append(logged)
        self._bytes += logged.size
        while len(self._kept) > self._most or (self._bytes > self._most_bytes and len(self._kept) > 1):
            self._bytes -= self._kept.popleft().size
        if self._next is not None:
            self._next.set_result(None)
            self._next = None

    def after(self, number: int) -> Sequence[LoggedMessage]:
        """Return the messages that have a higher number, in order."""
        newest_first = takewhile(lambda logged: logged.number > number, reversed(self._kept))
        return list(newest_first)[::-1]

    async def news(self, seconds: float) -> None:
        """Wait for the next message, for at most ``seconds``."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._next], timeout=seconds)

    def forget(self) -> None:
        """Delete all messages; the numbers continue."""
        self._kept.clear()
        self._bytes = 0
