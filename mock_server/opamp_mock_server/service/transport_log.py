"""The last events of the transport, for the control plane: what was opened, received, sent, refused and closed."""

import time
from typing import Final, NamedTuple

from opamp_mock_server.service.bounded_log import BoundedLog

_MOST: Final = 2000
KINDS: Final = ("closed", "download", "opened", "received", "refused", "request", "response", "sent")


class TransportEvent(NamedTuple):
    """Something that happened on a connection.

    ``kind`` is one of KINDS. ``number`` counts from 1. ``at`` is in seconds since the epoch. ``connection`` is the id
    of a WebSocket, or of a request over HTTP. ``data`` are the bytes of a message; what was received over a WebSocket
    has its header. ``detail`` is for people.
    """

    number: int
    at: float
    kind: str
    connection: int
    status: int | None
    data: bytes
    detail: str

    @property
    def size(self) -> int:
        """How many bytes it needs."""
        return len(self.data) + len(self.detail)


class TransportLog(BoundedLog[TransportEvent]):
    """Keeps the last events."""

    def __init__(self) -> None:
        super().__init__(_MOST)

    def note(
        self, kind: str, connection: int, *, status: int | None = None, data: bytes = b"", detail: str = ""
    ) -> None:
        """Add an event."""
        self.add(TransportEvent(self.newest + 1, time.time(), kind, connection, status, data, detail))
