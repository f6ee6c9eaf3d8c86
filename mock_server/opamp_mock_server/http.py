"""The plain HTTP transport, as an ASGI application (Plain HTTP Transport)."""

import gzip
import zlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

from opamp_mock_server.admission import Admission
from opamp_mock_server.records import DEFAULT_POLICY
from opamp_mock_server.service import Service
from opamp_proto import CONTENT_TYPE

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

PATH = "/v1/opamp"
"""The path of the endpoint (Communication Model)."""

_CONTENT_TYPE = CONTENT_TYPE.encode()


class RequestHeaders(NamedTuple):
    """The request headers that matter here, None where absent; ``policy_id`` is that of the key among them."""

    content_type: bytes | None = None
    content_encoding: bytes | None = None
    accept_encoding: bytes | None = None
    authorization: bytes | None = None
    policy_id: str = DEFAULT_POLICY

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]]) -> "RequestHeaders":
        found = dict(headers)
        return cls(
            found.get(b"content-type"),
            found.get(b"content-encoding"),
            found.get(b"accept-encoding"),
            found.get(b"authorization"),
        )


class Response(NamedTuple):
    """One HTTP response; ``content_type`` is that of a ServerToAgent unless said otherwise."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = _CONTENT_TYPE


class Refused(Exception):
    """A request that HTTP itself refuses, with a reason for people."""

    def __init__(self, status: int, reason: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(reason)
        self.response = Response(status, f"{reason}\n".encode(), headers, b"text/plain; charset=utf-8")


class Unreadable(Exception):
    """A body that does not decompress: a malformed message."""


class HttpEndpoint:
    """Answers one AgentToServer a request. ``max_body_bytes`` bounds a body, also once decompressed."""

    def __init__(self, service: Service, admission: Admission, max_body_bytes: int) -> None:
        self._service = service
        self._admission = admission
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = RequestHeaders.of(scope["headers"])
        # Found out once: a key that is revoked while the body is under way must not become that of another policy.
        headers = headers._replace(policy_id=self._admission.policy_of(headers.authorization) or DEFAULT_POLICY)
        try:
            self.check(scope["path"], scope["method"], headers)
            response = await self.respond(headers, await read_body(receive, self._max_body_bytes))
        except Refused as refused:
            response = refused.response
        await send_response(response, send)

    def check(self, path: str, method: str, headers: RequestHeaders) -> None:
        """Raise Refused unless this is a plain HTTP request of an admitted client to the endpoint."""
        check_path(path)
        self.require_admission(headers)
        self.require_plain_http(method, headers)

    def require_admission(self, headers: RequestHeaders) -> None:
        if self._admission.policy_of(headers.authorization) is None:
            raise self.unauthorized()

    def require_plain_http(self, method: str, headers: RequestHeaders) -> None:
        if method != "POST":
            raise Refused(405, "OpAMP over plain HTTP is spoken by POST", (b"allow", b"POST"))
        if headers.content_type is None or not self.is_plain_http(headers.content_type):
            raise Refused(415, f"OpAMP over plain HTTP has the content type {CONTENT_TYPE}")

    def unauthorized(self) -> Refused:
        return unauthorized()

    def is_plain_http(self, content_type: bytes) -> bool:
        return content_type == _CONTENT_TYPE or content_type.partition(b";")[0].strip().lower() == _CONTENT_TYPE

    async def respond(self, headers: RequestHeaders, body: bytes) -> Response:
        """Answer the body of a checked request."""
        try:
            data = self.decode(headers.content_encoding, body)
        except Unreadable as unreadable:
            return self.encode(headers.accept_encoding, self._service.malformed(str(unreadable)))
        answer = await self._service.answer(data, policy_id=headers.policy_id)
        return self.encode(headers.accept_encoding, answer)

    def decode(self, content_encoding: bytes | None, body: bytes) -> bytes:
        """Undo the content encoding; raise Unreadable for a broken one, Refused for an unknown one."""
        if content_encoding is None or content_encoding == b"identity":
            return body
        if content_encoding.lower() != b"gzip":
            raise Refused(415, "content encodings are gzip and identity", (b"accept-encoding", b"gzip"))
        return self._gunzip(body)

    def encode(self, accept_encoding: bytes | None, data: bytes) -> Response:
        """Make the response that carries a ServerToAgent, compressed if the client takes it."""
        if accept_encoding is not None and _takes_gzip(accept_encoding):
            return Response(200, gzip.compress(data, compresslevel=1), ((b"content-encoding", b"gzip"),))
        return Response(200, data)

    def _gunzip(self, body: bytes) -> bytes:
        stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            data = stream.decompress(body, self._max_body_bytes + 1)
        except zlib.error as error:
            raise Unreadable("the body is not the gzip that its Content-Encoding says") from error
        if len(data) > self._max_body_bytes:
            raise too_large(self._max_body_bytes)
        if not stream.eof:
            raise Unreadable("the gzip body is cut short")
        return data


def check_path(path: str) -> None:
    """Raise Refused for any other path than the endpoint's."""
    if path != PATH:
        raise Refused(404, f"OpAMP is at {PATH}")


def unauthorized() -> Refused:
    return Refused(401, "an enrollment key is needed", (b"www-authenticate", b"ApiKey"))


async def read_body(receive: Receive, max_body_bytes: int) -> bytes:
    """Read the body of a request; raises Refused for one that is too large."""
    event = await receive()
    body: bytes = event.get("body", b"")
    if not event.get("more_body", False):
        if len(body) > max_body_bytes:
            raise too_large(max_body_bytes)
        return body
    parts, size = [body], len(body)
    while event.get("more_body", False):
        if size > max_body_bytes:
            raise too_large(max_body_bytes)
        event = await receive()
        parts.append(event.get("body", b""))
        size += len(parts[-1])
    if size > max_body_bytes:
        raise too_large(max_body_bytes)
    return b"".join(parts)


def too_large(max_body_bytes: int) -> Refused:
    # What is still under way is not read: the connection ends with the answer.
    return Refused(413, f"a message has at most {max_body_bytes} bytes", (b"connection", b"close"))


async def send_response(response: Response, send: Send) -> None:
    """Send a response whole."""
    body = response.body
    await send(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": [
                (b"content-type", response.content_type),
                (b"content-length", b"%d" % len(body)),
                *response.headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})


def _takes_gzip(accept_encoding: bytes) -> bool:
    for coding in accept_encoding.lower().split(b","):
        name, _, weight = coding.partition(b";")
        if name.strip() in (b"gzip", b"x-gzip", b"*"):
            return weight.replace(b" ", b"") not in (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")
    return False
