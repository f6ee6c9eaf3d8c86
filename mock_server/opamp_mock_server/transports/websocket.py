"""The WebSocket transport, as an ASGI application (WebSocket Transport)."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

from opamp_mock_server.admission import Admission
from opamp_mock_server.http import Refused, RequestHeaders, check_path, unauthorized
from opamp_mock_server.overload import Overloaded, RateLimits
from opamp_mock_server.records import DEFAULT_POLICY
from opamp_mock_server.service import Service

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

HEADER: Final = b"\0"
"""The header of every message: the number 0 as a varint (WebSocket Message Format)."""

_GOING_AWAY: Final = 1001  # RFC 6455, section 7.4.1
_POLICY_VIOLATION: Final = 1008
_MAX_VARINT_BYTES: Final = 10


class UnreadableFrame(Exception):
    """A WebSocket message that is no OpAMP message."""


class WebSocketEndpoint:
    """Answers one AgentToServer a WebSocket message, and lets the service push between answers."""

    def __init__(self, service: Service, admission: Admission, rates: RateLimits) -> None:
        self._service = service
        self._admission = admission
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        headers = RequestHeaders.of(scope["headers"], self._admission)
        try:
            self.check(scope["path"], headers)
        except Refused as refused:
            await _refuse(refused, send)
            return
        await send({"type": "websocket.accept"})
        connection = self.connection(send)
        connection.authorization = headers.authorization
        connection.policy_id = headers.policy_id or DEFAULT_POLICY
        connection.is_admitted = lambda: self._admission.policy_of(headers.authorization) == headers.policy_id
        try:
            while (event := await receive())["type"] == "websocket.receive":
                if not connection.is_admitted():
                    await connection.close(_POLICY_VIOLATION)
                    break
                await self.attend(event, connection)
        finally:
            await self._service.ended(connection)

    def check(self, path: str, headers: RequestHeaders) -> None:
        """Raise Refused unless an admitted client asks for the endpoint."""
        check_path(path)
        self.require_admission(headers)

    def require_admission(self, headers: RequestHeaders) -> None:
        if headers.policy_id is None:
            raise self.unauthorized()

    def unauthorized(self) -> Refused:
        return unauthorized()

    def connection(self, send: Send) -> "WebSocketConnection":
        return WebSocketConnection(send)

    async def attend(self, event: dict[str, Any], connection: "WebSocketConnection") -> None:
        """Answer one WebSocket message."""
        try:
            data = self.decode(event)
        except UnreadableFrame as unreadable:
            await connection.send(self._service.malformed(str(unreadable)))
            return
        try:
            self._rates.take(connection.authorization)
            answer = await self._service.answer(data, connection)
        except Overloaded as overloaded:
            answer = self._service.overloaded(data, overloaded)
        await connection.send(answer)

    def decode(self, event: dict[str, Any]) -> bytes:
        """Return the protobuf in a WebSocket message; raises UnreadableFrame."""
        payload: bytes | None = event.get("bytes")
        if payload is None:
            raise UnreadableFrame("OpAMP messages are binary WebSocket messages, this is a text")
        header, size = self.header(payload)
        if header != 0:
            raise UnreadableFrame(f"the header is {header} instead of 0")
        return payload[size:]

    def header(self, payload: bytes) -> tuple[int, int]:
        """Return the number in the header and its size in bytes; raises UnreadableFrame."""
        number = 0
        for index, byte in enumerate(payload[:_MAX_VARINT_BYTES]):
            number |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return number, index + 1
        raise UnreadableFrame("the header is no varint of at most 10 bytes")


class WebSocketConnection:
    """One WebSocket, from the server's side. Once closed it takes nothing more."""

    def __init__(self, send: Send) -> None:
        self.policy_id = DEFAULT_POLICY
        self.authorization: bytes | None = None
        self.is_admitted: Callable[[], bool] = lambda: True
        """Whether the key it was opened with is still good for that policy."""
        self.lock = asyncio.Lock()
        self._send = send
        self._is_closed = False

    async def send(self, data: bytes) -> None:
        if not self.is_admitted():
            await self.close(_POLICY_VIOLATION)
        if not self._is_closed:
            with contextlib.suppress(OSError):  # A peer that has gone needs no answer.
                await self._send(self.event(data))

    def event(self, data: bytes) -> dict[str, Any]:
        """Make the WebSocket message that carries a ServerToAgent."""
        return {"type": "websocket.send", "bytes": HEADER + data}

    async def close(self, code: int = _GOING_AWAY) -> None:
        if not self._is_closed:
            self._is_closed = True
            with contextlib.suppress(OSError):
                await self._send({"type": "websocket.close", "code": code})


async def _refuse(refused: Refused, send: Send) -> None:
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
