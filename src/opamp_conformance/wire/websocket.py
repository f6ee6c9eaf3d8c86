"""The WebSocket transport, on the library websockets: one connection per agent, one deadline per answer.

The transport adds nothing to a message.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from websockets import http11
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    ConnectionClosedError,
    InvalidHandshake,
    InvalidStatus,
    SecurityError,
    WebSocketException,
)

from opamp_conformance.wire.http import MAX_RESPONSE_BYTES, HttpResponse
from opamp_conformance.wire.transport import (
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    HeadersTooLargeError,
    NoResponseError,
    without_credentials,
)
from opamp_proto import opamp_pb2 as pb

# The library reads these limits from the environment, when it is imported.
http11.MAX_LINE_LENGTH = MAX_HEADER_BYTES
http11.MAX_NUM_HEADERS = MAX_HEADERS

# If a server sends messages all the time, a few of them are enough.
_MAX_PENDING: Final = 3

NO_CLOSE_FRAME: Final = "the connection ended without a Close frame"
HEADER: Final = b"\0"
"""The first byte of every message: the number 0 as a varint (WebSocket Message Format)."""


@dataclass(frozen=True)
class WebSocketMessage:
    """One WebSocket message to the server: bytes, several bytes as fragments, or a text.

    ``message`` is what it encodes, None if it encodes none on purpose. ``connection_id`` names its connection. The
    first message opens the connection, with ``headers`` in addition to the ordinary ones; without credentials, the
    target's Authorization header is left out. ``has_pings`` says whether pings are sent between fragments.
    """

    payload: bytes | tuple[bytes, ...] | str = field(repr=False)
    message: pb.AgentToServer | None = None
    connection_id: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    with_credentials: bool = True
    has_pings: bool = True

    @classmethod
    def of(cls, message: pb.AgentToServer) -> "WebSocketMessage":
        """Make the ordinary WebSocket message that delivers a message, on the agent's own connection."""
        return cls(HEADER + message.SerializeToString(), message, message.instance_uid)

    @property
    def body(self) -> bytes:
        """The payload in bytes."""
        match self.payload:
            case str():
                return self.payload.encode()
            case tuple():
                return b"".join(self.payload)
            case _:
                return self.payload


@dataclass(frozen=True)
class ReceivedMessage:
    """One WebSocket message from the server."""

    payload: bytes | str = field(repr=False)

    @property
    def body(self) -> bytes:
        return self.payload.encode() if isinstance(self.payload, str) else self.payload

    @property
    def is_binary(self) -> bool:
        return isinstance(self.payload, bytes)

    @cached_property
    def data(self) -> bytes:
        """The bytes after the header; raises ValueError if the header is not 0."""
        if not self.is_binary:
            raise ValueError("a text message, where OpAMP's are binary")
        if self.body[:1] != HEADER:
            raise ValueError(f"the header is not 0: the message begins with {self.body[:4].hex() or 'nothing'}")
        return self.body[1:]

    def __str__(self) -> str:
        return f"a {'binary' if self.is_binary else 'text'} WebSocket message of {len(self.body)} bytes"


class Closing(NamedTuple):
    """How a server ends a connection: the code of its Close frame, None if it sent none, and whether TCP ended, too."""

    code: int | None = None
    has_ended: bool = True


