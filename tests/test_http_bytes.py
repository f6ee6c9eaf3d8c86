"""HTTP of the mock server, byte by byte: pipelined, incomplete, invalid and odd requests."""

import http.client
import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from opamp_mock_server import MockServer, Settings
from opamp_mock_server.limits.limits import Limits
from opamp_mock_server.service.service import Delays
from opamp_proto import CONTENT_TYPE
from opamp_proto import opamp_pb2 as pb
from support.raw_http import message, post, raw, whole


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer(Settings(max_body_bytes=1000)) as server:
        yield server


@pytest.fixture(scope="module")
def server_with_short_timeout() -> Iterator[MockServer]:
    with MockServer(Settings(limits=Limits(request_seconds=0.3))) as server:
        yield server


@pytest.mark.parametrize("is_chunked", [False, True], ids=["whole", "chunked"])
@pytest.mark.parametrize("cut", [0, 30, 250])
def test_a_request_to_upgrade_to_http_2_is_answered_over_http_1(server: MockServer, cut: int, is_chunked: bool) -> None:
    """The HTTP client of Java requests this upgrade in every request on a connection."""
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5) as connection:
        answers = connection.makefile("rb")
        for number in (1, 2):
            body = message(sequence_num=number, capabilities=1).SerializeToString()
            framing = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {len(body)}"
            head = (
                f"POST {parts.path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                f"Upgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\nContent-Type: {CONTENT_TYPE}\r\n{framing}\r\n\r\n"
            )
            framed = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if is_chunked else body
            request = head.encode() + framed
            connection.sendall(request[:cut])
            time.sleep(0.02 if cut else 0)
            connection.sendall(request[cut:])
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            length = 0
            while (line := answers.readline()) != b"\r\n":
                name, _, value = line.partition(b":")
                length = int(value) if name == b"content-length" else length
            reply = pb.ServerToAgent.FromString(answers.read(length))
            assert not reply.HasField("error_response")
            assert reply.instance_uid == pb.AgentToServer.FromString(body).instance_uid


@pytest.mark.parametrize("connection", ["upgrade", "close, upgrade"])
def test_other_values_of_the_connection_header_are_respected(server: MockServer, connection: str) -> None:
    headers = {"Connection": connection, "Upgrade": "h2c", "Content-Type": CONTENT_TYPE}
    parts = urlsplit(server.url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)) as client:
        client.request("POST", parts.path, message().SerializeToString(), headers)
        response = client.getresponse()
        assert response.status == 200
        assert response.will_close == ("close" in connection)


def test_an_upgrade_request_of_http_1_0_ends_with_its_response(server: MockServer) -> None:
    parts = urlsplit(server.url)
    body = message().SerializeToString()
    head = f"POST {parts.path} HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Type: {CONTENT_TYPE}\r\n"
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_endless_headers_are_refused(server: MockServer) -> None:
    filler = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 1000) for number in range(100))
    assert b" 431 " in raw(server, b"POST /v1/opamp HTTP/1.1\r\nHost: x\r\n", filler, filler, filler)


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"POST /v1",
        b"POST /v1/opamp HTTP/1.1\r\nHost: x\r\n",
        b"POST /v1/opamp HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx",
    ],
    ids=["silence", "half a line", "half the headers", "half the body"],
)
def test_an_incomplete_request_times_out(server_with_short_timeout: MockServer, beginning: bytes) -> None:
    began = time.monotonic()
    assert b" 408 " in raw(server_with_short_timeout, beginning)
    assert time.monotonic() - began < 20


def test_an_incomplete_request_on_a_keep_alive_connection_times_out(server_with_short_timeout: MockServer) -> None:
    body = message().SerializeToString()
    half = b"POST /v1/opamp HTTP/1.1\r\n"
    for parts in ([whole(body), half], [whole(body) + half]):
        answers = raw(server_with_short_timeout, *parts)
        assert b" 200 " in answers
        assert b" 408 " in answers


@pytest.mark.parametrize("delay", [0.0, 0.05])
def test_pipelined_requests_are_answered_in_order(delay: float) -> None:
    """The order is kept if a fast request follows a slow one."""
    messages = [message(sequence_num=number) for number in range(40)]
    last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with MockServer(Settings(delays=Delays(delay, delay))) as server:
        answers = raw(server, b"".join(whole(sent.SerializeToString()) for sent in messages) + last)
    *parts, end = answers.split(b"HTTP/1.1 ")[1:]
    replies = [pb.ServerToAgent.FromString(part.partition(b"\r\n\r\n")[2]) for part in parts]
    assert [reply.instance_uid for reply in replies] == [sent.instance_uid for sent in messages]
    assert end.endswith(b"serving\n")
    assert b"connection: close" in end


@pytest.mark.parametrize("many", [16, 17, 40])
def test_a_connection_works_after_many_pipelined_requests(server: MockServer, many: int) -> None:
    request = whole(message().SerializeToString())
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port or 0), timeout=5) as connection:
        connection.sendall(request * many)
        answers = b""
        while answers.count(b"HTTP/1.1 200") < many:
            answers += connection.recv(65536)
        connection.sendall(request)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("delay", [0.0, 0.1])
@pytest.mark.parametrize(
    ("following", "status"),
    [
        (b"EHLO opamp\r\n\r\n", b"400"),
        (b"POST /v1/opamp HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 600_000, b"431"),
        (b"POST /v1/opamp HTTP/1.1\r\n", b"408"),
    ],
)
def test_a_request_is_answered_before_the_invalid_data_after_it_is_refused(
    delay: float, following: bytes, status: bytes
) -> None:
    settings = Settings(delays=Delays(delay, delay), limits=Limits(request_seconds=0.05 if status == b"408" else 5))
    with MockServer(settings) as server:
        answers = raw(server, whole(message().SerializeToString()) + following)
    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", status]


def test_complete_headers_have_a_maximum_size(server: MockServer) -> None:
    request = whole(message().SerializeToString(), headers=f"X: {'y' * 66_000}\r\n")
    assert raw(server, request).startswith(b"HTTP/1.1 431")
    after_another = whole(message().SerializeToString()) + request
    assert re.findall(rb"HTTP/1.1 (\d+)", raw(server, after_another)) == [b"200", b"431"]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("POST /v1/opamp HTTP/1.1\r\n", 400),
        ("POST /v1/opamp HTTP/1.1\r\nHost: a\r\nHost: b\r\n", 400),
        ("POST /v1/opamp HTTP/1.0\r\n", 200),
        ("POST /v1/opamp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n", 501),
    ],
)
def test_the_head_of_a_request_is_checked(server: MockServer, head: str, status: int) -> None:
    body = "" if "Transfer" in head else "Content-Length: 0\r\n"
    answer = raw(server, f"{head}Content-Type: {CONTENT_TYPE}\r\n{body}Connection: close\r\n\r\n".encode())
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())


OPENING = (
    b"GET /v1/opamp HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)


@pytest.mark.parametrize("headers", [b"X: " + b"y" * 9000 + b"\r\n", b"X: y\r\n" * 130], ids=["long", "many"])
def test_an_opening_with_large_headers_is_refused(server: MockServer, headers: bytes) -> None:
    assert raw(server, OPENING + headers + b"\r\n").startswith(b"HTTP/1.1 431")


def test_a_text_that_is_not_utf_8_closes_its_websocket(server: MockServer, caplog: pytest.LogCaptureFixture) -> None:
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
        connection.sendall(OPENING + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 101")
        connection.sendall(bytes([0x81, 0x82, 0, 0, 0, 0, 0xFF, 0xFE]))
        assert connection.recv(65536) == bytes([0x88, 2]) + (1007).to_bytes(2, "big")
    assert "Traceback" not in caplog.text


def test_a_request_in_several_pieces(server: MockServer) -> None:
    request = whole(message().SerializeToString(), headers="Connection: close\r\n")
    assert b"HTTP/1.1 200 OK" in raw(server, *(request[at : at + 7] for at in range(0, len(request), 7)))


def test_a_chunked_body(server: MockServer) -> None:
    body = message().SerializeToString()
    head = f"POST /v1/opamp HTTP/1.1\r\nHost: x\r\nContent-Type: {CONTENT_TYPE}\r\nConnection: close\r\n"
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    answer = raw(server, f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks)
    assert pb.ServerToAgent.FromString(answer.partition(b"\r\n\r\n")[2]).flags


def test_http_1_0_has_no_keep_alive(server: MockServer) -> None:
    answer = raw(server, whole(message().SerializeToString(), version="1.0", headers="Connection: keep-alive\r\n"))
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"connection: close" in answer


def test_a_head_response_has_no_body(server: MockServer) -> None:
    answer = raw(server, b"HEAD /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404")
    assert b"content-length: 22" in head
    assert body == b""


def test_expect_100_continue(server: MockServer) -> None:
    request = whole(message().SerializeToString(), headers="Expect: 100-continue\r\nConnection: close\r\n")
    answer = raw(server, request)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_data_that_is_not_http_is_a_400(server: MockServer) -> None:
    assert raw(server, b"EHLO opamp\r\n\r\n").startswith(b"HTTP/1.1 400")


def send_for_ever(connection: socket.socket, data: bytes) -> None:
    for _ in range(10_000):
        connection.sendall(data)


def test_a_client_that_does_not_read_responses_is_not_read() -> None:
    """The server stops reading from this client, so that its buffers do not grow."""
    requests = whole(message().SerializeToString()) * 200
    with MockServer(Settings(limits=Limits(drain_seconds=0.5))) as server:
        address = urlsplit(server.url)
        with socket.create_connection((address.hostname, address.port or 0), timeout=10) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(1)
            with pytest.raises(TimeoutError):
                send_for_ever(connection, requests)
        assert post(server, message().SerializeToString())[0] == 200
