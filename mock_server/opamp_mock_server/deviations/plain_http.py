"""Deviations from Plain HTTP Transport: wrong encodings, request checks and replies."""

import zlib

from opamp_mock_server.core.agent_state import AgentRecord, DesiredState
from opamp_mock_server.core.core import Core, Outcome
from opamp_mock_server.core.remote_config import RemoteConfig
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.transports.http_messages import Request, RequestHeaders, RequestRefusedError, Responder, Response
from opamp_mock_server.transports.plain_http import HttpEndpoint, UndecodableBodyError
from opamp_proto import opamp_pb2 as pb


@breaks(
    "http.support-gzip-request",
    also=["http.honour-content-encoding", "size.http.default", "size.http.server-413", "size.http.server-receive"],
)
class GzipRefused(HttpEndpoint):
    """A gzip request body is refused as malformed."""

    def decode(self, content_encoding: bytes | None, body: bytes) -> bytes:
        if content_encoding == b"gzip":
            raise UndecodableBodyError("compressed bodies are not supported")
        return super().decode(content_encoding, body)


@breaks(
    "http.honour-content-encoding",
    also=[
        "http.content-coding-case",
        "http.support-gzip-request",
        "http.unknown-content-encoding",
        "size.http.default",
        "size.http.server-413",
        "size.http.server-receive",
    ],
)
class ContentEncodingIgnored(HttpEndpoint):
    """Content-Encoding is ignored: a request body is not decompressed."""

    def decode(self, content_encoding: bytes | None, body: bytes) -> bytes:
        return body


@breaks("http.unknown-content-encoding")
class UnknownEncodingIgnored(HttpEndpoint):
    """A body in an unknown encoding is read as if it was not encoded."""

    def decode(self, content_encoding: bytes | None, body: bytes) -> bytes:
        is_known = content_encoding is None or content_encoding.lower() in (b"gzip", b"x-gzip", b"identity")
        return super().decode(content_encoding if is_known else None, body)


@breaks("http.response-compression")
class ResponsesUncompressed(HttpEndpoint):
    """Accept-Encoding is ignored: a response is not compressed."""

    def encode(self, accept_encoding: bytes | None, data: bytes) -> Response:
        return super().encode(None, data)


@breaks("http.response-compression:unasked")
class ResponsesAlwaysCompressed(HttpEndpoint):
    """Every response is compressed, even if the client does not accept gzip."""

    def encode(self, accept_encoding: bytes | None, data: bytes) -> Response:
        return super().encode(b"gzip", data)


@breaks("http.response-compression:request")
class CompressedRequestsAnsweredUncompressed(HttpEndpoint):
    """The response to a compressed request is not compressed."""

    async def respond(self, headers: RequestHeaders, body: bytes) -> Response:
        is_plain = headers.content_encoding is None
        return await super().respond(headers if is_plain else headers._replace(accept_encoding=None), body)


@breaks("http.response-compression:list")
class OnlyOneCodingUnderstood(HttpEndpoint):
    """A response is compressed only if the client accepts nothing but gzip."""

    def encode(self, accept_encoding: bytes | None, data: bytes) -> Response:
        return super().encode(accept_encoding if accept_encoding == b"gzip" else None, data)


@breaks("http.response-body")
class AcknowledgementWithWebSocketHeader(HttpEndpoint):
    """An acknowledgement begins with the header byte of a WebSocket message."""

    def encode(self, accept_encoding: bytes | None, data: bytes) -> Response:
        reply = pb.ServerToAgent.FromString(data)
        is_acknowledgement = not reply.capabilities and not reply.HasField("error_response")
        return super().encode(accept_encoding, b"\0" + data if is_acknowledgement else data)


@breaks("http.response-body:unmarked")
class UnmarkedGzip(HttpEndpoint):
    """A reply with an error is compressed for a client that accepts gzip, but has no Content-Encoding."""

    def encode(self, accept_encoding: bytes | None, data: bytes) -> Response:
        response = super().encode(accept_encoding, data)
        if not pb.ServerToAgent.FromString(data).HasField("error_response"):
            return response
        headers = tuple((name, value) for name, value in response.headers if name != b"content-encoding")
        return response._replace(headers=headers)


@breaks("http.detect-ws")
class AnyMethodAndContentTypeAccepted(HttpEndpoint):
    """A request with any method and any content type is processed as plain HTTP."""

    def require_plain_http(self, method: str, headers: RequestHeaders) -> None:
        pass


@breaks("http.support-identity-request")
class UncompressedAfterCompressedRefused(HttpEndpoint):
    """After a compressed message, uncompressed messages of the same agent are refused."""

    _compressed: frozenset[bytes] = frozenset()

    def decode(self, content_encoding: bytes | None, body: bytes) -> bytes:
        data = super().decode(content_encoding, body)
        sender = data[:18]  # Agents encode the field instance_uid first.
        if content_encoding is not None:
            self._compressed |= {sender}
        elif sender in self._compressed:
            raise RequestRefusedError(415, "the message is not compressed")
        return data


@breaks("http.detect-plain")
class SecWebSocketHeadersRefused(HttpEndpoint):
    """A POST request with a Sec-WebSocket header is treated as a WebSocket handshake, and refused."""

    def check(self, request: Request, headers: RequestHeaders) -> None:
        if any(name.startswith(b"sec-websocket-") for name, _ in request.headers):
            request = request._replace(method="GET")
        super().check(request, headers)


