"""Judges what passes between agents and a server: the agents by their checks, the server by those of every message."""

import gzip
import io
import itertools
import time
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from google.protobuf.message import DecodeError

from opamp_agent_checks import AgentJudge, Closed, HttpRequestFacts, Received, Sent
from opamp_conformance.checks.findings import Findings
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.watch.streams import MAX_BYTES, HttpMessage, HttpReader, UnreadableError, WebSocketReader
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import HttpRequest, HttpResponse
from opamp_conformance.wire.websocket import HEADER, ReceivedMessage, WebSocketMessage
from opamp_proto import CONTENT_TYPE
from opamp_proto import opamp_pb2 as pb

_SWITCHING: Final = 101
_OK: Final = 200
_MOST_PENDING: Final = 1000


class Watcher:
    """Collects findings about both sides. ``say`` gets one line, for the first connection that cannot be judged.

    What goes to another path than ``path`` is not OpAMP, and is not judged.
    """

    def __init__(
        self,
        contracts: Sequence[Contract],
        say: Callable[[str], None],
        path: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._clock = clock
        self.judge = AgentJudge()
        self.findings = Findings([str(contract) for contract in contracts])
        self.messages = 0
        self.unjudged = 0
        """Connections that were passed on, and not judged to their end."""
        self._say = say
        self._ids = itertools.count(1)
        self._began = clock()

    def connection(self) -> "ConnectionWatch":
        """Return the tap of a new connection."""
        return ConnectionWatch(self)

    def new_id(self) -> int:
        return next(self._ids)

    def now(self) -> float:
        """Return the seconds since the watch began."""
        return self._clock() - self._began

    def is_for_opamp(self, request: HttpMessage) -> bool:
        """Return whether a request goes to the endpoint."""
        return request.url.partition("?")[0] == self.path

    def exchanged(self, exchange: Exchange) -> None:
        """Judge the server by one exchange."""
        self.messages += 1
        self.findings.inspect(exchange)

    def gave_up(self, reason: str) -> None:
        """Note that a connection is not judged any more."""
        self.unjudged += 1
        if self.unjudged == 1:
            self._say(f"a connection is passed on, and not judged any more: {reason}")


class ConnectionWatch:
    """The tap of one connection: first HTTP, then WebSocket after an upgrade. It never raises an error."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._requests = HttpReader(self._request, of_requests=True, begin=self._begin_request)
        self._responses = HttpReader(self._response, of_requests=False)
        self._pending: deque[tuple[int, float, HttpMessage]] = deque()
        self._websocket: WebSocketWatch | None = None
        self._is_judged = True
        self._is_open = True
        self._before_upgrade = bytearray()

    def from_client(self, data: bytes) -> None:
        self._guarded(lambda: self._feed_client(data) if data else self._client_ended())

    def from_server(self, data: bytes) -> None:
        self._guarded(lambda: self._feed_server(data) if data else self._server_ended())

    def closed(self) -> None:
        self._is_open = False
        if self._websocket is not None:
            self._guarded(self._websocket.closed)

    def _guarded(self, judge: Callable[[], None]) -> None:
        """Judge what happened; an error of a check must not end the connection."""
        if not self._is_judged:
            return
        try:
            judge()
        except UnreadableError as error:
            self._is_judged = False
            self._watcher.gave_up(str(error))
        except Exception as error:  # A defect of a check.
            self._is_judged = False
            self._watcher.gave_up(f"a defect of the suite: {type(error).__name__}: {error}")

    def _feed_client(self, data: bytes) -> None:
        if self._websocket is not None:
            self._websocket.client.feed(data)
        elif self._requests.rest is not None:  # The server has not agreed yet.
            self._before_upgrade += data
            if len(self._before_upgrade) > MAX_BYTES:
                raise UnreadableError("too much before the answer to an upgrade")
        else:
            self._feed_requests(data)

    def _feed_requests(self, data: bytes) -> None:
        self._requests.feed(data)
        self._before_upgrade = bytearray(self._requests.rest or b"")

    def _client_ended(self) -> None:
        self._is_open = False
        if self._websocket is not None:
            self._websocket.ended(by_client=True)

    def _server_ended(self) -> None:
        if self._websocket is not None:
            self._websocket.ended(by_client=False)
        else:
            self._responses.end()

    def _feed_server(self, data: bytes) -> None:
        if self._websocket is not None:
            self._websocket.server.feed(data)
            return
        self._responses.feed(data)
        if self._websocket is not None and self._responses.rest:
            self._websocket.server.feed(self._responses.rest)

    def _begin_request(self, request: HttpMessage) -> None:
        self._pending.append((self._watcher.new_id(), self._watcher.now(), request))
        if len(self._pending) > _MOST_PENDING:
            raise UnreadableError("too many requests without a response")
        if request.method == "HEAD":
            raise UnreadableError("the end of a response to HEAD cannot be seen")

    def _request(self, request: HttpMessage) -> None:
        if sum(len(one.body) for _, _, one in self._pending) > MAX_BYTES:
            raise UnreadableError("too many bytes without a response")
        if request.is_answered or not self._watcher.is_for_opamp(request) or _is_opening(request):
            return
        number, _, _ = self._pending[-1]
        facts = _facts(request)
        if request.method != "POST":
            self._watcher.judge.refused(Received(self._watcher.now(), number, b"", None, facts), None)
            return
        data = _without_encoding(request)
        event = Received(self._watcher.now(), number, data, _decoded(data), facts, is_awaited=lambda: self._is_open)
        self._watcher.judge.received(event)

    def _response(self, response: HttpMessage) -> None:
        if response.status < _OK and response.status != _SWITCHING:
            return  # An interim response, such as 100 (Continue).
        if not self._pending:
            raise UnreadableError("a response without a request")
        number, sent_at, request = self._pending.popleft()
        if response.status == _SWITCHING:
            if not self._watcher.is_for_opamp(request):
                self._is_judged = False
                return
            extensions = response.headers.get("sec-websocket-extensions", "")
            self._websocket = WebSocketWatch(self._watcher, extensions)
            if self._before_upgrade:
                self._websocket.client.feed(bytes(self._before_upgrade))
            return
        is_whole, request.is_answered = request.is_whole, True
        if is_whole and request.method == "POST" and self._watcher.is_for_opamp(request):
            self._exchanged(number, sent_at, request, response)
        if self._requests.rest is not None:  # The server has not agreed to the upgrade.
            self._requests.restart()
            self._feed_requests(bytes(self._before_upgrade))

    def _exchanged(self, number: int, sent_at: float, request: HttpMessage, response: HttpMessage) -> None:
        now = self._watcher.now()
        came = HttpResponse(response.status, response.headers, bytes(response.body))
        exchange = Exchange(_http_request(request), sent_at, now - sent_at, came)
        message = exchange.message if response.status == _OK else None
        self._watcher.judge.sent(Sent(now, number, message, response.status, exchange.retry_after))
        self._watcher.exchanged(exchange)


class WebSocketWatch:
    """Both directions of one WebSocket. Answers belong to messages in their order; what comes beyond is a push."""

    def __init__(self, watcher: Watcher, extensions: str) -> None:
        self._watcher = watcher
        self._number = watcher.new_id()
        self._waiting: deque[tuple[float, WebSocketMessage]] = deque()
        self._last: tuple[float, WebSocketMessage] | None = None
        self._is_ended_by_client: bool | None = None
        self.client = WebSocketReader(
            self._from_client, of_client=True, extensions=extensions, on_close=lambda: self.ended(by_client=True)
        )
        self.server = WebSocketReader(
            self._from_server, of_client=False, extensions=extensions, on_close=lambda: self.ended(by_client=False)
        )

    def ended(self, *, by_client: bool) -> None:
        """Note that one side has ended the WebSocket, by a Close frame or without; the first one has begun that."""
        if self._is_ended_by_client is None:
            self._is_ended_by_client = by_client

    def closed(self) -> None:
        by_agent = self._is_ended_by_client is True
        closed = Closed(self._watcher.now(), self._number, by_agent, self.client.has_close_frame)
        self._watcher.judge.closed(closed)
        self._watcher.findings.conversation.connection_closed(self._connection_id)

    @property
    def _connection_id(self) -> bytes:
        return self._number.to_bytes(8, "big")

    def _from_client(self, payload: bytes | str) -> None:
        now = self._watcher.now()
        data = payload.encode() if isinstance(payload, str) else payload
        is_text = isinstance(payload, str)
        message = None if is_text or data[:1] != HEADER else _decoded(data[1:])
        self._watcher.judge.received(Received(now, self._number, data, message, is_text=is_text))
        self._waiting.append((now, WebSocketMessage(payload, message, self._connection_id)))
        self._last = self._waiting[-1]
        if len(self._waiting) > _MOST_PENDING:
            raise UnreadableError("too many messages without an answer")

    def _from_server(self, payload: bytes | str) -> None:
        now = self._watcher.now()
        is_push = not self._waiting
        sent = self._last if is_push else self._waiting.popleft()
        if sent is None:
            return  # The server has sent something before any agent did.
        sent_at, request = sent
        exchange = Exchange(request, sent_at, now - sent_at, ReceivedMessage(payload), is_push=is_push)
        if exchange.message is not None:
            self._watcher.judge.sent(Sent(now, self._number, exchange.message, is_answer=not is_push))
        self._watcher.exchanged(exchange)


def _is_opening(request: HttpMessage) -> bool:
    return request.headers.get("upgrade", "").lower() == "websocket"


def _facts(request: HttpMessage) -> HttpRequestFacts:
    headers = request.headers
    return HttpRequestFacts(request.method, headers.get("content-type"), headers.get("opamp-instance-uid"))


def _http_request(request: HttpMessage) -> HttpRequest:
    names = {"content-type": "Content-Type", "accept-encoding": "Accept-Encoding"}
    headers = {names.get(name, name): value for name, value in request.headers.items()}
    is_opamp = request.headers.get("content-type") == CONTENT_TYPE
    message = _decoded(_without_encoding(request)) if is_opamp else None
    return HttpRequest(bytes(request.body), message, request.method, headers)


def _without_encoding(request: HttpMessage) -> bytes:
    """Return a body without its content encoding, or as it came; raises UnreadableError for a huge one."""
    if request.headers.get("content-encoding", "").lower() not in ("gzip", "x-gzip"):
        return bytes(request.body)
    try:
        data = gzip.GzipFile(fileobj=io.BytesIO(request.body)).read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error):
        return bytes(request.body)
    if len(data) > MAX_BYTES:
        raise UnreadableError(f"a body has more than {MAX_BYTES} bytes after decompression")
    return data


def _decoded(data: bytes) -> pb.AgentToServer | None:
    try:
        return pb.AgentToServer.FromString(data)
    except DecodeError:
        return None
