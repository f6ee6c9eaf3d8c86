"""HTTP requests to a mock server whose headers or bytes a test chooses."""

import http.client
import socket
from contextlib import closing
from urllib.parse import urlsplit

import uuid6

from opamp_mock_server import MockServer
from opamp_proto import CONTENT_TYPE
from opamp_proto import opamp_pb2 as pb


def post(server: MockServer, body: bytes, method: str = "POST", path: str = "", **headers: str) -> tuple[int, bytes]:
    parts = urlsplit(server.url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)) as connection:
        with_dashes = {
            name.replace("_", "-"): value for name, value in {"Content_Type": CONTENT_TYPE, **headers}.items()
        }
        connection.request(method, path or parts.path, body, {k: v for k, v in with_dashes.items() if v})
        response = connection.getresponse()
        return response.status, response.read()


def message(**fields: object) -> pb.AgentToServer:
    return pb.AgentToServer(instance_uid=uuid6.uuid7().bytes, **fields)  # type: ignore[arg-type]


def raw(server: MockServer, *parts: bytes) -> bytes:
    """Send parts unchanged, and read until the server closes the connection."""
    address = urlsplit(server.url)
    received = b""
    with socket.create_connection((address.hostname, address.port or 0), timeout=10) as connection:
        try:
            for part in parts:
                connection.sendall(part)
        except OSError:
            pass  # The server has already refused the request.
        while True:
            try:
                data = connection.recv(65536)
            except OSError:
                break
            if not data:
                break
            received += data
    return received


def whole(body: bytes, *, version: str = "1.1", method: str = "POST", headers: str = "") -> bytes:
    head = f"{method} /v1/opamp HTTP/{version}\r\nHost: x\r\nContent-Type: {CONTENT_TYPE}\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
