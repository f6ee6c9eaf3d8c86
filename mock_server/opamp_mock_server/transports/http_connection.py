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
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from opamp_mock_server.limits.limits import Limits, retry_after
from opamp_mock_server.metrics import Metrics
from opamp_mock_server.transports.eager_start import start_eagerly
from opamp_mock_server.transports.http_encoding import CLOSE_HEADER, encoded
from opamp_mock_server.transports.http_head import can_be_opening, head_without_upgrade, problem_of_head
from opamp_mock_server.transports.http_messages import (
    CONTROL_PATH,
    ENDPOINT_PATH,
    Request,
    RequestRefusedError,
    Responder,
    Response,
    too_large,
)

_log = logging.getLogger("opamp_mock_server.http")

_PATH: Final = ENDPOINT_PATH.encode()
_CONNECT: Final = "CONNECT"
_MOST_PIPELINED: Final = 16
_NOT_UTF8: Final = 1007  # RFC 6455, section 7.4.1
_DRAINED: Final = 0.9
"""The share of the drain time after which connections are aborted, so that the server ends in time."""

FindResponder = Callable[[Request], Responder]
"""Finds the responder for a request. Raises RequestRefusedError."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol. It is a class of its own so that a deviation can change it."""

    def send_receive_event_to_app(self) -> None:
        """Close the connection after a text that is not UTF-8 (RFC 6455, section 8.1); uvicorn logs a traceback."""
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.conn.send_close(_NOT_UTF8)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()


class ResponseBatch:
    """Answers all requests that arrive in one turn of the event loop together, and writes the responses afterwards.

    This is faster than one request after the other: Python and the kernel find more of their data in the CPU caches.
    """

    def __init__(self) -> None:
        self._requests: list[tuple[HttpProtocol, _PendingRequest]] = []
        self._responses: list[tuple[asyncio.Transport, bytes, bool]] = []
        self._is_due = False

    def take(self, connection: "HttpProtocol", exchange: "_PendingRequest") -> None:
        """Answer a request at the end of this turn."""
        self._requests.append((connection, exchange))
        self._will_end(connection)

    def send(self, connection: "HttpProtocol", data: bytes, *, is_last: bool) -> None:
        """Write a response together with the others; the connection ends after its last response."""
        self._responses.append((connection.transport, data, is_last))
        self._will_end(connection)

    def _will_end(self, connection: "HttpProtocol") -> None:
        if not self._is_due:
            self._is_due = True
            connection.loop.call_soon(self._end)

    def _end(self) -> None:
        self._is_due = False
        requests, self._requests = self._requests, []
        for connection, exchange in requests:
            connection.handle(exchange)
        responses, self._responses = self._responses, []
        for transport, data, is_last in responses:
            transport.write(data)
            if is_last:
                transport.close()


class _PendingRequest(NamedTuple):
    """A complete request that waits for its turn."""

    answer: Responder
    body: bytes
    takes_body: bool
    is_last: bool


