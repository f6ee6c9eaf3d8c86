"""The plain HTTP transport (Plain HTTP Transport)."""

import asyncio
import gzip
import io
import zlib
from collections.abc import Callable
from functools import partial
from typing import Final

from opamp_agent_checks import HttpRequestFacts
from opamp_mock_server.core.agent_state import DEFAULT_POLICY
from opamp_mock_server.errors import MockServerError
from opamp_mock_server.limits.authentication import Authenticator
from opamp_mock_server.limits.limits import OverloadedError
from opamp_mock_server.limits.rate import RateLimits
from opamp_mock_server.service.scripted_answers import WithheldReplyError
from opamp_mock_server.service.service import Service
from opamp_mock_server.service.traffic import Traffic
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

_SMALL_BYTES: Final = 4 * 1024
"""A compressed body of this size has at most 4 MiB: gzip makes data a thousand times smaller at best."""
_PART_BYTES: Final = 256 * 1024
_NOT_FOUND: Final = 404
_NO_REPLY: Final = 504
_SILENCE_SECONDS: Final = 300.0
"""Longer than agents wait for a response."""
_GZIP: Final = (b"gzip", b"x-gzip")
"""Both names mean the same (RFC 9110, section 8.4.1.3)."""


class UndecodableBodyError(MockServerError):
    """The body cannot be decompressed, so the message is malformed."""


class HttpEndpoint:
    """Answers one AgentToServer for each request. ``max_body_bytes`` bounds a body, also after decompression."""

    def __init__(
        self,
        service: Service,
        authenticator: Authenticator,
        max_body_bytes: int,
        rates: RateLimits,
        traffic: Traffic,
    ) -> None:
        self._service = service
        self._authenticator = authenticator
        self._max_body_bytes = max_body_bytes
        self._rates = rates
        self._traffic = traffic
        self._decompressing = asyncio.Lock()

    def open(self, request: Request) -> Responder:
        """Return the responder that answers the request when its body has arrived.

        Raises RequestRefusedError for a request that is refused with any body.
        """
        headers = RequestHeaders.of(request.headers, self._authenticator)
        if self._traffic.judge is not None:
            return self._open_judged(request, headers)
        self._admit(request, headers)
        return partial(self._answer, headers)

    def _admit(self, request: Request, headers: RequestHeaders) -> None:
        self.check(request, headers)
        try:
            self._rates.take(headers.authorization)
        except OverloadedError as overloaded:
            raise retry_later(429, overloaded) from None

    def _open_judged(self, request: Request, headers: RequestHeaders) -> Responder:
        """Do what ``open`` does, and tell the judge of agents what happens."""
        facts = _facts(request, headers)
        try:
            self._admit(request, headers)
        except RequestRefusedError as refused:
            if refused.response.status == _NOT_FOUND:  # Another protocol may be meant.
                self._traffic.elsewhere(facts.method, request.path)
            else:
                self._traffic.refused(facts, refused.response.status, _retry_after(refused.response))
            raise
        return partial(self._answer_judged, headers, facts, request.is_awaited)

    async def _answer_judged(
        self, headers: RequestHeaders, facts: HttpRequestFacts, is_awaited: Callable[[], bool], body: bytes
    ) -> Response:
        number = self._traffic.new_id()
        try:
            data = await self._decoded(headers.content_encoding, body)
        except RequestRefusedError as refused:
            self._traffic.refused(facts, refused.response.status, None)
            return await self._answer(headers, body)
        except UndecodableBodyError:
            data = body
        self._traffic.request(number, facts, data, is_awaited)
        response = await self._answer(headers._replace(number=number), body)
        if response.status >= 400:
            self._traffic.response(number, response.status, None, _retry_after(response))
        return response

    async def _answer(self, headers: RequestHeaders, body: bytes) -> Response:
        try:
            return await self.respond(headers, body)
        except RequestRefusedError as refused:
            return refused.response
        except OverloadedError as overloaded:
            return retry_later(503, overloaded).response
        except WithheldReplyError as withheld:
            return await _without_reply(withheld)

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
            data = await self._decoded(headers.content_encoding, body)
        except UndecodableBodyError as unreadable:
            return self.encode(headers.accept_encoding, self._service.malformed(str(unreadable)))
        answer = await self._service.answer(data, policy_id=headers.policy_id or DEFAULT_POLICY)
        if headers.number:
            self._traffic.response(headers.number, 200, answer)
        return self.encode(headers.accept_encoding, answer)

    async def _decoded(self, content_encoding: bytes | None, body: bytes) -> bytes:
        """Return the body without its content encoding; large ones are decompressed one at a time, in a thread."""
        if content_encoding is None or len(body) <= _SMALL_BYTES:
            return self.decode(content_encoding, body)
        async with self._decompressing:
            return await asyncio.to_thread(self.decode, content_encoding, body)

    def decode(self, content_encoding: bytes | None, body: bytes) -> bytes:
        """Return the body without its content encoding.

        Raises UndecodableBodyError for a broken encoding, RequestRefusedError for an unknown one.
        """
        if len(body) > self._max_body_bytes:
            raise self.too_large()
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

    def too_large(self) -> RequestRefusedError:
        return too_large(self._max_body_bytes)

    def gunzip(self, body: bytes) -> bytes:
        """Return the content of a gzip body, which may have several members (RFC 1952, section 2.2)."""
        data = bytearray()
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
                while len(data) <= self._max_body_bytes and (part := file.read(_PART_BYTES)):
                    data += part
        except EOFError as error:
            raise UndecodableBodyError("the gzip body is incomplete") from error
        except (OSError, zlib.error) as error:
            raise UndecodableBodyError("Content-Encoding is gzip, but the body is not gzip") from error
        if len(data) > self._max_body_bytes:
            del data  # The error has this frame.
            raise self.too_large()
        if not body:
            raise UndecodableBodyError("the gzip body is empty")
        return bytes(data)


def _facts(request: Request, headers: RequestHeaders) -> HttpRequestFacts:
    uid = dict(request.headers).get(b"opamp-instance-uid")
    content_type = headers.content_type
    return HttpRequestFacts(
        request.method,
        None if content_type is None else content_type.decode("latin-1"),
        None if uid is None else uid.decode("latin-1"),
    )


async def _without_reply(withheld: WithheldReplyError) -> Response:
    """Return the response that a test has asked for: a status, or none before the agent gives up."""
    if withheld.status is None:
        await asyncio.sleep(_SILENCE_SECONDS)
        return Response(_NO_REPLY)
    wait = withheld.retry_after
    return Response(withheld.status, headers=() if wait is None else ((b"retry-after", b"%d" % wait),))


def _retry_after(response: Response) -> float | None:
    value = dict(response.headers).get(b"retry-after")
    return None if value is None else float(value)


def _takes_gzip(accept_encoding: bytes) -> bool:
    for coding in accept_encoding.lower().split(b","):
        name, _, weight = coding.partition(b";")
        if name.strip() in (b"gzip", b"x-gzip", b"*"):
            return weight.replace(b" ", b"") not in (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")
    return False
