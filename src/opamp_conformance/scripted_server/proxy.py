"""A proxy for HTTP. It opens tunnels (CONNECT) to ports of the scripted server, and to nothing else."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from opamp_conformance.scripted_server.records import ProxyUsed

_CHUNK_BYTES: Final = 64 * 1024
_END_SECONDS: Final = 2.0
_ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"
_REFUSED: Final = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Proxy:
    """Tells ``used`` of each tunnel. ``is_allowed`` returns whether a port may be connected to."""

    def __init__(self, host: str, used: Callable[[ProxyUsed], None], is_allowed: Callable[[int], bool]) -> None:
        self._host = host
        self._used = used
        self._is_allowed = is_allowed
        self._number = 0
        self._opened: set[object] = set()
        self._tunnels: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None

    async def port(self) -> int:
        """Return the port of the proxy, which listens from the first call on."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, self._host, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def has_opened(self, address: object) -> bool:
        """Return whether a connection from an address is one of the proxy's."""
        return address in self._opened

    async def close(self) -> None:
        """Take no more connections, and end all tunnels."""
        if self._server is not None:
            self._server.close()
        for writer in self._tunnels.values():
            writer.transport.abort()
        if self._tunnels:
            await asyncio.wait(self._tunnels, timeout=_END_SECONDS)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tunnels[task] = writer
        with suppress(OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await self._tunnel(reader, writer)
        del self._tunnels[task]
        writer.close()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read the head of a request, and pass everything on that follows; raises ValueError for another request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        method, target, _ = first.split(" ")
        port = int(target.rpartition(":")[2])
        if method != "CONNECT" or not self._is_allowed(port):
            writer.write(_REFUSED)
            return
        self._number += 1
        fields = [line.partition(":") for line in lines]
        headers = {name.strip().lower(): value.strip() for name, _, value in fields}
        self._used(ProxyUsed(time.monotonic(), self._number, target, headers))
        from_server, to_server = await asyncio.open_connection(self._host, port)
        self._opened.add(to_server.get_extra_info("sockname"))
        writer.write(_ESTABLISHED)
        async with asyncio.TaskGroup() as group:
            group.create_task(_pass_on(reader, to_server))
            group.create_task(_pass_on(from_server, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until one side ends; then end the other."""
    with suppress(OSError):
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()
