"""The plain HTTP transport, on the library aiohttp: one deadline per request, bounded bodies, no redirects.

The transport adds nothing to a message.
"""

import asyncio
import gzip
import io
import ssl
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import SimpleNamespace, TracebackType
from typing import Final

import aiohttp

from opamp_conformance.wire.transport import (
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    HeadersTooLargeError,
    NoResponseError,
    without_credentials,
)
from opamp_proto import CONTENT_TYPE, INSTANCE_UID_BYTES, uuid_text
from opamp_proto import opamp_pb2 as pb

# A short time, because a server may close an idle connection just when the next request is sent.
_KEEP_ALIVE_SECONDS: Final = 1.0
# Every failed attempt takes one kept connection out of the pool, and the pool is small.
_MAX_KEPT_CONNECTIONS: Final = 20
# Long enough that the server processes another request meanwhile.
_BETWEEN_CHUNKS_SECONDS: Final = 0.005
# How aiohttp says that a response exceeds the limits of headers: it has no type of its own for that.
_TOO_LARGE: Final = ("Got more than", "Too many headers")


GZIP: Final = "gzip"
INSTANCE_UID_HEADER: Final = "OpAMP-Instance-UID"
MAX_RESPONSE_BYTES: Final = 16 * 1024 * 1024
"""A longer response counts as endless, also after decompression. No message of OpAMP comes near it."""