@breaks(
    "http.respond-each",
    also=[
        "response.must-respond",
        "retry.respond-to-each-duplicate",
        "fleet.disconnect.unenrolled",
        "fleet.disconnect.with-flag",
    ],
)
class EverySecondCheckInUnanswered(HttpEndpoint):
    """The reply to every second check-in in a row has an empty body."""

    _last: bytes = b""

    async def respond(self, headers: RequestHeaders, body: bytes) -> Response:
        response = await super().respond(headers, body)
        is_check_in = len(body) < 40
        is_second = is_check_in and body[:18] == self._last
        self._last = body[:18] if is_check_in and not is_second else b""
        return response._replace(body=b"") if is_second else response


@breaks("response.must-respond:no-header")
class HeaderRequired(HttpEndpoint):
    """The reply to a valid message without the header OpAMP-Instance-UID has an empty body."""

    def open(self, request: Request) -> Responder:
        responder = super().open(request)

        async def answer(body: bytes) -> Response:
            response = await responder(body)
            is_error = pb.ServerToAgent.FromString(response.body).HasField("error_response")
            return response if is_error else response._replace(body=b"")

        is_plain = not {b"accept-encoding", b"content-encoding"} & dict(request.headers).keys()
        return answer if is_plain and b"opamp-instance-uid" not in dict(request.headers) else responder


@breaks("http.respond-each:disconnect", also=["response.must-respond"])
class DisconnectUnanswered(Core):
    """The reply to an accepted agent_disconnect has an empty body."""

    def disconnect(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        return super().disconnect(known, message)._replace(reply=pb.ServerToAgent())


@breaks("http.server-waits-for-poll", also=["capabilities.server-respects-change", "remote-config.offer-field"])
class ConfigOnlyInFirstReply(RemoteConfig):
    """A configuration is offered in the first reply to an agent, but not in replies to check-ins."""

    def offer_remote_config(self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent) -> AgentRecord:
        return super().offer_remote_config(record, desired, reply) if reply.capabilities else record


@breaks(
    "http.support-gzip-request:first-member",
    also=["http.honour-content-encoding", "size.http.default", "size.http.server-413", "size.http.server-receive"],
)
class OnlyFirstGzipMemberDecoded(HttpEndpoint):
    """Only the first member of a gzip body is decoded, and the rest is ignored."""

    def gunzip(self, body: bytes) -> bytes:
        try:
            return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(body)
        except zlib.error as error:
            raise UndecodableBodyError("the gzip body is broken") from error


@breaks("http.support-gzip-request:file-name", also=["http.honour-content-encoding"])
class GzipWithFileNameRefused(HttpEndpoint):
    """Gzip that has the name of a file in its header is rejected as malformed."""

    def gunzip(self, body: bytes) -> bytes:
        if body[3:4] == b"\x08":
            raise UndecodableBodyError("the gzip body has flags")
        return super().gunzip(body)


@breaks("http.support-identity-request:chunks", also=["size.http.server-413", "size.http.server-receive"])
class ChunksRefused(HttpEndpoint):
    """A request in chunks is refused with 411."""

    def check(self, request: Request, headers: RequestHeaders) -> None:
        super().check(request, headers)
        if (b"transfer-encoding", b"chunked") in request.headers:
            raise RequestRefusedError(411, "the request needs a length")


@breaks("http.response-compression:errors")
class ErrorsNotCompressed(HttpEndpoint):
    """A reply with an error is not compressed."""

    def encode(self, accept_encoding: bytes | None, data: bytes) -> Response:
        is_error = pb.ServerToAgent.FromString(data).HasField("error_response")
        return super().encode(None if is_error else accept_encoding, data)


@breaks("http.response-compression:not-gzip")
class ErrorsOnlySaidToBeGzip(HttpEndpoint):
    """A reply with an error has the Content-Encoding gzip, but is not compressed."""

    def encode(self, accept_encoding: bytes | None, data: bytes) -> Response:
        response = super().encode(accept_encoding, data)
        is_error = pb.ServerToAgent.FromString(data).HasField("error_response")
        return response._replace(body=data) if is_error else response


@breaks("http.response-compression:incomplete", also=["http.response-body"])
class LargeGzipIncomplete(HttpEndpoint):
    """The gzip of a reply of more than 512 bytes has no end."""

    def encode(self, accept_encoding: bytes | None, data: bytes) -> Response:
        response = super().encode(accept_encoding, data)
        return response._replace(body=response.body[:-8]) if response.headers and len(data) > 512 else response


@breaks("http.content-coding-case")
class EncodingInUpperCaseIgnored(HttpEndpoint):
    """The name of an encoding in upper case is ignored, so the body is rejected as malformed."""

    def decode(self, content_encoding: bytes | None, body: bytes) -> bytes:
        is_known = content_encoding is None or content_encoding == content_encoding.lower()
        return super().decode(content_encoding if is_known else None, body)


@breaks("http.detect-plain:upgrade")
class UpgradeHeadersRefused(HttpEndpoint):
    """A POST request with an Upgrade header is treated as a WebSocket handshake, and refused."""

    def check(self, request: Request, headers: RequestHeaders) -> None:
        is_upgrade = any(name == b"upgrade" for name, _ in request.headers)
        super().check(request._replace(method="GET") if is_upgrade else request, headers)


@breaks("http.detect-plain:upper-case")
class ContentTypeInUpperCaseRefused(HttpEndpoint):
    """The content type in upper case is refused."""

    def is_plain_http(self, content_type: bytes) -> bool:
        return content_type == content_type.lower() and super().is_plain_http(content_type)
