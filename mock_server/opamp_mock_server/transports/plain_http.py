"""The plain HTTP transport (Plain HTTP Transport)."""

import gzip
import io
import zlib
from functools import partial
from typing import Final

from opamp_mock_server.core.agent_state import DEFAULT_POLICY
from opamp_mock_server.errors import MockServerError
from opamp_mock_server.limits.authentication import Authenticator
from opamp_mock_server.limits.limits import OverloadedError
from opamp_mock_server.limits.rate import RateLimits
from opamp_mock_server.service.service import Service
from opamp_mock_server.transports.http_messages import (
    PROTOBUF_TYPE,
    Request,
    RequestHeaders,
    RequestRefusedError,
    Responder,
    Response,
    check_path,
    retry_later,
    too_large,
    unauthorized,
)
from opamp_proto import CONTENT_TYPE

_GZIP: Final = (b"gzip", b"x-gzip")
"""Both names mean the same (RFC 9110, section 8.4.1.3)."""


class UndecodableBodyError(MockServerError):
    """The body cannot be decompressed, so the message is malformed."""


class HttpEndpoint:
    """Answers one AgentToServer for each request. ``max_body_bytes`` bounds a body, also after decompression."""

    def __init__(self, service: Service, authenticator: Authenticator, max_body_bytes: int, rates: RateLimits) -> None:
        self._service = service
        self._authenticator = authenticator
        self._max_body_bytes = max_body_bytes
        self._rates = rates

    def open(self, request: Request) -> Responder:
        """Return the responder that answers the request when its body has arrived.

        Raises RequestRefusedError for a request that is refused with any body.
        """
        headers = RequestHeaders.of(request.headers, self._authenticator)
        self.check(request, headers)
        try:
            self._rates.take(headers.authorization)
        except OverloadedError as overloaded:
            raise retry_later(429, overloaded) from None
        return partial(self._answer, headers)

    async def _answer(self, headers: RequestHeaders, body: bytes) -> Response:
        try:
            return await self.respond(headers, body)
        except RequestRefusedError as refused:
            return refused.response
        except OverloadedError as overloaded:
            return retry_later(503, overloaded).response

    def check(self, request: Request, headers: RequestHeaders) -> None:
        """Raise RequestRefusedError unless this is a plain HTTP request of an authenticated client to the endpoint."""
        check_path(request.path)
        self.require_admission(headers)
        self.require_plain_http(request.method, headers)

    def require_admission(self, headers: RequestHeaders) -> None:
        if headers.policy_id is None:
            raise self.unauthorized()

    def require_plain_http(self, method: str, headers: RequestHeaders) -> None:
        if method != "POST":
            raise RequestRefusedError(405, "OpAMP over plain HTTP needs the method POST", (b"allow", b"POST"))
        if headers.content_type is None or not self.is_plain_http(headers.content_type):
            raise RequestRefusedError(415, f"OpAMP over plain HTTP needs the content type {CONTENT_TYPE}")

    def unauthorized(self) -> RequestRefusedError:
        return unauthorized()

    def is_plain_http(self, content_type: bytes) -> bool:
        return content_type == PROTOBUF_TYPE or content_type.partition(b";")[0].strip().lower() == PROTOBUF_TYPE

    async def respond(self, headers: RequestHeaders, body: bytes) -> Response:
        """Answer a checked request."""
        try:
            data = self.decode(headers.content_encoding, body)
        except UndecodableBodyError as unreadable:
            return self.encode(headers.accept_encoding, self._service.malformed(str(unreadable)))
        answer = await self._service.answer(data, policy_id=headers.policy_id or DEFAULT_POLICY)
        return self.encode(headers.accept_encoding, answer)

    def decode(self, content_encoding: bytes | None, body: bytes) -> bytes:
        """Return the body without its content encoding.

        Raises UndecodableBodyError for a broken encoding, RequestRefusedError for an unknown one.
        """
        if content_encoding is None or content_encoding == b"identity":
            return body
        if content_encoding.lower() not in _GZIP:
            raise RequestRefusedError(415, "the content encoding has to be gzip", (b"accept-encoding", b"gzip"))
        return self.gunzip(body)

    def encode(self, accept_encoding: bytes | None, data: bytes) -> Response:
        """Return the response with a ServerToAgent, compressed if the client accepts that."""
        if accept_encoding is not None and _takes_gzip(accept_encoding):
            return Response(200, gzip.compress(data, compresslevel=1), ((b"content-encoding", b"gzip"),))
        return Response(200, data)

    def gunzip(self, body: bytes) -> bytes:
        """Return the content of a gzip body, which may have several members (RFC 1952, section 2.2)."""
        try:
            data = gzip.GzipFile(fileobj=io.BytesIO(body)).read(self._max_body_bytes + 1)
        except EOFError as error:
            raise UndecodableBodyError("the gzip body is incomplete") from error
        except (OSError, zlib.error) as error:
            raise UndecodableBodyError("Content-Encoding is gzip, but the body is not gzip") from error
        if len(data) > self._max_body_bytes:
            raise too_large(self._max_body_bytes)
        if not body:
            raise UndecodableBodyError("the gzip body is empty")
        return data


def _takes_gzip(accept_encoding: bytes) -> bool:
    for coding in accept_encoding.lower().split(b","):
        name, _, weight = coding.partition(b";")
        if name.strip() in (b"gzip", b"x-gzip", b"*"):
            return weight.replace(b" ", b"") not in (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")
    return False
