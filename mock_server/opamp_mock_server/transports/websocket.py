"""The WebSocket transport, as an ASGI application (WebSocket Transport)."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

from opamp_mock_server.core.agent_state import DEFAULT_POLICY
from opamp_mock_server.errors import MockServerError
from opamp_mock_server.limits.authentication import Authenticator
from opamp_mock_server.limits.limits import OverloadedError
from opamp_mock_server.limits.rate import RateLimits
from opamp_mock_server.service.service import Service
from opamp_mock_server.transports.http_messages import RequestHeaders, RequestRefusedError, check_path, unauthorized

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

HEADER: Final = b"\0"
"""The header of every message: the number 0 as a varint (WebSocket Message Format)."""

_GOING_AWAY: Final = 1001  # RFC 6455, section 7.4.1
_POLICY_VIOLATION: Final = 1008
_MAX_VARINT_BYTES: Final = 10


class UndecodableMessageError(MockServerError):
    """A WebSocket message is not an OpAMP message."""


class WebSocketEndpoint:
    """Answers one AgentToServer for each WebSocket message; the service may push messages between the replies."""

    def __init__(self, service: Service, authenticator: Authenticator, rates: RateLimits) -> None:
        self._service = service
        self._authenticator = authenticator
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        headers = RequestHeaders.of(scope["headers"], self._authenticator)
        try:
            self.check(scope["path"], headers)
        except RequestRefusedError as refused:
            await _refuse(refused, send)
            return
        await send({"type": "websocket.accept"})
        connection = self.connection(send)
        connection.authorization = headers.authorization
        connection.policy_id = headers.policy_id or DEFAULT_POLICY
        connection.is_admitted = lambda: self._authenticator.policy_of(headers.authorization) == headers.policy_id
        try:
            while (event := await receive())["type"] == "websocket.receive":
                if not connection.is_admitted():
                    await connection.close(_POLICY_VIOLATION)
                    break
                await self.attend(event, connection)
        finally:
            await self._service.connection_ended(connection)

    def check(self, path: str, headers: RequestHeaders) -> None:
        """Raise RequestRefusedError unless an authenticated client opens a WebSocket to the endpoint."""
        check_path(path)
        self.require_admission(headers)

    def require_admission(self, headers: RequestHeaders) -> None:
        if headers.policy_id is None:
            raise self.unauthorized()

    def unauthorized(self) -> RequestRefusedError:
        return unauthorized()

    def connection(self, send: Send) -> "WebSocketConnection":
        return WebSocketConnection(send)

    async def attend(self, event: dict[str, Any], connection: "WebSocketConnection") -> None:
        """Answer one WebSocket message."""
        try:
            data = self.decode(event)
        except UndecodableMessageError as unreadable:
            await connection.send(self._service.malformed(str(unreadable)))
            return
        try:
            self._rates.take(connection.authorization)
            answer = await self._service.answer(data, connection)
        except OverloadedError as overloaded:
            answer = self._service.overloaded(data, overloaded)
        await connection.send(answer)

    def decode(self, event: dict[str, Any]) -> bytes:
        """Return the protobuf in a WebSocket message. Raises UndecodableMessageError."""
        payload: bytes | None = event.get("bytes")
        if payload is None:
            raise UndecodableMessageError("OpAMP needs binary WebSocket messages, but this is a text message")
        header, size = self.header(payload)
        if header != 0:
            raise UndecodableMessageError(f"the header is {header} instead of 0")
        return payload[size:]

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

    def __init__(self, send: Send) -> None:
        self.policy_id = DEFAULT_POLICY
        self.authorization: bytes | None = None
        self.is_admitted: Callable[[], bool] = lambda: True
        """Whether the key it was opened with is still valid for that policy."""
        self.lock = asyncio.Lock()
        self._send = send
        self._is_closed = False

    async def send(self, data: bytes) -> None:
        if not self.is_admitted():
            await self.close(_POLICY_VIOLATION)
        if not self._is_closed:
            with contextlib.suppress(OSError):  # The agent may have gone.
                await self._send(self.event(data))

    def event(self, data: bytes) -> dict[str, Any]:
        """Return the WebSocket message with a ServerToAgent."""
        return {"type": "websocket.send", "bytes": HEADER + data}

    async def close(self, code: int = _GOING_AWAY) -> None:
        if not self._is_closed:
            self._is_closed = True
            with contextlib.suppress(OSError):
                await self._send({"type": "websocket.close", "code": code})


async def _refuse(refused: RequestRefusedError, send: Send) -> None:
    response = refused.response
    headers = [(b"content-type", response.content_type), (b"content-length", b"%d" % len(response.body))]
    await send(
        {
            "type": "websocket.http.response.start",
            "status": response.status,
            "headers": [*headers, *response.headers],
        }
    )
    await send({"type": "websocket.http.response.body", "body": response.body})