class WebSocketTransport:
    """Holds the connections to one URL. ``timeout`` bounds the opening and each answer, in seconds."""

    def __init__(self, url: str, headers: Mapping[str, str], tls: ssl.SSLContext | None, timeout: float) -> None:
        self._url = "ws" + url.removeprefix("http")
        self._tls = tls if urlsplit(url).scheme == "https" else None
        self._headers = headers
        self._timeout = timeout
        self._connections: dict[bytes, ClientConnection] = {}

    async def __aenter__(self) -> "WebSocketTransport":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close_all()

    async def send(self, message: WebSocketMessage) -> HttpResponse | ReceivedMessage:
        """Send a message and return what comes next, or the HTTP response that refuses the opening.

        Raises NoResponseError.
        """
        refused = await self.post(message)
        return refused if refused is not None else await self.receive(message.connection_id, self._timeout)

    async def post(self, message: WebSocketMessage) -> HttpResponse | None:
        """Send a message without waiting for an answer; returns the HTTP response that refuses the opening, if any.

        Raises NoResponseError.
        """
        connection = self._connections.get(message.connection_id)
        if connection is None:
            opened = await self._open(message)
            if isinstance(opened, HttpResponse):
                return opened
            connection = self._connections[message.connection_id] = opened
        try:
            async with asyncio.timeout(self._timeout):
                await connection.send(_as_sent(connection, message))
        except (OSError, WebSocketException) as error:
            raise self._lost(message.connection_id, error) from error
        except TimeoutError:
            raise NoResponseError(f"the server accepts no message within {self._timeout:g} seconds") from None
        return None

    async def pending(self, connection_id: bytes, seconds: float) -> list[ReceivedMessage]:
        """Return the messages that have arrived, or arrive while there is no pause of ``seconds`` between them.

        If they do not end, it returns the first ones.
        """
        received: list[ReceivedMessage] = []
        # The event loop does not run between the exchanges: let it read what has arrived.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        while connection_id in self._connections and len(received) < _MAX_PENDING:
            try:
                async with asyncio.timeout(seconds):
                    received.append(ReceivedMessage(await self._connections[connection_id].recv()))
            except (TimeoutError, OSError, WebSocketException):
                break  # If the connection has ended, the next message shows how.
        return received

    async def receive(self, connection_id: bytes, seconds: float) -> ReceivedMessage:
        """Return the next message on a connection; raises NoResponseError."""
        connection = self._connections.get(connection_id)
        if connection is None:
            raise NoResponseError("the connection is closed")
        try:
            async with asyncio.timeout(seconds):
                return ReceivedMessage(await connection.recv())
        except TimeoutError:
            raise NoResponseError(f"no message within {seconds:g} seconds") from None
        except (OSError, WebSocketException) as error:
            raise self._lost(connection_id, error) from error

    async def ping(self, connection_id: bytes) -> None:
        """Send a ping and wait for its pong; raises NoResponseError."""
        try:
            async with asyncio.timeout(self._timeout):
                await (await self._connections[connection_id].ping(b"opamp"))
        except TimeoutError:
            raise NoResponseError(f"no pong within {self._timeout:g} seconds") from None
        except (OSError, WebSocketException) as error:
            raise self._lost(connection_id, error) from error

    async def close(self, connection_id: bytes) -> Closing:
        """Close a connection; returns how the server ended it."""
        connection = self._connections.pop(connection_id, None)
        if connection is None:
            return Closing()
        began = asyncio.get_running_loop().time()
        try:
            await connection.close()
        finally:
            connection.transport.abort()  # The caller may not wait until the server answers the Close frame.
        has_ended = asyncio.get_running_loop().time() - began < self._timeout
        return Closing(connection.protocol.close_rcvd.code if connection.protocol.close_rcvd else None, has_ended)

    async def abort(self, connection_id: bytes) -> None:
        """End a connection without a Close frame, as if the agent or its network had failed."""
        connection = self._connections.pop(connection_id, None)
        if connection is not None:
            connection.transport.abort()
            await asyncio.sleep(0)  # The event loop ends it in its next turn.

    async def close_all(self) -> None:
        """Close every connection, with the closing handshake."""
        await asyncio.gather(*(self.close(connection_id) for connection_id in list(self._connections)))

    def connection_ids(self) -> list[bytes]:
        return list(self._connections)

    def has(self, connection_id: bytes) -> bool:
        return connection_id in self._connections

    async def _open(self, message: WebSocketMessage) -> ClientConnection | HttpResponse:
        own = self._headers if message.with_credentials else without_credentials(self._headers)
        headers = {**own, **message.headers}
        try:
            async with asyncio.timeout(self._timeout):
                return await _Connect(
                    self._url,
                    additional_headers=headers,
                    user_agent_header=None,
                    compression=None,
                    ssl=self._tls,
                    proxy=None,
                    open_timeout=None,
                    ping_interval=None,
                    close_timeout=self._timeout,
                    max_size=MAX_RESPONSE_BYTES,
                )
        except InvalidStatus as refused:
            response = refused.response
            names = {name.lower(): value for name, value in response.headers.raw_items()}
            return HttpResponse(response.status_code, names, bytes(response.body or b""))
        except TimeoutError:
            raise NoResponseError(f"the WebSocket does not open within {self._timeout:g} seconds") from None
        except InvalidHandshake as error:
            if isinstance(error.__cause__, SecurityError):
                raise HeadersTooLargeError from error
            raise NoResponseError(f"not a WebSocket: {error}") from error
        except (OSError, ssl.SSLError, WebSocketException, ValueError) as error:
            raise NoResponseError(f"the WebSocket does not open: {str(error) or type(error).__name__}") from error

    def _lost(self, connection_id: bytes, error: Exception) -> NoResponseError:
        self._connections.pop(connection_id, None)
        if isinstance(error, ConnectionClosed) and error.rcvd is not None:
            reason = f" ({error.rcvd.reason})" if error.rcvd.reason else ""
            return NoResponseError(
                f"the server closed the WebSocket with the code {error.rcvd.code}{reason}", error.rcvd.code
            )
        if isinstance(error, ConnectionClosedError) and error.sent is not None:
            return NoResponseError(f"the server broke the rules of WebSocket: {error.sent.reason or error.sent.code}")
        return NoResponseError(NO_CLOSE_FRAME)


def _as_sent(connection: ClientConnection, message: WebSocketMessage) -> bytes | str | AsyncIterator[bytes]:
    """Return what to send."""
    payload = message.payload
    return _fragments(connection, payload, has_pings=message.has_pings) if isinstance(payload, tuple) else payload


async def _fragments(
    connection: ClientConnection, fragments: tuple[bytes, ...], *, has_pings: bool
) -> AsyncIterator[bytes]:
    """Yield fragments: between them, there may be control frames (RFC 6455, section 5.4), also from the server."""
    for fragment in fragments:
        yield fragment
        if has_pings:
            await connection.ping()
        # Read a Close frame of the server, before writing more breaks the connection.
        await asyncio.sleep(0)
        await asyncio.sleep(0)


class _Connect(connect):
    """Opens a WebSocket without following redirects."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc
