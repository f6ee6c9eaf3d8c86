"""A connection until its TLS handshake is complete. It counts as open, and it has a deadline.

uvicorn would learn of it only afterwards, and keep a handshake that is left half open for a minute.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from uvicorn.server import ServerState

from opamp_mock_server.transports.eager_start import start_eagerly
from opamp_mock_server.transports.http_connection import HttpProtocol
from opamp_mock_server.transports.transport_settings import TransportSettings


class TlsOpening(asyncio.Protocol):
    """Makes the handshake, and then hands the connection over to ``next_protocol``."""

    transport: asyncio.Transport

    def __init__(
        self,
        next_protocol: HttpProtocol,
        context: ssl.SSLContext,
        settings: TransportSettings,
        server: ServerState,
        note_failure: Callable[[str], None],
    ) -> None:
        self._next_protocol = next_protocol
        self._context = context
        self._settings = settings
        self._server = server
        self._note_failure = note_failure
        self._early = b""
        self._handshake: asyncio.Task[None] | None = None
        """The loop itself does not keep its tasks."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        if len(self._server.connections) >= self._settings.limits.connections:
            self._settings.metrics.shed["connections"] += 1
            transport.abort()  # The client could read an answer only after the handshake.
            return
        self._server.connections.add(self)  # type: ignore[arg-type] # it shuts them down
        # At once: the first bytes are for the handshake, and must not come here.
        self._handshake = start_eagerly(self._shake_hands(), asyncio.get_running_loop())

    async def _shake_hands(self) -> None:
        seconds = self._settings.limits.request_seconds
        secured = None
        try:
            secured = await asyncio.get_running_loop().start_tls(
                self.transport,
                self,
                self._context,
                server_side=True,
                ssl_handshake_timeout=seconds,
                ssl_shutdown_timeout=seconds,
            )
        except ssl.SSLError as error:
            self._note_failure(error.reason or str(error))
        except OSError:
            pass  # The client has gone, or has taken too long.
        self._server.connections.discard(self)  # The next protocol counts instead.
        if secured is not None and not secured.is_closing():
            self._hand_over(secured)

    def _hand_over(self, secured: asyncio.Transport) -> None:
        self._next_protocol.connection_made(secured)
        secured.set_protocol(self._next_protocol)
        if self._early:
            self._next_protocol.data_received(self._early)

    def data_received(self, data: bytes) -> None:
        """Keep what came together with the end of the handshake."""
        self._early += data

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)

    def shutdown(self) -> None:
        """Close the connection, because the server ends."""
        self.transport.abort()
