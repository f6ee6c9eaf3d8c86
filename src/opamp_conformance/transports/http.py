"""Plain HTTP, by aiohttp: one deadline a request, bounded bodies, no redirects, nothing added to what is sent."""

import asyncio
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Final

import aiohttp

from opamp_conformance.exchange import MAX_RESPONSE_BYTES, Request, Response

# An idle connection is not kept for long: a server that closes it first would race with a request.
_KEEP_ALIVE_SECONDS: Final = 1.0


class NoResponse(Exception):
    """No HTTP response came; the message says why, for people."""


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
        )

    async def __aenter__(self) -> "HttpTransport":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def send(self, request: Request) -> Response:
        """Send a request and read its response; raises NoResponse."""
        headers = {**self._without_credentials(request), **request.headers}
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._session.request(
                    request.method, self._url, data=request.body or None, headers=headers, allow_redirects=False
                ) as response,
            ):
                body = await _read(response)
                names = {name.lower(): _readable(value) for name, value in response.headers.items()}
                return Response(response.status, names, body)
        except TimeoutError:
            raise NoResponse(f"no complete response within {self._timeout:g} seconds") from None
        except (aiohttp.ClientError, OSError, ssl.SSLError, ValueError) as error:
            raise NoResponse(_explain(error)) from error

    def _without_credentials(self, request: Request) -> Mapping[str, str]:
        if request.authorized:
            return self._headers
        return {name: value for name, value in self._headers.items() if name.lower() != "authorization"}


def _readable(value: str) -> str:
    """Write bytes that are no text as escapes: a header may hold any."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


async def _read(response: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > MAX_RESPONSE_BYTES:
            response.close()
            raise NoResponse(f"the response does not end: more than {MAX_RESPONSE_BYTES} bytes")
    return b"".join(parts)


def _explain(error: Exception) -> str:  # noqa: PLR0911 - one line a kind of failure
    match error:
        case aiohttp.ClientConnectorDNSError():
            return f"the host name {error.host} is not known"
        case aiohttp.ClientConnectorCertificateError():
            return f"the server's certificate is not trusted: {error.certificate_error} (--ca names an authority)"
        case aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            return f"TLS failed: {error} (a plain port is spoken to with http://)"
        case aiohttp.ClientConnectorError():
            return f"cannot connect: {error.os_error.strerror or error.os_error}"
        case aiohttp.ServerDisconnectedError():
            return "the server closed the connection without a response"
        case aiohttp.ClientPayloadError():
            return "the server closed the connection in the middle of the body"
        case aiohttp.ClientResponseError():
            return f"not HTTP: {str(error.message).splitlines()[0]} (a TLS port is spoken to with https://)"
        case aiohttp.InvalidURL():
            return f"not a URL: {error.url}"
        case _:
            return f"the connection broke: {str(error) or type(error).__name__}"
