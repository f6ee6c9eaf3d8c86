"""Memory of the mock server for an open WebSocket: ``websocket_memory.py [CONNECTIONS]`` prints it in bytes.

Each connection is an agent that has reported once. The memory of its record is included.
"""

import asyncio
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from websocket_client import OPENING, Talker

_FIRST = 200
"""So many connections are open before anything is measured: the first ones load code and fill pools."""


class Listener(Talker):
    """Reports once, and then keeps its connection."""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._is_open and b"\r\n\r\n" in self._buffer:
            self._is_open = True
            self._transport.write(self._report)


def resident(process_id: int) -> int:
    """Return the memory of a process, in bytes."""
    pages = int(Path(f"/proc/{process_id}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


async def measure(url: str, process_id: int, connections: int) -> float:
    """Open WebSockets, and return how much the server has grown for each."""
    parts, loop, kept = urlsplit(url), asyncio.get_running_loop(), []
    opening = OPENING.format(path=parts.path, host=parts.netloc).encode()

    async def open_some(count: int) -> int:
        for _ in range(count):
            made: tuple[Any, Any] = await loop.create_connection(lambda: Listener(opening), parts.hostname, parts.port)
            kept.append(made)
        await asyncio.sleep(2)
        return resident(process_id)

    before = await open_some(_FIRST)
    return (await open_some(connections) - before) / connections


def main() -> None:
    connections = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    command = [sys.executable, "-m", "opamp_conformance", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        try:
            sys.stdout.write(f"{asyncio.run(measure(url, server.pid, connections)):.0f}\n")
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
