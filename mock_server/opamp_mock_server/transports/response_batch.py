"""Groups the requests and messages that arrive in one turn of the event loop, and their responses."""

import asyncio
from typing import Any, NamedTuple, Protocol

from opamp_mock_server.transports.http_messages import Responder


class Connection(Protocol):
    """What the batch needs of a connection."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport

    def handle(self, request: Any) -> None:
        """Answer a request, or a message, of the kind that this connection has."""

    def go_on(self) -> None:
        """Answer the next request, if a response was in its way."""


class PendingRequest(NamedTuple):
    """A complete request that waits for its turn. ``held`` is what its body takes of the budget for large messages."""

    answer: Responder
    body: bytes
    takes_body: bool
    is_last: bool
    held: int


class ResponseBatch:
    """Answers everything that arrives in one turn of the event loop together, and writes the responses afterwards.

    This is faster than one request after the other: Python and the kernel find more of their data in the CPU caches.
    """

    def __init__(self) -> None:
        self._requests: list[tuple[Connection, Any]] = []
        self._responses: list[tuple[Connection, bytes, bool]] = []
        self._is_due = False

    def take(self, connection: Connection, request: Any) -> None:
        """Answer a request at the end of this turn."""
        self._requests.append((connection, request))
        self._will_end(connection)

    def send(self, connection: Connection, data: bytes, *, is_last: bool) -> None:
        """Write a response together with the others; the connection ends after its last response."""
        self._responses.append((connection, data, is_last))
        self._will_end(connection)

    def _will_end(self, connection: Connection) -> None:
        if not self._is_due:
            self._is_due = True
            connection.loop.call_soon(self._end)

    def _end(self) -> None:
        self._is_due = False
        requests, self._requests = self._requests, []
        for connection, request in requests:
            connection.handle(request)
        responses, self._responses = self._responses, []
        for connection, data, is_last in responses:
            connection.transport.write(data)
            if is_last:
                connection.transport.close()
        for connection, *_ in responses:
            connection.go_on()
