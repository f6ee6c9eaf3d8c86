"""The WebSocket transport (WebSocket Transport): who may open one, and what its messages are."""

import asyncio
from collections.abc import Callable, Collection
from typing import Final, Protocol

from opamp_mock_server.core.agent_state import DEFAULT_POLICY
from opamp_mock_server.errors import MockServerError
from opamp_mock_server.limits.authentication import Authenticator
from opamp_mock_server.limits.limits import OverloadedError
from opamp_mock_server.limits.rate import RateLimits
from opamp_mock_server.service.scripted_answers import WithheldReplyError
from opamp_mock_server.service.service import Service
from opamp_mock_server.service.traffic import Traffic
from opamp_mock_server.transports.http_head import is_from_another_page
from opamp_mock_server.transports.http_messages import (
    Request,
    RequestHeaders,
    RequestRefusedError,
    check_path,
    unauthorized,
)

HEADER: Final = b"\0"
"""The header of every message: the number 0 as a varint (WebSocket Message Format)."""

_GOING_AWAY: Final = 1001  # RFC 6455, section 7.4.1
_POLICY_VIOLATION: Final = 1008
_MAX_VARINT_BYTES: Final = 10


class Socket(Protocol):
    """What a connection needs of the WebSocket below it."""

    @property
    def has_close_frame(self) -> bool:
        """Whether the client has sent a Close frame."""

    async def send(self, message: bytes | str) -> None:
        """Send a message when the client reads; a client that has gone gets none."""

    def close(self, code: int) -> None:
        """Begin the closing handshake."""


class UndecodableMessageError(MockServerError):
    """A WebSocket message is not an OpAMP message."""


class WebSocketEndpoint:
    """Answers one AgentToServer for each WebSocket message; the service may push messages between the replies."""

    def __init__(
        self,
        service: Service,
        authenticator: Authenticator,
        rates: RateLimits,
        traffic: Traffic,
        allowed_origins: Collection[str] = (),
    ) -> None:
        self._service = service
        self._allowed_origins = allowed_origins
        self._authenticator = authenticator
        self._rates = rates
        self._traffic = traffic

    def open(self, request: Request, socket: Socket) -> "WebSocketConnection":
        """Return the connection of an authenticated client; raises RequestRefusedError."""
        headers = RequestHeaders.of(request.headers, self._authenticator)
        try:
            if is_from_another_page(request.headers, self._allowed_origins):
                raise RequestRefusedError(403, "pages of other origins may not use this server")
            self.check(request, headers)
        except RequestRefusedError as refused:
            self._traffic.opening_refused(refused.response.status)
            raise
        connection = self.connection(socket)
        connection.traffic, connection.number = self._traffic, self._traffic.new_id()
        self._traffic.opened(connection.number)
        connection.authorization = headers.authorization
        connection.policy_id = headers.policy_id or DEFAULT_POLICY
        connection.is_admitted = lambda: self._authenticator.policy_of(headers.authorization) == headers.policy_id
        return connection

    async def receive(self, message: bytes | str, connection: "WebSocketConnection") -> None:
        """Answer one WebSocket message, unless the client is no longer admitted."""
        if connection.is_admitted():
            await self.attend(message, connection)
        else:
            await connection.close(_POLICY_VIOLATION)

    async def ended(self, connection: "WebSocketConnection") -> None:
        """Note that a connection has ended."""
        connection.ended()
        await self._service.connection_ended(connection)

    def check(self, request: Request, headers: RequestHeaders) -> None:
        """Raise RequestRefusedError unless an authenticated client opens a WebSocket to the endpoint."""
        check_path(request.path)
        self.require_admission(headers)

    def require_admission(self, headers: RequestHeaders) -> None:
        if headers.policy_id is None:
            raise self.unauthorized()

    def unauthorized(self) -> RequestRefusedError:
        return unauthorized()

    def connection(self, socket: Socket) -> "WebSocketConnection":
        return WebSocketConnection(socket)

    async def attend(self, message: bytes | str, connection: "WebSocketConnection") -> None:
        """Answer one WebSocket message."""
        self._traffic.message(connection.number, message)
        try:
            data = self.decode(message)
        except UndecodableMessageError as unreadable:
            await connection.send(self._service.malformed(str(unreadable)), is_answer=True)
            return
        try:
            self._rates.take(connection.authorization)
            answer = await self._service.answer(data, connection)
        except OverloadedError as overloaded:
            answer = self._service.overloaded(data, overloaded)
        except WithheldReplyError:
            return
        await connection.send(answer, is_answer=True)

    def decode(self, message: bytes | str) -> bytes:
        """Return the protobuf in a WebSocket message. Raises UndecodableMessageError."""
        if isinstance(message, str):
            raise UndecodableMessageError("OpAMP needs binary WebSocket messages, but this is a text message")
        header, size = self.header(message)
        if header != 0:
            raise UndecodableMessageError(f"the header is {header} instead of 0")
        return message[size:]

    def header(self, payload: bytes) -> tuple[int, int]:
        """Return the number in the header and its size in bytes. Raises UndecodableMessageError."""
        number = 0
        for index, byte in enumerate(payload[:_MAX_VARINT_BYTES]):
            number |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return number, index + 1
        raise UndecodableMessageError("the header is not a varint of at most 10 bytes")


class WebSocketConnection:
    """One WebSocket, as the server sees it. After it is closed, it ignores messages."""

    def __init__(self, socket: Socket) -> None:
        self.policy_id = DEFAULT_POLICY
        self.authorization: bytes | None = None
        self.is_admitted: Callable[[], bool] = lambda: True
        """Whether the key it was opened with is still valid for that policy."""
        self.lock = asyncio.Lock()
        self.traffic = Traffic()
        self.number = 0
        self._socket = socket
        self._is_closed = False

    def ended(self) -> None:
        """Note that the connection has ended; the server may have closed it."""
        self.traffic.closed(self.number, by_agent=not self._is_closed, has_close_frame=self._socket.has_close_frame)

    async def send(self, data: bytes, *, is_answer: bool = False) -> None:
        if not self._is_closed:
            self.traffic.sent(self.number, data, is_answer=is_answer)
        if not self.is_admitted():
            await self.close(_POLICY_VIOLATION)
        if not self._is_closed:
            await self._socket.send(self.message(data))

    def message(self, data: bytes) -> bytes | str:
        """Return the WebSocket message with a ServerToAgent."""
        return HEADER + data

    async def close(self, code: int = _GOING_AWAY) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._socket.close(code)
