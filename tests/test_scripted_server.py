"""The scripted server of graded agents: its proxy, and signing requests that cannot be read."""

import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from opamp_conformance.actions.agent_side.connection_settings import arrival
from opamp_conformance.errors import NotApplicableError, ViolationError
from opamp_conformance.scripted_server.certificates import read_request
from opamp_conformance.scripted_server.records import MessageReceived, ProxyUsed, TlsBegun
from opamp_conformance.scripted_server.server import ScriptedServer
from opamp_conformance.targets import ENDPOINT_PATH
from opamp_conformance.wire.transport import Transport
from opamp_proto import opamp_pb2 as pb


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    server.start()
    with closing(server):
        yield server


def asked(server: ScriptedServer, data: bytes) -> bytes:
    """Return what the proxy answers to some bytes."""
    address = urlsplit(server.proxy_url())
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(data)
        return connection.recv(1000)


def test_the_proxy_connects_to_the_endpoints_over_tls(server: ScriptedServer) -> None:
    target = urlsplit(server.tls_url(Transport.HTTP)).netloc
    assert asked(server, f"CONNECT {target} HTTP/1.1\r\nX-Key: v\r\n\r\n".encode()).startswith(b"HTTP/1.1 200")
    [used] = server.records.of(ProxyUsed)
    assert (used.target, used.headers) == (target, {"x-key": "v"})


@pytest.mark.parametrize("request_line", ["CONNECT 127.0.0.1:{other} HTTP/1.1", "GET http://127.0.0.1:{tls}/ HTTP/1.1"])
def test_the_proxy_connects_to_nothing_else(server: ScriptedServer, request_line: str) -> None:
    ports = {
        "other": urlsplit(server.url(Transport.HTTP)).port,
        "tls": urlsplit(server.tls_url(Transport.HTTP)).port,
    }
    answer = asked(server, request_line.format(**ports).encode() + b"\r\n\r\n")
    assert answer == b"" or answer.startswith(b"HTTP/1.1 403")
    assert server.records.of(ProxyUsed) == []


@pytest.mark.parametrize("data", [b"\r\n\r\n", b"\xff\xfe\r\n\r\n", b"CONNECT a:b c\r\n\r\n", b"x" * 100_000])
def test_the_proxy_ends_what_is_no_request(server: ScriptedServer, data: bytes) -> None:
    try:
        answer = asked(server, data)
    except ConnectionError:
        answer = b""
    assert answer == b""
    assert server.records.of(ProxyUsed) == []


@pytest.mark.parametrize(
    "data", [b"", b"0", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"]
)
def test_a_signing_request_that_cannot_be_read(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        read_request(data)


def test_an_open_tunnel_ends_with_the_server(caplog: pytest.LogCaptureFixture) -> None:
    server = ScriptedServer()
    server.start()
    address, target = urlsplit(server.proxy_url()), urlsplit(server.tls_url(Transport.HTTP)).netloc
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        server.close()
        with suppress(ConnectionError):
            assert connection.recv(1000) == b""
    assert caplog.records == []


@pytest.mark.parametrize("has_tried", [False, True])
def test_an_agent_that_tries_and_fails_has_not_refused_the_settings(has_tried: bool) -> None:
    failed = pb.AgentToServer()
    failed.connection_settings_status.status = pb.ConnectionSettingsStatuses_FAILED
    failed.connection_settings_status.error_message = "no such authority"
    record = MessageReceived(0.0, 1, Transport.WEBSOCKET, ENDPOINT_PATH, {}, failed, b"", False)
    begun = [TlsBegun(0.0, 2)] if has_tried else []
    session: Any = SimpleNamespace(expect=lambda *_: record, since=lambda kind: begun if kind is TlsBegun else [])
    with pytest.raises(ViolationError if has_tried else NotApplicableError, match="no such authority"):
        arrival(session, "a message over TLS", lambda one: one.is_tls)
