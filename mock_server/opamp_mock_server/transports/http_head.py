"""The head of an HTTP request: what is wrong with it, and what an upgrade changes."""

from collections.abc import Sequence
from typing import Final

# The library for WebSockets reads no more, and answers nothing then.
_MAX_OPENING_LINE_BYTES: Final = 8190
_MAX_OPENING_HEADERS: Final = 125
_OF_UPGRADES: Final = (b"upgrade", b"http2-settings")

Headers = Sequence[tuple[bytes, bytes]]
"""Headers as the parser gives them; the names are in lower case."""


def problem_of_head(headers: Headers, version: str) -> int | None:
    """Return the status that refuses the head of a request, None if it is valid (RFC 9112, sections 3.2 and 6.1)."""
    hosts = 0
    for name, value in headers:
        if name == b"host":
            hosts += 1
        elif name == b"transfer-encoding" and value.strip().lower() != b"chunked":
            return 501
    if hosts != 1 and (hosts or version != "1.0"):
        return 400
    return None


def can_be_opening(url: bytes, headers: Headers) -> bool:
    """Return whether the opening of a WebSocket is small enough to be read."""
    longest = max(len(url), *(len(name) + len(value) for name, value in headers))
    return longest <= _MAX_OPENING_LINE_BYTES and len(headers) <= _MAX_OPENING_HEADERS


def head_without_upgrade(method: str, url: bytes, version: str, headers: Headers) -> bytes:
    """Return the head of a request without its upgrade to a protocol that this server does not support.

    A server may ignore an upgrade (RFC 9110, section 7.8), and Java's HTTP client asks for HTTP/2 in every request. But
    the parser treats such a request as the last one, without a body.
    """
    lines = [b"%s %s HTTP/%s" % (method.encode(), url, version.encode())]
    for name, value in headers:
        if name == b"connection":
            kept = [option for option in value.split(b",") if option.strip().lower() not in _OF_UPGRADES]
            lines += [b"connection: " + b",".join(kept)] if kept else []
        elif name not in _OF_UPGRADES:
            lines.append(b"%s: %s" % (name, value))
    return b"\r\n".join((*lines, b"", b""))
