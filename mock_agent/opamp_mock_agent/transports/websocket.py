"""The WebSocket transport."""

import asyncio
from collections.abc import Callable
from typing import Any

import websockets.asyncio.client
from google.protobuf.message import DecodeError
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.frames import Frame, Opcode

from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_agent.errors import ConnectionFailedError
from opamp_mock_agent.transports.connection import CONNECT_SECONDS, MAX_BYTES, Route, refused
from opamp_mock_agent.transports.proxy import tunnel
from opamp_proto import opamp_pb2 as pb

_HEADER = b"\0"


class WebSocketConnection:
    """One WebSocket."""

    def __init__(self, websocket: websockets.asyncio.client.ClientConnection, behaviour: Behaviour) -> None:
        self._websocket = websocket
        self._behaviour = behaviour

    @classmethod
    async def open(cls, route: Route, behaviour: Behaviour) -> "WebSocketConnection":
        """Connect to the server; raises ConnectionFailedError."""
        try:
            through = None if route.proxy is None else await tunnel(route.proxy, route.url)
            connecting = websockets.asyncio.client.connect(
                route.url,
                additional_headers=dict(route.headers),
                ssl=route.tls,
                open_timeout=CONNECT_SECONDS,
                max_size=MAX_BYTES,
                user_agent_header="opamp-mock-agent",
                ping_interval=None,
                close_timeout=2,
                compression=None,
                proxy=None,
                sock=through,
            )
            connecting.process_exception = lambda error: error  # The agent decides when to try again.
            websocket = await connecting
            if not behaviour.answers_close_frame:
                _leave_close_frames_out(websocket)
            if not behaviour.answers_pings:
                _ignore_frames(websocket, lambda frame: frame.opcode is Opcode.PING)
            if not behaviour.reads_fragments:
                _ignore_frames(websocket, lambda frame: frame.opcode is Opcode.CONT or not frame.fin)
            return cls(websocket, behaviour)
        except InvalidStatus as error:
            status, headers = error.response.status_code, error.response.headers
            raise refused(status, headers, reads_dates=behaviour.reads_dates) from error
        except (OSError, TimeoutError, WebSocketException) as error:
            raise ConnectionFailedError(str(error) or type(error).__name__) from error

    async def send(self, message: pb.AgentToServer) -> None:
        try:
            await self._websocket.send(self._behaviour.websocket_message(_HEADER + message.SerializeToString()))
        except ConnectionClosed as error:
            raise ConnectionFailedError(str(error)) from error

    async def receive(self) -> pb.ServerToAgent:
        while True:
            try:
                data = await self._websocket.recv()
            except ConnectionClosed as error:
                raise ConnectionFailedError(str(error)) from error
            message = self._message(data)
            if message is not None:
                return message

    async def close(self, *, with_close_frame: bool = True) -> None:
        if with_close_frame:
            await self._websocket.close()
        else:
            self._websocket.transport.abort()
            await asyncio.sleep(0)

    def _message(self, data: bytes | str) -> pb.ServerToAgent | None:
        """Decode a message; None if it is malformed (ws.header.nonzero-malformed.agent)."""
        header_size = 1
        if isinstance(data, bytes):
            while header_size < len(data) and data[header_size - 1] & 0x80:
                header_size += 1  # A header of several bytes is still a varint.
        is_header_wrong = isinstance(data, str) or any(byte & 0x7F for byte in data[:header_size]) or not data
        if isinstance(data, str) or (is_header_wrong and self._behaviour.checks_header):
            return None
        if len(data) == header_size and not self._behaviour.accepts_empty_messages:
            raise ConnectionFailedError("a message without any field")
        try:
            return pb.ServerToAgent.FromString(data[header_size:])
        except DecodeError as error:
            if self._behaviour.survives_garbage:
                return None
            raise SystemExit(1) from error


def _ignore_frames(websocket: websockets.asyncio.client.ClientConnection, is_ignored: Callable[[Frame], bool]) -> None:
    """Let a WebSocket take some frames for nothing; the library processes all of them."""
    protocol: Any = websocket.protocol
    receive = protocol.recv_frame
    protocol.recv_frame = lambda frame: None if is_ignored(frame) else receive(frame)


def _leave_close_frames_out(websocket: websockets.asyncio.client.ClientConnection) -> None:
    """Let a WebSocket send everything but Close frames; the library answers one on its own."""
    protocol: Any = websocket.protocol
    send = protocol.send_frame
    protocol.send_frame = lambda frame: None if frame.opcode is Opcode.CLOSE else send(frame)
