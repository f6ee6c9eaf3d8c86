"""The connections of a fleet, on gevent's sockets: the minimum for a message and its answer.

Locust's own client takes five times as long as the rest of a message (docs/performance.md). httptools parses HTTP, and
websockets parses WebSocket, as elsewhere in the kit.
"""

import random
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from time import monotonic
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import urlsplit

import gevent.socket
import httptools
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.http11 import Response as Opened
from websockets.protocol import State
from websockets.uri import parse_uri

from opamp_conformance.errors import ConformanceError
from opamp_conformance.wire.http import MAX_RESPONSE_BYTES
from opamp_conformance.wire.transport import Transport
from opamp_conformance.wire.websocket import HEADER
from opamp_proto import CONTENT_TYPE

# As much as a socket usually has ready at once.
_CHUNK: Final = 64 * 1024


class ConnectionBrokenError(ConformanceError):
    """No answer came; the message says why."""


class Answer(NamedTuple):
    """The response. ``status`` is an HTTP status, also that of a refused WebSocket; None for a WebSocket message."""

    status: int | None
    headers: list[tuple[bytes, bytes]]
    body: bytes


@dataclass(frozen=True)
class Destination:
    """The server that a fleet connects to. ``timeout`` is in seconds; header values are secrets."""

    url: str
    headers: Mapping[str, str]
    tls: ssl.SSLContext | None
    timeout: float
    transport: Transport

    def connect(self) -> Any:
        """Open a socket; raises ConnectionBrokenError."""
        connected = None
        try:
            family, address = random.choice(self._addresses)  # noqa: S311 - nothing secret
            connected = gevent.socket.socket(family, gevent.socket.SOCK_STREAM)
            connected.settimeout(self.timeout)
            connected.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
            connected.connect(address)
            if self.tls is not None:
                connected = self.tls.wrap_socket(connected, server_hostname=urlsplit(self.url).hostname)
        except OSError as error:
            if connected is not None:
                connected.close()
            raise ConnectionBrokenError(f"cannot connect: {_reason(error)}") from error
        return connected

    @cached_property
    def _addresses(self) -> list[tuple[int, Any]]:
        """The addresses of the host, looked up once for all connections of the fleet."""
        parts = urlsplit(self.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = gevent.socket.getaddrinfo(parts.hostname, port, type=gevent.socket.SOCK_STREAM)
        return [(entry[0], entry[4]) for entry in found]


class Connection(Protocol):
    """One connection. It opens again when it is needed."""

    def exchange(self, data: bytes) -> Answer:
        """Deliver a message and return the next answer; raises ConnectionBrokenError."""

    def close(self) -> None:
        """Close the connection, without a Close frame."""


class HttpConnection:
    """Plain HTTP on a kept connection, which messages of any agent may use."""

    def __init__(self, destination: Destination) -> None:
        parts = urlsplit(destination.url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        lines = [f"POST {target} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Type: {CONTENT_TYPE}"]
        lines += [f"{name}: {value}" for name, value in destination.headers.items()]
        self._head = "\r\n".join([*lines, "Content-Length: "]).encode("latin-1")
        self._destination = destination
        self._socket: Any = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._is_whole = False
        self._is_kept = False
        self._is_busy = False
        self._is_to_be_lost = False

    def exchange(self, data: bytes) -> Answer:
        self._is_busy = True
        try:
            return self._exchange_with_retry(data)
        finally:
            self._is_busy = False
            if self._is_to_be_lost:
                self._is_to_be_lost = False
                self.close()

    def lose(self) -> None:
        """Close the connection as soon as it does not wait for an answer."""
        if self._is_busy:
            self._is_to_be_lost = True
        else:
            self.close()

    def _exchange_with_retry(self, data: bytes) -> Answer:
        """Deliver a message, on a new connection if the server has closed the kept one."""
        request = b"%b%d\r\n\r\n%b" % (self._head, len(data), data)
        is_kept = self._socket is not None
        try:
            return self._exchange(request)
        except _ClosedBeforeResponseError as closed:
            # If a server closes an idle connection, that is not a failure. If it closes a new connection, that is one.
            if not is_kept:
                raise ConnectionBrokenError(str(closed)) from closed
        try:
            return self._exchange(request)
        except _ClosedBeforeResponseError as closed:
            raise ConnectionBrokenError(str(closed)) from closed

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # ---- what the parser finds

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._is_kept = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._is_whole = True

    def _exchange(self, request: bytes) -> Answer:
        if self._socket is None:
            self._socket = self._destination.connect()
        parser = self._parser = httptools.HttpResponseParser(self)
        self._headers, self._body, self._is_whole = [], [], False
        try:
            self._socket.sendall(request)
            self._receive(parser)
        except (OSError, httptools.HttpParserError) as error:
            self.close()
            is_gone = isinstance(error, ConnectionError) and not self._headers
            raise (_ClosedBeforeResponseError if is_gone else ConnectionBrokenError)(_reason(error)) from error
        except BaseException:
            self.close()  # A late answer would be mistaken for the answer to another message.
            raise
        if not self._is_kept:
            self.close()
        return Answer(parser.get_status_code(), self._headers, b"".join(self._body))

    def _receive(self, parser: httptools.HttpResponseParser) -> None:
        deadline, received = monotonic() + self._destination.timeout, 0
        while not self._is_whole:
            data = self._socket.recv(_CHUNK)
            received += len(data)
            if not data and received == 0:
                raise ConnectionResetError("the server closed the connection")
            if not data:
                raise OSError("the server closed the connection in the middle of its response")
            if received > MAX_RESPONSE_BYTES:
                raise OSError(f"the response has more than {MAX_RESPONSE_BYTES} bytes")
            if monotonic() > deadline:
                raise TimeoutError
            parser.feed_data(data)


class _ClosedBeforeResponseError(ConnectionBrokenError):
    """The connection ended before the first byte of the response."""


class WebSocketConnection:
    """A WebSocket, for one agent."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._socket: Any = None
        self._protocol: ClientProtocol | None = None
        self._messages: list[bytes | str] = []
        self._parts: list[bytes] = []
        self._is_text = False

    def exchange(self, data: bytes) -> Answer:
        """Deliver a message; earlier unsolicited messages are left for receive_unsolicited()."""
        try:
            refused = self._open() if self._protocol is None else None
            if refused is not None:
                return refused
            protocol = self._protocol
            assert protocol is not None
            before = len(self._messages)
            protocol.send_binary(HEADER + data)
            self._flush()
            deadline = monotonic() + self._destination.timeout
            while len(self._messages) == before:
                self._receive(deadline)
        except OSError as error:
            self.close()
            raise ConnectionBrokenError(_reason(error)) from error
        except BaseException:
            self.close()
            raise
        return self._answer(self._messages.pop(before))

    def fileno(self) -> int:
        """Return the file descriptor to watch for unsolicited messages, -1 if there is no connection."""
        return -1 if self._socket is None else int(self._socket.fileno())

    def receive_unsolicited(self) -> list[Answer]:
        """Return unsolicited messages, and answer pings; raises ConnectionBrokenError if the server has closed."""
        if self._protocol is None:
            return []
        try:
            self._socket.settimeout(0.0)
            try:
                self._receive(float("inf"))
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            finally:
                if self._socket is not None:
                    self._socket.settimeout(self._destination.timeout)
        except OSError as error:
            self.close()
            raise ConnectionBrokenError(_reason(error)) from error
        messages, self._messages = self._messages, []
        return [self._answer(message) for message in messages]

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = self._protocol = None
        self._parts = []

    def _open(self) -> Answer | None:
        """Open the WebSocket; returns the HTTP response that refuses it, if any.

        Raises ConnectionBrokenError or OSError.
        """
        destination = self._destination
        protocol = ClientProtocol(parse_uri("ws" + destination.url.removeprefix("http")), max_size=MAX_RESPONSE_BYTES)
        self._socket = destination.connect()
        request = protocol.connect()
        for name, value in destination.headers.items():
            request.headers[name] = value
        protocol.send_request(request)
        self._protocol = protocol
        self._flush()
        opened: Opened | None = None
        deadline = monotonic() + destination.timeout
        while opened is None:
            opened = self._receive(deadline)
        if protocol.handshake_exc is None:
            return None
        self.close()
        if isinstance(protocol.handshake_exc, InvalidStatus):
            headers = [(name.encode(), value.encode()) for name, value in opened.headers.raw_items()]
            return Answer(opened.status_code, headers, bytes(opened.body or b""))
        raise ConnectionBrokenError(f"not a WebSocket: {protocol.handshake_exc}")

    def _receive(self, deadline: float) -> Opened | None:
        """Read once from the server; returns the response to the opening, if it came. Raises OSError."""
        if monotonic() > deadline:
            raise TimeoutError
        protocol = self._protocol
        assert protocol is not None
        data = self._socket.recv(_CHUNK)
        protocol.receive_data(data) if data else protocol.receive_eof()
        opened = None
        for event in protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
            elif isinstance(event, Opened):
                opened = event
        self._flush()
        is_closing = protocol.state in (State.CLOSING, State.CLOSED)
        if opened is None and (not data or is_closing):
            raise ConnectionResetError(_why_closed(protocol))
        return opened

    def _take(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._parts, self._is_text = [], frame.opcode is Opcode.TEXT
        elif frame.opcode is not Opcode.CONT:
            return  # The library answers pings and Close frames.
        self._parts.append(bytes(frame.data))
        if frame.fin:
            whole = b"".join(self._parts)
            self._messages.append(whole.decode("utf-8", "replace") if self._is_text else whole)

    def _flush(self) -> None:
        protocol = self._protocol
        assert protocol is not None
        for data in protocol.data_to_send():
            if data:
                self._socket.sendall(data)
            else:
                with suppress(OSError):  # The server has closed it already.
                    self._socket.shutdown(gevent.socket.SHUT_WR)

    def _answer(self, message: bytes | str) -> Answer:
        return Answer(None, [], message.encode() if isinstance(message, str) else message)


def _why_closed(protocol: ClientProtocol) -> str:
    if protocol.handshake_exc is not None and not isinstance(protocol.handshake_exc, InvalidHandshake):
        return "the server closed the connection"
    if protocol.close_rcvd is not None:
        reason = f" ({protocol.close_rcvd.reason})" if protocol.close_rcvd.reason else ""
        return f"the server closed the WebSocket with the code {protocol.close_rcvd.code}{reason}"
    return "the server closed the connection without a Close frame"


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, httptools.HttpParserError):
        return "the response is not HTTP"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
