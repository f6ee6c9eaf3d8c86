"""Messages per second over WebSocket: ``websocket_client.py URL CONNECTIONS SECONDS`` prints them as a number.

Each connection sends a report, and the next one as soon as the reply has arrived. Frames are made once, and replies are
counted but not decoded, so that the result depends mostly on the server.
"""

import asyncio
import os
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import uvloop

from opamp_conformance.client.agent import Agent

OPENING = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def frame(payload: bytes) -> bytes:
    """Return a masked binary frame, with a mask that changes nothing (RFC 6455, section 5.2)."""
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    return b"\x82" + size + bytes(4) + payload


class Talker(asyncio.Protocol):
    """One agent, which reports without a pause."""

    answers = 0

    def __init__(self, opening: bytes) -> None:
        self._opening = opening
        self._is_open = False
        self._buffer = b""
        message = Agent("benchmark", os.urandom(16)).full_status()
        self._report = frame(b"\0" + message.SerializeToString())

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(self._opening)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._is_open:
            head, end, self._buffer = self._buffer.partition(b"\r\n\r\n")
            if not end:
                self._buffer = head
                return
            assert b" 101 " in head, head
            self._is_open = True
            self._transport.write(self._report)
        while len(self._buffer) >= 2 and len(self._buffer) >= 2 + self._buffer[1]:  # Answers are short.
            is_message = self._buffer[0] == 0x82
            self._buffer = self._buffer[2 + self._buffer[1] :]
            if is_message:
                Talker.answers += 1
                self._transport.write(self._report)


async def main(url: str, connections: int, seconds: float) -> None:
    parts = urlsplit(url)
    opening = OPENING.format(path=parts.path, host=parts.netloc).encode()
    loop = asyncio.get_running_loop()
    talkers = [loop.create_connection(lambda: Talker(opening), parts.hostname, parts.port) for _ in range(connections)]
    await asyncio.gather(*talkers)
    await asyncio.sleep(seconds / 4)  # to warm up
    began, before = time.monotonic(), Talker.answers
    await asyncio.sleep(seconds)
    assert Talker.answers > before, "the server does not answer"
    sys.stdout.write(f"{(Talker.answers - before) / (time.monotonic() - began):.0f}\n")


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
