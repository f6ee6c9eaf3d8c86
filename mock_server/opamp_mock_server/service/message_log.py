"""The last messages and replies, for the control plane."""

import time
from typing import Final, NamedTuple

from opamp_mock_server.service.bounded_log import MOST_BYTES, BoundedLog
from opamp_proto import opamp_pb2 as pb

_MOST: Final = 1000


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


class MessageLog(BoundedLog[LoggedMessage]):
    """Keeps the last messages."""

    def __init__(self, most: int = _MOST, most_bytes: int = MOST_BYTES) -> None:
        super().__init__(most, most_bytes)

    def note(self, received: pb.AgentToServer | None, sent: pb.ServerToAgent) -> None:
        """Add a message and its reply."""
        instance_uid = (sent if received is None else received).instance_uid
        data = None if received is None else received.SerializeToString()
        self.add(LoggedMessage(self.newest + 1, time.time(), instance_uid, data, sent.SerializeToString()))
