"""What the scripted server does with a WebSocket beyond what aiohttp offers."""

import asyncio
from contextlib import suppress
from typing import Final

from aiohttp import WSMessage, web

_BINARY_BEGIN: Final = 0x02
_CONTINUATION_END: Final = 0x80


def transport_of(websocket: web.WebSocketResponse) -> asyncio.Transport | None:
    """Return the connection below a WebSocket, None after its end; aiohttp has no public name for it."""
    return websocket._req.transport if websocket._req is not None else None


def write_fragments(websocket: web.WebSocketResponse, data: bytes) -> None:
    """Write a short message as two frames (RFC 6455, section 5.4); aiohttp writes messages as one."""
    transport, half = transport_of(websocket), len(data) // 2
    if transport is not None:
        for first_byte, part in ((_BINARY_BEGIN, data[:half]), (_CONTINUATION_END, data[half:])):
            transport.write(bytes([first_byte, len(part)]) + part)


async def next_event(websocket: web.WebSocketResponse, closing: asyncio.Event) -> WSMessage | None:
    """Return the next event on a WebSocket, None if the server is to close it first."""
    receiving = asyncio.ensure_future(websocket.receive())
    waiting = asyncio.ensure_future(closing.wait())
    await asyncio.wait({receiving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if receiving.done():
        return receiving.result()
    receiving.cancel()
    with suppress(asyncio.CancelledError):
        await receiving
    return None
