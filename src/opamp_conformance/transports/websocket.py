"""WebSocket, by websockets: a connection an agent, one deadline an answer, nothing added to what is sent."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    ConnectionClosedError,
    InvalidHandshake,
    InvalidStatus,
    WebSocketException,
)

from opamp_conformance.transports import NoResponse, without_credentials
from opamp_conformance.transports.http import MAX_RESPONSE_BYTES, Response
from opamp_proto import opamp_pb2 as pb

HEADER: Final = b"\0"
"""What every message begins with: the number 0 as a varint (WebSocket Message Format)."""


@dataclass(frozen=True)
class Frame:
    """One WebSocket message to the server: bytes, several bytes as fragments, or a text.

    ``message`` is what it encodes, None if it encodes none on purpose. ``lane`` names the connection it
    travels on, which is opened by its first frame, with more ``headers`` than the ordinary ones; unauthorized,
    it shows none of the target's credentials.
    """

    payload: bytes | tuple[bytes, ...] | str
    message: pb.AgentToServer | None = None
    lane: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    authorized: bool = True

    @classmethod
    def of(cls, message: pb.AgentToServer) -> "Frame":
        """Make the ordinary frame that delivers a message, on a connection of the agent's own."""
        return cls(HEADER + message.SerializeToString(), message, message.instance_uid)

    @property
    def body(self) -> bytes:
        """The payload as the bytes that travel."""
        match self.payload:
            case str():
                return self.payload.encode()
            case tuple():
                return b"".join(self.payload)
            case _:
                return self.payload


@dataclass(frozen=True)
class Received:
    """One WebSocket message from the server."""

    payload: bytes | str

    @property
    def body(self) -> bytes:
        return self.payload.encode() if isinstance(self.payload, str) else self.payload

    @property
    def is_binary(self) -> bool:
        return isinstance(self.payload, bytes)

    @cached_property
    def data(self) -> bytes:
        """What follows the header; raises ValueError if there is no such header."""
        if not self.is_binary:
            raise ValueError("a text message, where OpAMP's are binary")
        if self.body[:1] != HEADER:
            raise ValueError(f"the header is not 0: the message begins with {self.body[:4].hex() or 'nothing'}")
        return self.body[1:]

    def __str__(self) -> str:
        return f"a {'binary' if self.is_binary else 'text'} WebSocket message of {len(self.body)} bytes"


class WebSocketTransport:
    """Keeps the connections to one URL. ``timeout`` bounds the opening and each answer, in seconds."""

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

    async def send(self, frame: Frame) -> Response | Received:
        """Send a frame and return what comes next: the HTTP response if the opening is refused; raises NoResponse."""
        refused = await self.post(frame)
        return refused if refused is not None else await self.receive(frame.lane, self._timeout)

    async def post(self, frame: Frame) -> Response | None:
        """Send a frame without waiting for an answer; returns the response to a refused opening; raises NoResponse."""
        connection = self._connections.get(frame.lane)
        if connection is None:
            opened = await self._open(frame)
            if isinstance(opened, Response):
                return opened
            connection = self._connections[frame.lane] = opened
        try:
            async with asyncio.timeout(self._timeout):
                await connection.send(frame.payload)
        except (OSError, WebSocketException) as error:
            raise self._lost(frame.lane, error) from error
        except TimeoutError:
            raise NoResponse(f"the server takes no message within {self._timeout:g} seconds") from None
        return None

    async def receive(self, lane: bytes, seconds: float) -> Received:
        """Return the next message on a connection; raises NoResponse."""
        connection = self._connections.get(lane)
        if connection is None:
            raise NoResponse("the connection is closed")
        try:
            async with asyncio.timeout(seconds):
                return Received(await connection.recv())
        except TimeoutError:
            raise NoResponse(f"no message within {seconds:g} seconds") from None
        except (OSError, WebSocketException) as error:
            raise self._lost(lane, error) from error

    async def ping(self, lane: bytes) -> None:
        """Send a ping and wait for its pong; raises NoResponse."""
        try:
            async with asyncio.timeout(self._timeout):
                await (await self._connections[lane].ping(b"opamp"))
        except TimeoutError:
            raise NoResponse(f"no pong within {self._timeout:g} seconds") from None
        except (OSError, WebSocketException) as error:
            raise self._lost(lane, error) from error

    async def close(self, lane: bytes) -> int | None:
        """Close a connection; returns the code of the server's Close frame, None if it sent none."""
        connection = self._connections.pop(lane, None)
        if connection is None:
            return None
        await connection.close()
        return connection.protocol.close_rcvd.code if connection.protocol.close_rcvd else None

    async def close_all(self) -> None:
        """Close every connection, with the closing handshake."""
        await asyncio.gather(*(self.close(lane) for lane in list(self._connections)))

    def lanes(self) -> list[bytes]:
        return list(self._connections)

    def has(self, lane: bytes) -> bool:
        return lane in self._connections

    async def _open(self, frame: Frame) -> ClientConnection | Response:
        headers = {**(self._headers if frame.authorized else without_credentials(self._headers)), **frame.headers}
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
            return Response(response.status_code, names, bytes(response.body or b""))
        except TimeoutError:
            raise NoResponse(f"the WebSocket does not open within {self._timeout:g} seconds") from None
        except InvalidHandshake as error:
            raise NoResponse(f"not a WebSocket: {error}") from error
        except (OSError, ssl.SSLError, WebSocketException, ValueError) as error:
            raise NoResponse(f"the WebSocket does not open: {str(error) or type(error).__name__}") from error

    def _lost(self, lane: bytes, error: Exception) -> NoResponse:
        self._connections.pop(lane, None)
        if isinstance(error, ConnectionClosed) and error.rcvd is not None:
            reason = f" ({error.rcvd.reason})" if error.rcvd.reason else ""
            return NoResponse(
                f"the server closed the WebSocket with the code {error.rcvd.code}{reason}", error.rcvd.code
            )
        if isinstance(error, ConnectionClosedError) and error.sent is not None:
            return NoResponse(f"the server broke the rules of WebSocket: {error.sent.reason or error.sent.code}")
        return NoResponse("the connection ended without a Close frame")


class _Connect(connect):
    """Opens a WebSocket where it is asked to, and nowhere else."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc
