"""Clients that do not read, send what cannot be parsed, or pipeline without end: what they cost, and that they end."""

import base64
import gc
import gzip
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
import trustme
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from opamp_conformance.client.agent import Agent
from opamp_mock_server import Limits, MockServer, Settings, Tls
from opamp_proto import CONTENT_TYPE
from opamp_proto import opamp_pb2 as pb
from support.command_line import wait_until
from support.http_requests import ask, metric, send

OPENING: Final = (
    b"GET /v1/opamp HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
MEBIBYTE: Final = 1024 * 1024
MOST_GROWTH: Final = 64 * MEBIBYTE


@contextmanager
def connection(server: MockServer) -> Iterator[socket.socket]:
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as opened:
        yield opened


def resident() -> int:
    """Return the resident memory of this process, which also runs the server, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        (b"Content-Length: 5\r\n\r\nhello", b"400"),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"400"),
        (b"".join(b"X-%d: a\r\n" % number for number in range(140)) + b"\r\n", b"431"),
        (b"X-Long: " + b"a" * 9000 + b"\r\n\r\n", b"431"),
        (b"Content-Length: 0\r\n\r\n", b"101"),
    ],
    ids=["content-length", "transfer-encoding", "many-headers", "long-header", "no-body"],
)
def test_each_opening_of_a_websocket_is_answered(rest: bytes, status: bytes) -> None:
    with MockServer() as server, connection(server) as client:
        client.sendall(OPENING + rest)
        assert client.recv(100).split()[1] == status


def test_an_opening_that_is_never_complete_ends() -> None:
    with MockServer(Settings(limits=Limits(request_seconds=0.5))) as server, connection(server) as client:
        client.sendall(OPENING)  # The empty line is missing.
        assert client.recv(1000).startswith(b"HTTP/1.1 408")


def test_a_client_that_does_not_read_costs_little_and_is_dropped() -> None:
    """Responses wait in the memory of the server, so the next request waits until they are read."""
    settings = Settings(control=True, limits=Limits(request_seconds=2))
    with MockServer(settings) as server, connection(server) as client:
        uid = Agent("hostile").instance_uid.hex()
        package = {
            "type": "PackageType_TopLevel",
            "version": "1",
            "content": base64.b64encode(bytes(MEBIBYTE)).decode(),
        }
        ask(server, "PUT", f"/agents/{uid}/packages", {"big": package})
        before = resident()
        get = f"GET /packages/{uid}/big HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        client.sendall(get * (128 * 1024 // len(get)))
        time.sleep(1)
        assert resident() - before < MOST_GROWTH
        wait_until(lambda: _is_dropped(client), 15)


def test_a_client_that_reads_slowly_gets_everything() -> None:
    with MockServer(Settings(control=True)) as server, connection(server) as client:
        uid = Agent("slow").instance_uid.hex()
        content = bytes(range(256)) * 1024
        encoded = base64.b64encode(content).decode()
        package = {"type": "PackageType_TopLevel", "version": "1", "content": encoded}
        ask(server, "PUT", f"/agents/{uid}/packages", {"big": package})
        get = f"GET /packages/{uid}/big HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        client.sendall(get * 40)
        received = 0
        while received < 40 * len(content):
            data = client.recv(65536)
            assert data
            received += len(data)


def _is_dropped(client: socket.socket) -> bool:
    """Return whether the server has ended a connection, which shows only to a client that sends."""
    try:
        client.send(b"\r\n")
    except OSError:
        return True
    return False


def test_long_rows_of_refused_requests_let_others_pass() -> None:
    """A client without credentials sends thousands of requests at once; the others are answered meanwhile."""
    key = "sesame-open-123"
    with MockServer(Settings(enrollment_keys=(key,))) as server, connection(server) as client:
        row = b"POST /v1/opamp HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
        client.setblocking(False)
        for _ in range(20):
            try:
                client.send(row * 500)
            except BlockingIOError:
                break
            began = time.monotonic()
            assert send(server.url, Agent("honest").full_status(), key=key).instance_uid
            assert time.monotonic() - began < 20


def test_pings_to_a_client_that_does_not_read_are_bounded() -> None:
    with MockServer(Settings(limits=Limits(request_seconds=1))) as server, connection(server) as client:
        client.sendall(OPENING + b"\r\n")
        client.recv(1000)
        ping = b"\x89\xfd" + bytes(4) + bytes(125)
        client.settimeout(1)
        assert _sent_until_refused(client, ping * 500) < 64 * MEBIBYTE


def _sent_until_refused(client: socket.socket, data: bytes) -> int:
    """Send the same data until the server reads no more, or drops the connection; return the number of bytes."""
    sent = 0
    while sent < 400 * MEBIBYTE:
        try:
            sent += client.send(data)
        except OSError:
            break
    return sent


def test_a_message_in_fragments_of_two_bytes_costs_little() -> None:
    with MockServer() as server, connection(server) as client:
        client.sendall(OPENING + b"\r\n")
        client.recv(1000)
        before = resident()
        client.settimeout(60)  # On a busy machine, the server reads slowly.
        fragment = b"\x00\x82" + bytes(4) + b"ab"
        client.sendall(b"\x02\x81" + bytes(4) + b"\x00")
        for _ in range(75):
            client.sendall(fragment * 20_000)
        time.sleep(1)
        assert resident() - before < MOST_GROWTH


def test_the_bodies_of_refused_requests_are_not_kept() -> None:
    with MockServer(Settings(max_body_bytes=64 * MEBIBYTE)) as server, ExitStack() as stack:
        before = resident()
        for _ in range(5):
            client = stack.enter_context(connection(server))
            client.sendall(b"PUT /v1/opamp HTTP/1.1\r\nHost: x\r\nContent-Length: 33554432\r\n\r\n")
            client.sendall(bytes(30 * MEBIBYTE))
        time.sleep(1)
        assert resident() - before < MOST_GROWTH


@pytest.fixture
def _without_garbage_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def partial_body() -> bytes:
    return large_request(4 * MEBIBYTE) + bytes(3 * MEBIBYTE)


def bomb() -> bytes:
    body = gzip.compress(bytes(8 * MEBIBYTE))
    return large_request(len(body)).replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n") + body


@pytest.mark.usefixtures("_without_garbage_collection")
@pytest.mark.parametrize("request_of", [partial_body, bomb])
def test_what_ends_is_freed_at_once(request_of: Callable[[], bytes]) -> None:
    """A server with many objects collects garbage rarely, so no cycle may keep a body."""
    data = request_of()
    with MockServer(Settings(control=True, max_body_bytes=4 * MEBIBYTE)) as server:
        before = resident()
        for _ in range(30):
            with connection(server) as client:
                client.sendall(data)
                client.settimeout(0.05)
                with suppress(TimeoutError):
                    client.recv(100)
        assert resident() - before < MOST_GROWTH


@pytest.mark.parametrize(
    ("origin", "status"),
    [(b"https://evil.example", b"403"), (b"null", b"403"), (b"http://x", b"101"), (b"https://app.example", b"101")],
)
def test_only_agents_and_own_pages_open_websockets(origin: bytes, status: bytes) -> None:
    """A browser sends the origin of the page; without enrollment keys, any page could enroll agents."""
    with MockServer(Settings(allowed_origins=("https://app.example",))) as server, connection(server) as client:
        client.sendall(OPENING + b"Origin: " + origin + b"\r\n\r\n")
        assert client.recv(100).split()[1] == status


def test_a_long_instance_uid_is_not_sent_back() -> None:
    with MockServer() as server:
        reply = send(server.url, pb.AgentToServer(instance_uid=bytes(1_000_000)))
        assert reply.error_response.type == pb.ServerErrorResponseType_BadRequest
        assert reply.instance_uid == b""
        assert send(server.url, pb.AgentToServer(instance_uid=bytes(26))).instance_uid == bytes(26)


# ---- TLS


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    folder = tmp_path_factory.mktemp("tls")
    certificate = trustme.CA().issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    return Tls(folder / "cert.pem", folder / "key.pem")


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.mark.parametrize("begun", [b"", b"\x16\x03\x01\x02\x00\x01"], ids=["silent", "half"])
def test_tls_handshakes_that_are_left_half_open_end(tls: Tls, begun: bytes) -> None:
    settings = Settings(tls=tls, limits=Limits(request_seconds=0.5))
    with MockServer(settings) as server, ExitStack() as stack:
        clients = [stack.enter_context(connection(server)) for _ in range(50)]
        for client in clients:
            client.sendall(begun)
        for client in clients:
            with suppress(ConnectionResetError):
                assert client.recv(1) == b""


def test_tls_handshakes_count_as_connections(tls: Tls) -> None:
    settings = Settings(tls=tls, limits=Limits(connections=10, request_seconds=5))
    with MockServer(settings) as server, ExitStack() as stack:
        for _ in range(9):
            stack.enter_context(connection(server))
        time.sleep(0.2)
        last = stack.enter_context(trusting().wrap_socket(stack.enter_context(connection(server))))
        last.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert last.recv(1000).startswith(b"HTTP/1.1 200")
        with connection(server) as late, pytest.raises(OSError, match=r"EOF|reset"):
            trusting().wrap_socket(late)
        time.sleep(6)  # Until the handshakes have run out of time.
        with trusting().wrap_socket(stack.enter_context(connection(server))) as client:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            text = b"".join(iter(lambda: client.recv(65536), b""))
        assert b'opamp_shed_total{limit="connections"} 1.0' in text
        assert b"opamp_connections 2.0" in text


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=str)
def test_a_request_together_with_the_end_of_the_handshake_is_answered(tls: Tls, version: ssl.TLSVersion) -> None:
    incoming, outgoing, context = ssl.MemoryBIO(), ssl.MemoryBIO(), trusting()
    context.minimum_version = context.maximum_version = version
    client = context.wrap_bio(incoming, outgoing)
    with MockServer(Settings(tls=tls)) as server, connection(server) as raw:
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                raw.sendall(outgoing.read())
                incoming.write(raw.recv(65536))
        client.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        raw.sendall(outgoing.read())  # With TLS 1.3, this also has the last message of the handshake.
        while True:
            incoming.write(raw.recv(65536))
            with suppress(ssl.SSLWantReadError):
                assert client.read(1000).startswith(b"HTTP/1.1 200")
                break


# ---- large messages


def large_request(length: int) -> bytes:
    head = f"POST /v1/opamp HTTP/1.1\r\nHost: x\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {length}\r\n\r\n"
    return head.encode()


def test_large_messages_have_a_budget_over_all_connections() -> None:
    """A message that has not arrived yet takes its part; the end of its connection gives it back."""
    limits = Limits(pending_bytes=2 * MEBIBYTE)
    with MockServer(Settings(limits=limits)) as server, ExitStack() as stack:
        first = stack.enter_context(connection(server))
        first.sendall(large_request(3 * MEBIBYTE) + bytes(MEBIBYTE + MEBIBYTE // 2))
        time.sleep(0.2)
        second = stack.enter_context(connection(server))
        second.sendall(large_request(3 * MEBIBYTE) + bytes(MEBIBYTE))
        answer = second.recv(1000)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"retry-after" in answer.lower()
        assert metric(server, 'opamp_shed_total{limit="pending_bytes"}') == 1
        with connection(server) as small:
            small.sendall(large_request(3) + b"\xff\xff\xff")
            assert small.recv(1000).startswith(b"HTTP/1.1 200")
        first.close()
        time.sleep(0.2)
        third = stack.enter_context(connection(server))
        third.sendall(large_request(MEBIBYTE) + bytes(MEBIBYTE))
        assert third.recv(1000).startswith(b"HTTP/1.1 200")


def test_large_websocket_messages_have_the_same_budget() -> None:
    limits = Limits(pending_bytes=2 * MEBIBYTE)
    with MockServer(Settings(limits=limits)) as server, ExitStack() as stack:
        waiting = stack.enter_context(connection(server))
        waiting.sendall(large_request(3 * MEBIBYTE) + bytes(MEBIBYTE + MEBIBYTE // 2))
        time.sleep(0.2)
        with connect("ws" + server.url[4:], max_size=None) as websocket:
            with suppress(ConnectionClosed):
                websocket.send(b"\0" + bytes(MEBIBYTE))
            with pytest.raises(ConnectionClosed) as closed:
                websocket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013
        waiting.close()
        time.sleep(0.2)
        with connect("ws" + server.url[4:]) as websocket:
            websocket.send(b"\0" + bytes(MEBIBYTE // 2))
            assert websocket.recv()


def test_large_compressed_bodies_do_not_hold_other_agents() -> None:
    """They are decompressed in a thread, one at a time."""
    bomb = gzip.compress(bytes(60 * MEBIBYTE), compresslevel=6)
    head = (
        f"POST /v1/opamp HTTP/1.1\r\nHost: x\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Encoding: gzip\r\n"
        f"Content-Length: {len(bomb)}\r\n\r\n"
    )
    with MockServer() as server, ExitStack() as stack:
        clients = [stack.enter_context(connection(server)) for _ in range(4)]
        for client in clients:
            client.sendall(head.encode() + bomb)
        for client in clients:
            assert client.recv(1000).startswith((b"HTTP/1.1 200", b"HTTP/1.1 503"))
