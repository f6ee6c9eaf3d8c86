"""Reads HTTP and WebSocket messages in the bytes of a connection, in both directions."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, Final

import httptools
from websockets.exceptions import InvalidHeader, WebSocketException
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.headers import parse_extension
from websockets.streams import StreamReader

_MOST_HEAD_BYTES: Final = 1024 * 1024
_WEBSOCKET: Final = "websocket"
_MOST_WINDOW_BITS: Final = 15
MAX_BYTES: Final = 64 * 1024 * 1024
"""Larger bodies and messages are passed on, and not judged."""


class UnreadableError(Exception):
    """The bytes are not HTTP or WebSocket, or a message is too large. They are passed on, and not judged."""


@dataclass
class HttpMessage:
    """A request or response; names of headers are in lower case."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    method: str = ""
    url: str = ""
    status: int = 0
    is_whole: bool = False
    is_answered: bool = False


class HttpReader:
    """Reads requests or responses. After an upgrade, ``rest`` has the bytes behind it.

    ``begin`` gets a message when its head has arrived, and ``take`` when it is whole.
    """

    def __init__(
        self,
        take: Callable[[HttpMessage], None],
        *,
        of_requests: bool,
        begin: Callable[[HttpMessage], None] = lambda message: None,
    ) -> None:
        self._take = take
        self._begin = begin
        self._of_requests = of_requests
        self.restart()

    def restart(self) -> None:
        """Begin again with HTTP: the other side has not agreed to an upgrade."""
        self._parser: Any = (httptools.HttpRequestParser if self._of_requests else httptools.HttpResponseParser)(self)
        self._message = HttpMessage()
        self._head_bytes = 0
        self._is_in_body = False
        self.rest: bytes | None = None

    def feed(self, data: bytes) -> None:
        """Take bytes; raises UnreadableError."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.rest = data[upgrade.args[0] :]
            if self._is_ignored_upgrade():
                again = self._head_without_upgrade() + self.rest
                self.restart()
                self.feed(again)
        except httptools.HttpParserError as error:
            if error.__context__ is not None:  # The error of a callback below.
                raise error.__context__ from None
            raise UnreadableError(str(error)) from error

    def end(self) -> None:
        """Note the end of the stream, which may be the end of a response."""
        if self._is_in_body and not {"content-length", "transfer-encoding"} & self._message.headers.keys():
            self.on_message_complete()

    def on_message_begin(self) -> None:
        self._message = HttpMessage()
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        self._message.url += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value))
        self._message.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._is_in_body = True
        if self._of_requests:
            self._message.method = self._parser.get_method().decode("latin-1")
            if self._is_ignored_upgrade():
                return
        else:
            self._message.status = self._parser.get_status_code()
        self._begin(self._message)

    def on_body(self, body: bytes) -> None:
        self._message.body += body
        if len(self._message.body) > MAX_BYTES:
            raise UnreadableError(f"a body has more than {MAX_BYTES} bytes")

    def on_message_complete(self) -> None:
        self._is_in_body = False
        if self._is_ignored_upgrade():
            return
        self._message.is_whole = True
        self._take(self._message)

    def _is_ignored_upgrade(self) -> bool:
        """Return whether a request asks for another upgrade than WebSocket, such as h2c: servers answer it as it is."""
        asked = self._message.headers.get("upgrade", _WEBSOCKET).lower()
        return self._of_requests and self._parser.should_upgrade() and asked != _WEBSOCKET

    def _head_without_upgrade(self) -> bytes:
        """Return the head again, so that the parser reads the body behind it."""
        message = self._message
        kept = [f"{name}: {value}" for name, value in message.headers.items() if name not in ("connection", "upgrade")]
        return "\r\n".join((f"{message.method} {message.url} HTTP/1.1", *kept, "", "")).encode("latin-1")

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > _MOST_HEAD_BYTES:
            raise UnreadableError(f"a head has more than {_MOST_HEAD_BYTES} bytes")


class WebSocketReader:
    """Reads the messages of one direction of a WebSocket. ``on_close`` is called for a Close frame.

    ``extensions`` is the header Sec-WebSocket-Extensions of the server's response.
    """

    def __init__(
        self,
        take: Callable[[bytes | str], None],
        *,
        of_client: bool,
        extensions: str = "",
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        self._take = take
        self._on_close = on_close
        self._is_masked = of_client
        self._extensions = _extensions(extensions, of_client=of_client)
        self._stream = StreamReader()
        self._parser = self._frames()
        next(self._parser)
        self._payload = bytearray()
        self._is_text = False
        self.has_close_frame = False

    def feed(self, data: bytes) -> None:
        """Take bytes; raises UnreadableError."""
        self._stream.feed_data(data)
        try:
            next(self._parser)
        except (WebSocketException, EOFError) as error:
            raise UnreadableError(str(error)) from error

    def _frames(self) -> Generator[None, None, None]:
        while True:
            frame = yield from Frame.parse(
                self._stream.read_exact, mask=self._is_masked, max_size=MAX_BYTES, extensions=self._extensions
            )
            self._frame(frame)

    def _frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self.has_close_frame = True
            self._on_close()
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        if frame.opcode is not Opcode.CONT:
            self._payload, self._is_text = bytearray(), frame.opcode is Opcode.TEXT
        self._payload += frame.data
        if len(self._payload) > MAX_BYTES:
            raise UnreadableError(f"a message has more than {MAX_BYTES} bytes")
        if frame.fin:
            whole, self._payload = bytes(self._payload), bytearray()
            self._take(whole.decode(errors="replace") if self._is_text else whole)


def _extensions(header: str, *, of_client: bool) -> list[Extension]:
    """Return what undoes the extensions of one direction; raises UnreadableError for an unknown one."""
    side = "client" if of_client else "server"
    found: list[Extension] = []
    try:
        offers = parse_extension(header) if header else []
    except InvalidHeader as error:
        raise UnreadableError(str(error)) from error
    for name, parameters in offers:
        values = dict(parameters)
        bits = values.get(f"{side}_max_window_bits") or str(_MOST_WINDOW_BITS)
        if name != PerMessageDeflate.name or not bits.isdecimal() or not 8 <= int(bits) <= _MOST_WINDOW_BITS:
            raise UnreadableError(f"the WebSocket has an extension that is not understood: {header}")
        is_reset = f"{side}_no_context_takeover" in values
        found.append(PerMessageDeflate(is_reset, True, int(bits), _MOST_WINDOW_BITS))
    return found