class HttpProtocol(HttpToolsProtocol):
    """One connection. Requests are answered in order, each of them after the previous one.

    uvicorn alone would read headers of any size, and keep an incomplete request open forever.
    """

    def __init__(
        self,
        instance_at: Callable[[int], FindResponder],
        limits: Limits,
        max_body_bytes: int,
        metrics: Metrics,
        turn: ResponseBatch,
        answers_from_memory: bool,
        **uvicorn: Any,
    ) -> None:
        """``answers_from_memory`` means that answers come from memory, so that hardly any of them has to wait."""
        super().__init__(**uvicorn)
        self.url = b""
        self.is_control_plane = False
        self._answers_from_memory = answers_from_memory
        self._turn = turn
        self._instance_at = instance_at
        self._limits = limits
        self._max_body_bytes = max_body_bytes
        self._metrics = metrics
        self._not_body = 0
        self._head_bytes = 0
        self._method = ""
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._answer: Responder | None = None
        self._in_request = False
        self._waiting: deque[_PendingRequest] = deque()
        self._is_busy = False
        self._is_ending = False
        self._has_ended = False
        self._deadline: TimerHandle | None = None
        self._idle: TimerHandle | None = None
        self._idle_since = 0.0

    # ---- the connection

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._open = self._instance_at((self.server or ("", 0))[1] or 0)
        if len(self.connections) > self._limits.connections:
            self._metrics.shed["connections"] += 1
            self._refuse(503, (b"retry-after", b"%d" % retry_after()))
            return
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._waiting.clear()
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
        if can_be_opening(self.url, self.headers):
            self.handle_websocket_upgrade()
        else:
            self._refuse(431)

    def handle_websocket_upgrade(self) -> None:
        self.scope = {"method": self._method, "headers": self.headers}  # type: ignore[typeddict-item]
        self._disarm()  # Another protocol handles the connection now.
        if self._idle is not None:
            self._idle.cancel()
        super().handle_websocket_upgrade()

    def shutdown(self) -> None:
        """Close the connection after its requests in progress are answered."""
        self._is_ending = True
        if not (self._in_request or self._is_busy or self._waiting):
            self.transport.close()
        # A client that does not read, or does not complete its request, must not delay the end.
        self.loop.call_later(_DRAINED * self._limits.drain_seconds, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.flow.pause_reading()  # A client that does not read its responses gets no more of them.

    def resume_writing(self) -> None:
        super().resume_writing()
        self._read_on()

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
        path, query = (ENDPOINT_PATH, b"") if self.url == _PATH else _parsed(self.url)
        self.is_control_plane = path.startswith(CONTROL_PATH)
        try:
            self._answer = self._open(Request(self._method, path, self.headers, query))
        except RequestRefusedError as refused:
            self._answer = refused.answer
        # It must not overtake responses to earlier requests; a client does not wait for it for long.
        if self.expect_100_continue and not self._is_busy and self.parser.get_http_version() != "1.0":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._not_body -= len(body)
        if self._answer is None:
            return  # It has been refused already.
        self._body.append(body)
        self._body_bytes += len(body)
        if self._body_bytes > self._max_body_bytes:
            # The rest of the body is not read, so the connection ends with this response.
            self._take(too_large(self._max_body_bytes).answer, is_last=True)

    def on_message_complete(self) -> None:
        self._not_body = 0
        self._in_request = False
        self._disarm()
        if self._answer is not None:
            is_last = not self.parser.should_keep_alive() or self.parser.get_http_version() == "1.0"
            self._take(self._answer, is_last=is_last)

    # ---- answering

    def _take(self, answer: Responder, *, is_last: bool) -> None:
        exchange = _PendingRequest(answer, b"".join(self._body), self._method != "HEAD", is_last)
        self._body, self._body_bytes, self._answer = [], 0, None
        if not self._is_busy:
            self._is_busy = True
            self._turn.take(self, exchange)
            return
        self._waiting.append(exchange)
        if len(self._waiting) >= _MOST_PIPELINED:
            self.flow.pause_reading()

    def handle(self, exchange: _PendingRequest) -> None:
        """Answer a request, and the waiting ones after it, until one of them takes time."""
        while True:
            try:
                answering = exchange.answer(exchange.body)
                begun = (
                    start_eagerly(answering, self.loop)
                    if self._answers_from_memory
                    else self.loop.create_task(answering)
                )
            except Exception:
                begun = _failed()
            if not isinstance(begun, Response):
                self.tasks.add(begun)  # type: ignore[arg-type] # it only waits for them
                begun.add_done_callback(partial(self._finish, exchange))
                return
            self._send(exchange, begun)
            if not self._waiting or self._has_ended:
                self._is_busy = False
                self._read_on()
                return
            exchange = self._waiting.popleft()

    def _finish(self, exchange: _PendingRequest, task: "asyncio.Task[Response]") -> None:
        self.tasks.discard(task)
        if task.cancelled():
            self.transport.close()
            return
        try:
            response = task.result()
        except Exception:
            response = _failed()
        self._send(exchange, response)
        if self._waiting and not self._has_ended:
            self._turn.take(self, self._waiting.popleft())
        else:
            self._is_busy = False
        self._read_on()

    def _send(self, exchange: _PendingRequest, response: Response) -> None:
        self._metrics.responded(response.status)
        if self.transport.is_closing():
            return  # The client has gone.
        self._has_ended = (
            exchange.is_last or CLOSE_HEADER in response.headers or (self._is_ending and not self._waiting)
        )
        data = encoded(response, is_last=self._has_ended, takes_body=exchange.takes_body)
        self._turn.send(self, data, is_last=self._has_ended)
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
        exchange = _PendingRequest(refused.answer, b"", takes_body=True, is_last=True)
        self._answer = None
        if self._is_busy:
            self._waiting.append(exchange)
            self.flow.pause_reading()
            return
        self._metrics.responded(status)
        self.transport.write(encoded(refused.response, is_last=True, takes_body=True))
        self.transport.close()


def _parsed(url: bytes) -> tuple[str, bytes]:
    parsed = httptools.parse_url(url)
    return unquote((parsed.path or b"/").decode("ascii")), parsed.query or b""


def _failed() -> Response:
    _log.exception("a request could not be answered")
    return Response(500, b"Internal Server Error", (CLOSE_HEADER,), b"text/plain; charset=utf-8")
