"""The head of an HTTP request: what is wrong with it, and what an upgrade changes."""

from collections.abc import Collection, Sequence
from typing import Final
from urllib.parse import unquote

import httptools

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


def path_and_query(url: bytes) -> tuple[str, bytes]:
    """Return the path of the target of a request, and its query."""
    parsed = httptools.parse_url(url)
    return unquote((parsed.path or b"/").decode("ascii")), parsed.query or b""


def can_be_opening(url: bytes, headers: Headers) -> bool:
    """Return whether the opening of a WebSocket is small enough to be read."""
    longest = max(len(url), *(len(name) + len(value) for name, value in headers))
    return longest <= _MAX_OPENING_LINE_BYTES and len(headers) <= _MAX_OPENING_HEADERS


def has_body(headers: Headers) -> bool:
    """Return whether a body follows the head. The opening of a WebSocket has none, and its library waits for ever."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip() != b"0") for name, value in headers
    )


def is_from_another_page(headers: Headers, allowed: Collection[str]) -> bool:
    """Return whether a browser sends a request for a page of another origin, which is not ``allowed``.

    Browsers send the header Origin with the opening of a WebSocket, and agents do not (RFC 6455, section 4.1).
    """
    hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
    origins = [value.decode("latin-1") for name, value in headers if name == b"origin"]
    return any(origin not in allowed and origin.partition("://")[2] not in hosts for origin in origins)


def head(method: str, url: bytes, version: str, headers: Headers) -> bytes:
    """Return the head of a request as bytes."""
    lines = [b"%s %s HTTP/%s" % (method.encode(), url, version.encode())]
    lines += [b"%s: %s" % header for header in headers]
    return b"\r\n".join((*lines, b"", b""))


def head_without_upgrade(method: str, url: bytes, version: str, headers: Headers) -> bytes:
    """Return the head of a request without its upgrade to a protocol that this server does not support.

    A server may ignore an upgrade (RFC 9110, section 7.8), and Java's HTTP client asks for HTTP/2 in every request. But
    the parser treats such a request as the last one, without a body.
    """
    kept = []
    for name, value in headers:
        if name == b"connection":
            options = [option for option in value.split(b",") if option.strip().lower() not in _OF_UPGRADES]
            kept += [(name, b",".join(options))] if options else []
        elif name not in _OF_UPGRADES:
            kept.append((name, value))
    return head(method, url, version, kept)