@dataclass(frozen=True)
class HttpRequest:
    """One HTTP request. ``message`` is what the body encodes, None if it encodes no message on purpose."""

    body: bytes = field(repr=False)
    message: pb.AgentToServer | None = None
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": CONTENT_TYPE})
    with_credentials: bool = True
    follows_redirects: bool = False
    is_chunked: bool = False

    @classmethod
    def of(cls, message: pb.AgentToServer) -> "HttpRequest":
        """Make the ordinary request that delivers a message; its header names the agent (Plain HTTP Transport)."""
        headers = {"Content-Type": CONTENT_TYPE}
        if len(message.instance_uid) == INSTANCE_UID_BYTES:
            headers[INSTANCE_UID_HEADER] = uuid_text(message.instance_uid)
        return cls(message.SerializeToString(), message, headers=headers)

    def compressed(self, members: int = 1, name: str = "") -> "HttpRequest":
        """Return the same request with its body compressed, in a number of members (RFC 1952, section 2.2).

        ``name`` is that of a file in the header of each member, none if empty.
        """
        size = -(-len(self.body) // members)
        parts = [self.body[start : start + size] for start in range(0, len(self.body), size)]
        return self.with_body(b"".join(_gzip(part, name) for part in parts), {"Content-Encoding": GZIP})

    def with_body(self, body: bytes, headers: Mapping[str, str] | None = None) -> "HttpRequest":
        """Return the request with another encoding of its message, and headers that say so."""
        return replace(self, body=body, headers={**self.headers, **(headers or {})})

    def with_headers(self, headers: Mapping[str, str | None], *, with_credentials: bool = True) -> "HttpRequest":
        """Return the request with other headers; None removes one.

        Without credentials, the Authorization header is left out.
        """
        merged: dict[str, str | None] = {**self.headers, **headers}
        kept = {name: value for name, value in merged.items() if value is not None}
        return HttpRequest(self.body, self.message, self.method, kept, with_credentials)

    def malformed(self, body: bytes, headers: Mapping[str, str] | None = None) -> "HttpRequest":
        """Return a request whose body is not a message."""
        return HttpRequest(body, None, self.method, {**self.headers, **(headers or {})}, self.with_credentials)


@dataclass(frozen=True)
class HttpResponse:
    """One HTTP response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)  # asyncio makes the representations of results, and a body may be large.

    @cached_property
    def data(self) -> bytes:
        """The body without its content encoding; raises ValueError if it is broken."""
        if not self.is_compressed:
            return self.body
        try:  # There may be several members (RFC 1952, section 2.2).
            data = gzip.GzipFile(fileobj=io.BytesIO(self.body)).read(MAX_RESPONSE_BYTES + 1)
        except EOFError as error:
            raise ValueError("the gzip response is incomplete") from error
        except (OSError, zlib.error) as error:
            raise ValueError(f"Content-Encoding is gzip, but the response is not gzip: {error}") from error
        if len(data) > MAX_RESPONSE_BYTES:
            raise ValueError(f"the response has more than {MAX_RESPONSE_BYTES} bytes after decompression")
        if not self.body:
            raise ValueError("the gzip response is empty")
        return data

    @property
    def is_compressed(self) -> bool:
        return self.headers.get("content-encoding", "").lower() in (GZIP, "x-gzip")

    def __str__(self) -> str:
        content_type = self.headers.get("content-type", "no content type")
        return f"the status {self.status} with a body of {len(self.body)} bytes ({content_type})"


class HttpTransport:
    """Delivers requests to one URL. ``timeout`` bounds each exchange as a whole, in seconds."""

    def __init__(self, url: str, headers: Mapping[str, str], tls: ssl.SSLContext | None, timeout: float) -> None:
        self._url = url
        self._headers = headers
        self._timeout = timeout
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, ssl=tls if tls is not None else True, keepalive_timeout=_KEEP_ALIVE_SECONDS
            ),
            timeout=aiohttp.ClientTimeout(total=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            trust_env=False,
            trace_configs=[_note_kept_connections()],
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            max_headers=MAX_HEADERS,
        )

    async def __aenter__(self) -> "HttpTransport":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and read its response; raises NoResponseError, or HeadersTooLargeError.

        A server may close a kept connection at any time (RFC 9112, section 9.5). So a request that fails on one, before
        any byte of a response, is sent again.
        """
        try:
            async with asyncio.timeout(self._timeout):
                for _ in range(_MAX_KEPT_CONNECTIONS):
                    attempt = SimpleNamespace(is_kept=False)
                    try:
                        return await self._attempt(request, attempt)
                    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                        if not attempt.is_kept:
                            raise
                return await self._attempt(request, attempt)
        except TimeoutError:
            raise NoResponseError(f"no complete response within {self._timeout:g} seconds") from None
        except (aiohttp.ClientError, OSError, ssl.SSLError, ValueError) as error:
            if isinstance(error, aiohttp.ClientResponseError) and error.message.startswith(_TOO_LARGE):
                raise HeadersTooLargeError from error
            raise NoResponseError(_explain(error)) from error

    async def _attempt(self, request: HttpRequest, attempt: SimpleNamespace) -> HttpResponse:
        own = self._headers if request.with_credentials else without_credentials(self._headers)
        async with self._session.request(
            request.method,
            self._url,
            data=_sent_body(request),
            headers={**own, **request.headers},
            allow_redirects=request.follows_redirects,
            trace_request_ctx=attempt,
        ) as response:
            body = await _read(response)
            names = {name.lower(): _readable(value) for name, value in response.headers.items()}
            return HttpResponse(response.status, names, body)


def _gzip(data: bytes, name: str) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(name, "wb", fileobj=packed, mtime=0) as file:
        file.write(data)
    return packed.getvalue()


def _sent_body(request: HttpRequest) -> AsyncIterator[bytes] | io.BytesIO | None:
    if request.is_chunked:
        return _chunks(request.body)
    return io.BytesIO(request.body) if request.body else None


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    """Yield a body in two parts: a body of unknown length is sent in chunks (RFC 9112, section 7.1)."""
    middle = len(body) // 2
    yield body[:middle]
    await asyncio.sleep(_BETWEEN_CHUNKS_SECONDS)
    yield body[middle:]


def _note_kept_connections() -> aiohttp.TraceConfig:
    """Return a trace that notes whether a request uses a kept connection."""

    async def note(session: aiohttp.ClientSession, context: SimpleNamespace, params: object) -> None:
        context.trace_request_ctx.is_kept = True

    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(note)
    return trace


def _readable(value: str) -> str:
    """Write bytes that are not text as escapes: a header may contain any bytes."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


async def _read(response: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > MAX_RESPONSE_BYTES:
            response.close()
            raise NoResponseError(f"the response does not end: more than {MAX_RESPONSE_BYTES} bytes")
    return b"".join(parts)


def _explain(error: Exception) -> str:  # noqa: PLR0911 - one line for each kind of failure
    match error:
        case aiohttp.ClientConnectorDNSError():
            return f"the host name {error.host} is not known"
        case aiohttp.ClientConnectorCertificateError():
            return f"the server's certificate is not trusted: {error.certificate_error} (--ca names an authority)"
        case aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            return f"TLS failed: {error} (use http:// for a port without TLS)"
        case aiohttp.ClientConnectorError():
            return f"cannot connect: {error.os_error.strerror or error.os_error}"
        case aiohttp.ServerDisconnectedError():
            return "the server closed the connection without a response"
        case aiohttp.ClientPayloadError():
            return "the server closed the connection in the middle of the body"
        case aiohttp.ClientResponseError():
            return f"not HTTP: {str(error.message).splitlines()[0]} (use https:// for a TLS port)"
        case aiohttp.InvalidURL():
            return f"not a URL: {error.url}"
        case _:
            return f"the connection broke: {str(error) or type(error).__name__}"
