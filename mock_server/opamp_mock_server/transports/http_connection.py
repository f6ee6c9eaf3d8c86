"""HTTP connections: uvicorn's, with limits, and without ASGI around each request.

uvicorn parses requests (by httptools), handles WebSockets, TLS and signals, and shuts down. OpAMP requests have a few
hundred bytes and are answered in microseconds. The ASGI machinery of uvicorn (a task, an event, and checks for each
request) would cost as much as everything else. docs/performance.md has the measurements.
"""

import asyncio
import logging
from asyncio import TimerHandle
from collections import deque
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, Final, Protocol

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from opamp_mock_server.limits.limits import OverloadedError, retry_after
from opamp_mock_server.limits.pending_bytes import FREE_BYTES
from opamp_mock_server.transports.eager_start import start_eagerly
from opamp_mock_server.transports.http_encoding import CLOSE_HEADER, encoded
from opamp_mock_server.transports.http_head import (
    can_be_opening,
    has_body,
    head,
    head_without_upgrade,
    path_and_query,
    problem_of_head,
)
from opamp_mock_server.transports.http_messages import (
    CONTROL_PATH,
    ENDPOINT_PATH,
    Request,
    RequestRefusedError,
    Responder,
    Response,
    retry_later,
)
from opamp_mock_server.transports.response_batch import PendingRequest
from opamp_mock_server.transports.transport_settings import TransportSettings
from opamp_mock_server.transports.websocket import WebSocketEndpoint
from opamp_mock_server.transports.websocket_protocol import WebSocketProtocol

_log = logging.getLogger("opamp_mock_server.http")

_PATH: Final = ENDPOINT_PATH.encode()
_CONNECT: Final = "CONNECT"
_MOST_PIPELINED: Final = 16
_LARGE_BYTES: Final = 16 * 1024
"""After a response of this size, the next one waits until the client has read it."""
_MOST_OTHER_BYTES: Final = 4 * 1024 * 1024
"""The limit of bodies that are not messages of agents."""
_DRAINED: Final = 0.9
"""The share of the drain time after which connections are aborted, so that the server ends in time."""


class Instance(Protocol):
    """What a connection needs of the instance that it belongs to."""

    websocket: WebSocketEndpoint

    def open(self, request: Request) -> Responder:
        """Return the responder for a request. Raises RequestRefusedError."""

    def note_refusal(self, status: int) -> None:
        """Note a connection that ends with this status, because it has no request that can be read."""


