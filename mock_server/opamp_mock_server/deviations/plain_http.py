"""Ways to break what the specification says of plain HTTP."""

from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.http import HttpEndpoint, RequestHeaders, Response, Unreadable
from opamp_proto import opamp_pb2 as pb


@breaks("http.support-gzip-request", also=["http.honour-content-encoding"])
class GzipRefused(HttpEndpoint):
    """A compressed body is refused as malformed."""

    def decode(self, content_encoding: bytes | None, body: bytes) -> bytes:
        if content_encoding == b"gzip":
            raise Unreadable("compressed bodies are not understood")
        return super().decode(content_encoding, body)


@breaks("http.honour-content-encoding", also=["http.support-gzip-request"])
class ContentEncodingIgnored(HttpEndpoint):
    """Content-Encoding is ignored: every body is taken as it is."""

    def decode(self, content_encoding: bytes | None, body: bytes) -> bytes:
        return body


@breaks("http.response-compression")
class ResponsesUncompressed(HttpEndpoint):
    """Accept-Encoding is ignored: no response is compressed."""

    def encode(self, accept_encoding: bytes | None, data: bytes) -> Response:
        return super().encode(None, data)


@breaks("http.response-body")
class WebSocketHeader(HttpEndpoint):
    """Acknowledgements begin with the header byte of a WebSocket message."""

    def encode(self, accept_encoding: bytes | None, data: bytes) -> Response:
        reply = pb.ServerToAgent.FromString(data)
        is_acknowledgement = not reply.capabilities and not reply.HasField("error_response")
        return super().encode(accept_encoding, b"\0" + data if is_acknowledgement else data)


@breaks("http.detect-ws")
class EverythingIsPlainHttp(HttpEndpoint):
    """Any method and content type is taken for plain HTTP."""

    def require_plain_http(self, method: str, headers: RequestHeaders) -> None:
        pass
