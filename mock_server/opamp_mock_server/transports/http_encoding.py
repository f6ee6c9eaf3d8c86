"""HTTP responses as bytes."""

from http import HTTPStatus
from typing import Final

from opamp_mock_server.transports.http_messages import PROTOBUF_TYPE, Response

_CONTENT_TYPE: Final = b"\r\ncontent-type: "
_CONTENT_LENGTH: Final = b"\r\ncontent-length: "
CLOSE_HEADER: Final = (b"connection", b"close")
_STATUS: Final = {status.value: b"HTTP/1.1 %d %s" % (status, status.phrase.encode()) for status in HTTPStatus}
_OK: Final = 200
_NO_CONTENT: Final = 204
_ORDINARY: Final = b"".join((_STATUS[_OK], _CONTENT_TYPE, PROTOBUF_TYPE, _CONTENT_LENGTH))


def encoded(response: Response, *, is_last: bool, takes_body: bool) -> bytes:
    """Encode a response. Nearly all of them are ordinary, so these are encoded in one step."""
    body = response.body
    if response.content_type is PROTOBUF_TYPE and not (is_last or response.headers or response.status != _OK):
        return b"%b%d\r\n\r\n%b" % (_ORDINARY, len(body), body)
    parts = [_STATUS[response.status]]
    if response.status != _NO_CONTENT:
        parts += (_CONTENT_TYPE, response.content_type, _CONTENT_LENGTH, b"%d" % len(body))
    for name, value in response.headers:
        parts += (b"\r\n", name, b": ", value)
    if is_last and CLOSE_HEADER not in response.headers:
        parts.append(b"\r\nconnection: close")
    parts.append(b"\r\n\r\n")
    if takes_body:
        parts.append(body)
    return b"".join(parts)