class HttpProtocol(HttpToolsProtocol):
    """One connection. Requests are answered in order, each of them after the previous one.

    uvicorn alone would read headers of any size, and keep an incomplete request open forever.
    """

    def __init__(
        self,
        instance_at: Callable[[int], Instance],
        settings: TransportSettings,
        **uvicorn: Any,
    ) -> None:
        super().__init__(**uvicorn)
        self.url = b""
        self.is_control_plane = False
        self._is_message = False
        self._settings = settings
        self._instance_at = instance_at
        self._limits = settings.limits
        self._batch = settings.batch
        self._held = 0
        self._not_body = 0
        self._head_bytes = 0
        self._method = ""
        self._body: list[bytes] = []
        self._drops_body = False
        self._body_bytes = 0
        self._answer: Responder | None = None
        self._in_request = False
        self._waiting: deque[PendingRequest] = deque()
        self._is_busy = False
        self._is_ending = False
        self._has_ended = False
        self._must_drain = False
        self._stalled: TimerHandle | None = None
        self._deadline: TimerHandle | None = None
        self._idle: TimerHandle | None = None
        self._idle_since = 0.0

    # ---- the connection

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._instance = self._instance_at((self.server or ("", 0))[1] or 0)
        if len(self.connections) > self._limits.connections:
            self._settings.metrics.shed["connections"] += 1
            self._refuse(503, (b"retry-after", b"%d" % retry_after()))
            return
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._settings.pending.release(self._held + sum(request.held for request in self._waiting))
        self._held = 0
        self._waiting.clear()
        self._body, self._answer = [], None  # The answer knows this connection: a cycle would keep the body for long.
        if self._stalled is not None:
            self._stalled.cancel()
        if self._idle is not None:
            self._idle.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._not_body += len(data)
        self._parse(data)
        if not self._in_request:
            return  # All requests so far are complete.
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            self._disarm()
        elif self._not_body > self._limits.header_bytes:
            self._refuse(431)
        elif self._deadline is None:
            self._arm()

    def _parse(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserError:
                self.send_400_response("Invalid HTTP request received.")
            except httptools.HttpParserUpgrade as upgrade:
                if self._should_upgrade():
                    self._open_websocket()
                elif self._method != _CONNECT:  # CONNECT has been refused already.
                    data = (
                        head_without_upgrade(self._method, self.url, self.parser.get_http_version(), self.headers)
                        + data[upgrade.args[0] :]
                    )
                    self.parser = httptools.HttpRequestParser(self)
                    continue
            return

    def _open_websocket(self) -> None:
        if has_body(self.headers):
            self._refuse(400)
        elif can_be_opening(self.url, self.headers):
            self.handle_websocket_upgrade()
        else:
            self._refuse(431)

    def handle_websocket_upgrade(self) -> None:
        """Let another protocol handle the connection from now on."""
        self._disarm()
        if self._idle is not None:
            self._idle.cancel()
        path, query = path_and_query(self.url)
        opening = Request(self._method, path, self.headers, query)
        opened_by = head(self._method, self.url, self.parser.get_http_version(), self.headers)
        kind: type[WebSocketProtocol] = self.ws_protocol_class  # type: ignore[assignment] # the server chose it
        websocket = kind(self._instance.websocket, opening, self._settings, self.server_state, self.loop)
        self.connections.discard(self)
        self.parser = None  # type: ignore[assignment] # it knows this object, and both would be kept for long
        websocket.connection_made(self.transport)
        websocket.data_received(opened_by)
        self.transport.set_protocol(websocket)

    def shutdown(self) -> None:
        """Close the connection after its requests in progress are answered."""
        self._is_ending = True
        if not (self._in_request or self._is_busy or self._waiting):
            self.transport.close()
        # A client that does not read, or does not complete its request, must not delay the end.
        self.loop.call_later(_DRAINED * self._limits.drain_seconds, self.transport.abort)

    def pause_writing(self) -> None:
        """Give a client that does not read its responses no more of them, and drop it if it goes on."""
        super().pause_writing()
        self.flow.pause_reading()
        self._stalled = self.loop.call_later(self._limits.request_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
        self.go_on()
        self._read_on()

    def _is_awaited(self) -> bool:
        return not self.transport.is_closing()

    # ---- callbacks of the parser

    def on_message_begin(self) -> None:
        self._in_request = True
        self.url = b""
        self.headers = []
        self._head_bytes = 0
        self.expect_100_continue = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._method = self.parser.get_method().decode("ascii")
        problem = problem_of_head(self.headers, self.parser.get_http_version())
        if problem is not None:
            self._refuse(problem)
            return
        if self.parser.should_upgrade() and self._method != _CONNECT:
            return
        if self._head_bytes + len(self.url) > self._limits.header_bytes:
            self._refuse(431)
            return
        path, query = (ENDPOINT_PATH, b"") if self.url == _PATH else path_and_query(self.url)
        self.is_control_plane = path.startswith(CONTROL_PATH)
        self._is_message = path == ENDPOINT_PATH
        self._drops_body = False
        try:
            self._answer = self._instance.open(Request(self._method, path, self.headers, query, self._is_awaited))
        except RequestRefusedError as refused:
            self._answer, self._drops_body = refused.answer, True
        # It must not overtake responses to earlier requests; a client does not wait for it for long.
        if self.expect_100_continue and not self._is_busy and self.parser.get_http_version() != "1.0":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._not_body -= len(body)
        if self._answer is None:
            return  # It has been refused already.
        self._body_bytes += len(body)
        if not self._drops_body and not self._keep(body):
            self._take(retry_later(503, OverloadedError("too many large messages")).answer, is_last=True)
        elif self._body_bytes > self._most_bytes:
            # The responder refuses it. The rest is not read, so the connection ends with the response.
            self._take(self._answer, is_last=True)

    @property
    def _most_bytes(self) -> int:
        """The limit of the body; nothing but a message may be very large."""
        most = self._settings.max_message_bytes
        return most if self._is_message else min(most, _MOST_OTHER_BYTES)

    def _keep(self, body: bytes) -> bool:
        """Keep a part of a body; returns whether the budget for large messages allows that."""
        self._body.append(body)
        if self._body_bytes <= FREE_BYTES:
            return True
        if not self._settings.pending.hold(len(body)):
            return False
        self._held += len(body)
        return True

    def on_message_complete(self) -> None:
        self._not_body = 0
        self._in_request = False
        self._disarm()
        if self._answer is not None:
            is_last = not self.parser.should_keep_alive() or self.parser.get_http_version() == "1.0"
            self._take(self._answer, is_last=is_last)

    # ---- answering

    def _take(self, answer: Responder, *, is_last: bool) -> None:
        exchange = PendingRequest(answer, b"".join(self._body), self._method != "HEAD", is_last, self._held)
        self._body, self._body_bytes, self._answer, self._held = [], 0, None, 0
        if not self._is_busy:
            self._is_busy = True
            self._batch.take(self, exchange)
            return
        self._waiting.append(exchange)
        if len(self._waiting) >= _MOST_PIPELINED:
            self.flow.pause_reading()

    def handle(self, exchange: PendingRequest) -> None:
        """Answer a request, and the waiting ones after it, until one of them takes time or has a large response."""
        for _ in range(_MOST_PIPELINED):
            try:
                answering = exchange.answer(exchange.body)
                begun = (
                    start_eagerly(answering, self.loop)
                    if self._settings.answers_from_memory
                    else self.loop.create_task(answering)
                )
            except Exception:
                begun = _failed()
            if not isinstance(begun, Response):
                self.tasks.add(begun)  # type: ignore[arg-type] # it only waits for them
                begun.add_done_callback(partial(self._finish, exchange))
                return
            self._send(exchange, begun)
            if self._must_drain:
                return  # The next one is answered when the client has read this response.
            if not self._waiting or self._has_ended:
                self._is_busy = False
                self._read_on()
                return
            exchange = self._waiting.popleft()
        self._batch.take(self, exchange)  # Others are answered before the rest of a long row.

    def _finish(self, exchange: PendingRequest, task: "asyncio.Task[Response]") -> None:
        self.tasks.discard(task)
        if task.cancelled():
            self._settings.pending.release(exchange.held)
            self.transport.close()
            return
        try:
            response = task.result()
        except Exception:
            response = _failed()
        self._send(exchange, response)
        if not self._must_drain:
            self._answer_next()

    def go_on(self) -> None:
        """Answer the next request, if a large response was in its way and the client has read it."""
        if self._must_drain and not self.flow.write_paused:
            self._must_drain = False
            self._answer_next()

    def _answer_next(self) -> None:
        if self._waiting and not self._has_ended:
            self._batch.take(self, self._waiting.popleft())
        else:
            self._is_busy = False
        self._read_on()

    def _send(self, exchange: PendingRequest, response: Response) -> None:
        self._settings.pending.release(exchange.held)
        self._settings.metrics.responded(response.status)
        if self.transport.is_closing():
            return  # The client has gone.
        self._has_ended = (
            exchange.is_last or CLOSE_HEADER in response.headers or (self._is_ending and not self._waiting)
        )
        self._must_drain = exchange.takes_body and len(response.body) > _LARGE_BYTES
        takes_body = exchange.takes_body and not self._must_drain
        data = encoded(response, is_last=self._has_ended, takes_body=takes_body)
        self._batch.send(self, data, is_last=self._has_ended and not self._must_drain)
        if self._must_drain:  # By itself, so that all downloads of a file share it.
            self._batch.send(self, response.body, is_last=self._has_ended)
        self._idle_since = self.loop.time()
        if self._idle is None:
            self._idle = self.loop.call_later(self._limits.idle_seconds, self._end_if_idle)

    def _read_on(self) -> None:
        if not self.flow.write_paused and len(self._waiting) < _MOST_PIPELINED:
            self.flow.resume_reading()

    # ---- time limits

    def _arm(self) -> None:
        self._deadline = self.loop.call_later(self._limits.request_seconds, self._expire)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        self._deadline = None
        self._refuse(408)

    def _end_if_idle(self) -> None:
        """Close a connection that has been idle for too long. One repeated timer is cheaper than one per request."""
        left = self._idle_since + self._limits.idle_seconds - self.loop.time()
        if left <= 0 and not (self._in_request or self._is_busy):
            self.transport.close()
        else:
            self._idle = self.loop.call_later(max(left, 1.0), self._end_if_idle)

    def send_400_response(self, msg: str) -> None:
        self._refuse(400)  # uvicorn calls this for data that is not HTTP.

    def _refuse(self, status: int, *headers: tuple[bytes, bytes]) -> None:
        """End the connection with an error response, after the responses that are still due."""
        self._disarm()
        refused = RequestRefusedError(status, HTTPStatus(status).phrase, *headers, CLOSE_HEADER)
        exchange = PendingRequest(refused.answer, b"", takes_body=True, is_last=True, held=0)
        self._answer = None
        if self._is_busy:
            self._waiting.append(exchange)
            self.flow.pause_reading()
            return
        self._instance.note_refusal(status)
        self._settings.metrics.responded(status)
        self.transport.write(encoded(refused.response, is_last=True, takes_body=True))
        self.transport.close()


def _failed() -> Response:
    _log.exception("a request could not be answered")
    return Response(500, b"Internal Server Error", (CLOSE_HEADER,), b"text/plain; charset=utf-8")
