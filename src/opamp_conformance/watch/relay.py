"""Passes bytes between clients and one server, unchanged, and shows them to a tap."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final, Protocol

_READ_BYTES: Final = 64 * 1024
_CONNECT_SECONDS: Final = 10.0
_LAST_RESPONSE_SECONDS: Final = 5.0
"""How long a server over TLS may take for its response to a client that has ended its side."""
_BACKLOG: Final = 2048
"""How many clients may wait to be accepted: as many as on the mock server."""
_PAUSE_SECONDS: Final = 1.0


class Tap(Protocol):
    """Sees the bytes of one connection, when they are passed on. It must not raise errors."""

    def from_client(self, data: bytes) -> None:
        """Take bytes of the client; empty at the end of its stream."""

    def from_server(self, data: bytes) -> None:
        """Take bytes of the server; empty at the end of its stream."""

    def closed(self) -> None:
        """Note that the connection has ended."""


@dataclass(frozen=True)
class Upstream:
    """The server behind the relay; ``tls`` is None without TLS."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


class Relay:
    """Listens, and connects each client to the server.

    ``say`` gets a line if the server cannot be reached, and if clients are refused: those above ``most`` connections,
    None for any number.
    """

    def __init__(
        self, upstream: Upstream, new_tap: Callable[[], Tap], say: Callable[[str], None], most: int | None = None
    ) -> None:
        self._upstream = upstream
        self._new_tap = new_tap
        self._say = say
        self._most = most
        self._connections: set[asyncio.Task[None]] = set()
        self._has_failed = False
        self._has_refused = False

    @contextlib.asynccontextmanager
    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None) -> AsyncIterator[tuple[str, int]]:
        """Accept clients in an ``async with`` block, at the address that it gives; raises OSError."""
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.create_server(address, family=family, backlog=_BACKLOG) as listener:
            listener.setblocking(False)
            accepting = asyncio.create_task(self._accept(listener, tls))
            try:
                yield listener.getsockname()[:2]
            finally:
                accepting.cancel()
                await asyncio.wait((accepting,))

    async def _accept(self, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Accept one client after the other. asyncio.start_server() accepts as many at once as have come."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(listener)
            except ConnectionError:  # The client has left already.
                continue
            except OSError as error:
                self._refuse(error.strerror or str(error))
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            if self._most is not None and len(self._connections) >= self._most:
                self._refuse(f"the limit of open files allows no more than {self._most} connections")
                client.close()
            else:
                task = loop.create_task(self._serve(client, tls))
                self._connections.add(task)
                task.add_done_callback(self._connections.discard)
            await asyncio.sleep(0)  # An accept that needs not wait does not let others run.

    def _refuse(self, reason: str) -> None:
        if not self._has_refused:
            self._has_refused = True
            self._say(f"clients are refused: {reason}")

    async def _serve(self, client: socket.socket, tls: ssl.SSLContext | None) -> None:
        # Canceled at the end of the watch; and a client may leave before its TLS handshake has ended.
        with contextlib.suppress(asyncio.CancelledError, OSError):
            loop = asyncio.get_running_loop()
            reader = asyncio.StreamReader()
            protocol = asyncio.StreamReaderProtocol(reader)
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, client, ssl=tls)
            await self._connect(reader, asyncio.StreamWriter(transport, protocol, reader, loop))

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = self._upstream
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                server_reader, server_writer = await asyncio.open_connection(
                    upstream.host, upstream.port, ssl=upstream.tls
                )
        except (OSError, UnicodeError) as error:  # A name that cannot be encoded is no OSError.
            if not self._has_failed:
                self._has_failed = True
                self._say(f"cannot connect to {upstream.host}:{upstream.port}: {error or 'no answer'}")
            writer.transport.abort()
            return
        tap = self._new_tap()
        to_server = asyncio.create_task(_pass_on(reader, server_writer, tap.from_client))
        to_client = asyncio.create_task(_pass_on(server_reader, writer, tap.from_server))
        try:
            await asyncio.wait((to_server, to_client), return_when=asyncio.FIRST_COMPLETED)
            # TLS has no half-closed connections: the end of one side can be passed on only as the end of both.
            if to_client.done():
                limit = None if writer.can_write_eof() else 0.0
            else:
                limit = None if server_writer.can_write_eof() else _LAST_RESPONSE_SECONDS
            await asyncio.wait((to_server, to_client), timeout=limit)
        finally:
            for task in (to_server, to_client):
                task.cancel()
            for one in (writer, server_writer):
                with contextlib.suppress(OSError):
                    one.close()
            tap.closed()


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter, show: Callable[[bytes], None]) -> None:
    """Pass bytes on until the end of the stream, and then the end. An error ends only this direction."""
    try:
        while data := await source.read(_READ_BYTES):
            # A failed write closes the sink, and what has arrived from it unread is lost, such as the response of a
            # server that refuses the rest. In two turns, the event loop sees that it has arrived, and reads it.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            sink.write(data)
            show(data)
            await sink.drain()
        show(b"")
        if sink.can_write_eof():
            sink.write_eof()
    except OSError:
        show(b"")
        if source.exception() is not None:  # The sink cannot learn it from its own side.
            sink.close()
