"""The plain HTTP transport (Plain HTTP Transport)."""

import gzip
import zlib
from functools import partial

from opamp_mock_server.admission import Admission
from opamp_mock_server.http import (
    PROTOBUF,
    Answer,
    Refused,
    Request,
    RequestHeaders,
    Response,
    check_path,
    come_later,
    too_large,
    unauthorized,
)
from opamp_mock_server.overload import Overloaded, RateLimits
from opamp_mock_server.records import DEFAULT_POLICY
from opamp_mock_server.service import Service
from opamp_proto import CONTENT_TYPE


class Unreadable(Exception):
    """A body that does not decompress: a malformed message."""


class HttpEndpoint:
    """Answers one AgentToServer a request. ``max_body_bytes`` bounds a body, also once decompressed."""

    def __init__(self, service: Service, admission: Admission, max_body_bytes: int, rates: RateLimits) -> None:
        self._service = service
        self._admission = admission
        self._max_body_bytes = max_body_bytes
        self._rates = rates

    def open(self, request: Request) -> Answer:
        """Return what answers the body of a request; raises Refused for one whose body does not matter."""
        headers = RequestHeaders.of(request.headers, self._admission)
        self.check(request, headers)
        try:
            self._rates.take(headers.authorization)
        except Overloaded as overloaded:
            raise come_later(429, overloaded) from None
        return partial(self._answer, headers)

    async def _answer(self, headers: RequestHeaders, body: bytes) -> Response:
        try:
            return await self.respond(headers, body)
        except Refused as refused:
            return refused.response
        except Overloaded as overloaded:
            return come_later(503, overloaded).response

    def check(self, request: Request, headers: RequestHeaders) -> None:
        """Raise Refused unless this is a plain HTTP request of an admitted client to the endpoint."""
        check_path(request.path)
        self.require_admission(headers)
        self.require_plain_http(request.method, headers)

    def require_admission(self, headers: RequestHeaders) -> None:
        if headers.policy_id is None:
            raise self.unauthorized()

    def require_plain_http(self, method: str, headers: RequestHeaders) -> None:
        if method != "POST":
            raise Refused(405, "OpAMP over plain HTTP is spoken by POST", (b"allow", b"POST"))
        if headers.content_type is None or not self.is_plain_http(headers.content_type):
            raise Refused(415, f"OpAMP over plain HTTP has the content type {CONTENT_TYPE}")

    def unauthorized(self) -> Refused:
        return unauthorized()

    def is_plain_http(self, content_type: bytes) -> bool:
        return content_type == PROTOBUF or content_type.partition(b";")[0].strip().lower() == PROTOBUF

    async def respond(self, headers: RequestHeaders, body: bytes) -> Response:
        """Answer the body of a checked request."""
        try:
            data = self.decode(headers.content_encoding, body)
        except Unreadable as unreadable:
            return self.encode(headers.accept_encoding, self._service.malformed(str(unreadable)))
        answer = await self._service.answer(data, policy_id=headers.policy_id or DEFAULT_POLICY)
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


def _takes_gzip(accept_encoding: bytes) -> bool:
    for coding in accept_encoding.lower().split(b","):
        name, _, weight = coding.partition(b";")
        if name.strip() in (b"gzip", b"x-gzip", b"*"):
            return weight.replace(b" ", b"") not in (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")
    return False
