"""Servers that misbehave: a run ends with one clear line or a verdict, and with the right exit code.

Its output contains no secrets.
"""

import gzip
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from opamp_conformance.client.agent import Agent
from opamp_conformance.client.client import Client
from opamp_conformance.client.timing import Timing
from opamp_conformance.targets import Endpoint
from opamp_conformance.wire.transport import Transport
from opamp_proto import opamp_pb2 as pb
from support.bad_server import BadServer, acknowledgement, read_request, respond
from support.command_line import Cli, one_line
from support.fault_injection import free_port

# ---- the first exchange fails: the run is inconclusive


def never_respond(connection: socket.socket) -> None:
    connection.recv(65536)
    time.sleep(5)


def close_without_response(connection: socket.socket) -> None:
    read_request(connection)


def html(connection: socket.socket) -> None:
    read_request(connection)
    respond(connection, b"<html><body>Welcome to nginx!</body></html>", content_type="text/html")


def empty(connection: socket.socket) -> None:
    read_request(connection)
    respond(connection, b"")


def close_within_body(connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 500\r\n\r\n123")


def endless_body(connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(300):
        connection.sendall(b"10000\r\n" + bytes(0x10000) + b"\r\n")


def endless_headers(connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(100_000):
        connection.sendall(b"X-%d: y\r\n" % number)


def slow_headers(connection: socket.socket) -> None:
    read_request(connection)
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 22\r\n":
        connection.sendall(bytes([byte]))
        time.sleep(0.1)


def redirect(connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(b"HTTP/1.1 308 Permanent Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")


def unauthorized(connection: socket.socket) -> None:
    read_request(connection)
    respond(connection, b"", "401 Unauthorized")


def not_http(connection: socket.socket) -> None:
    connection.sendall(b"220 mail.example.com ESMTP\r\n")
    time.sleep(0.2)


def gzip_bomb(connection: socket.socket) -> None:
    read_request(connection)
    body = gzip.compress(bytes(64 * 1024 * 1024))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (never_respond, "within 0.5 seconds"),
        (close_without_response, "closed the connection"),
        (html, "text/html"),
        (empty, "0 bytes"),
        (close_within_body, "body"),
        (endless_body, r"more than \d+ bytes"),
        (endless_headers, "the suite reads no header|complete"),
        (slow_headers, "complete"),
        (redirect, "/elsewhere"),
        (unauthorized, "credentials"),
        (not_http, "HTTP"),
        (gzip_bomb, "ServerToAgent"),
    ],
)
def test_a_server_that_does_not_answer_the_first_exchange(
    cli: Cli, behaviour: Callable[[socket.socket], None], expected: str
) -> None:
    with BadServer(behaviour) as server:
        result = cli("run", "--url", server.url, "--timeout", 3 if behaviour in (endless_body, gzip_bomb) else 0.5)
    assert result.returncode == 2
    assert re.search(expected, one_line(result))


def test_a_closed_port(cli: Cli) -> None:
    port = free_port()
    result = cli("run", "--url", f"http://127.0.0.1:{port}/v1/opamp")
    assert result.returncode == 2
    assert "cannot connect" in one_line(result)


def test_an_unknown_host(cli: Cli) -> None:
    result = cli("run", "--url", "http://nonesuch.invalid/v1/opamp")
    assert result.returncode == 2
    assert "nonesuch.invalid" in one_line(result)


# ---- TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def tls_server(authority: trustme.CA, *, wants_certificate: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    if wants_certificate:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def acknowledge(connection: socket.socket) -> None:
    while request := read_request(connection):
        respond(connection, acknowledgement(request))


ONE = ("--only", "capabilities.server.accepts-status-bit")


def test_tls_on_a_plain_port(cli: Cli) -> None:
    with cli.serve() as url:
        result = cli("run", "--url", url.replace("http:", "https:"), "--timeout", 2)
    assert result.returncode == 2
    assert "http://" in one_line(result)


def test_a_plain_request_on_a_tls_port(cli: Cli, authority: trustme.CA) -> None:
    with BadServer(acknowledge, tls_server(authority)) as server:
        result = cli("run", "--url", server.url, "--timeout", 2)
    assert result.returncode == 2
    assert server.url in one_line(result)


def test_an_untrusted_authority(cli: Cli, authority: trustme.CA) -> None:
    with BadServer(acknowledge, tls_server(authority)) as server:
        result = cli("run", "--url", f"https://localhost:{server.port}")
    assert result.returncode == 2
    assert "certificate" in one_line(result)


def test_an_authority_given_by_ca(cli: Cli, authority: trustme.CA, ca_file: Path) -> None:
    with BadServer(acknowledge, tls_server(authority)) as server:
        result = cli("run", "--url", f"https://localhost:{server.port}", "--ca", ca_file, *ONE)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_client_certificate(cli: Cli, authority: trustme.CA, ca_file: Path, tmp_path: Path) -> None:
    client = authority.issue_cert("client.example.com")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    client.cert_chain_pems[0].write_to_path(cert)
    client.private_key_pem.write_to_path(key)
    with BadServer(acknowledge, tls_server(authority, wants_certificate=True)) as server:
        url = f"https://localhost:{server.port}"
        shown = cli("run", "--url", url, "--ca", ca_file, "--cert", cert, "--key", key, *ONE)
        not_shown = cli("run", "--url", url, "--ca", ca_file, *ONE)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert not_shown.returncode == 2
    assert one_line(not_shown)


def test_the_command_that_repeats_a_scenario_has_all_options(
    cli: Cli, authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    ca_file = ca_file.rename(tmp_path / "our ca.pem")
    with BadServer(acknowledge, tls_server(authority)) as server:
        url = f"https://localhost:{server.port}/v1/opamp"
        arguments = ("--url", url, "--ca", ca_file, "--timeout", 2, "--transport", "http", "--assume", "OffersPackages")
        result = cli("run", *arguments, "--only", "bad-request.respond.not-protobuf", "--strict")
    assert result.returncode == 1
    (again,) = [line for line in result.stdout.splitlines() if line.strip().startswith("again ")]
    for option in (f"--url {url}", f"--ca '{ca_file}'", "--timeout 2", "--assume OffersPackages", "--strict"):
        assert option in again


# ---- a later exchange fails: the scenario gets a verdict


def acknowledging_only_reports(then: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    """Acknowledge reports with a description, and pass the connection of the first check-in to ``then``."""

    def behave(connection: socket.socket) -> None:
        while request := read_request(connection):
            if b"service.name" not in request:
                then(connection)
                return
            respond(connection, acknowledgement(request))

    return behave


@pytest.mark.parametrize(
    "then",
    [
        pytest.param(lambda connection: time.sleep(3), id="does not respond"),
        pytest.param(lambda connection: None, id="closes"),
        pytest.param(lambda connection: respond(connection, b"<html>", content_type="text/html"), id="html"),
        pytest.param(
            lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n123"),
            id="closes within body",
        ),
    ],
)
def test_a_server_that_fails_after_the_first_exchange(cli: Cli, then: Callable[[socket.socket], None]) -> None:
    with BadServer(acknowledging_only_reports(then)) as server:
        result = cli("run", "--url", server.url, "--timeout", 0.5, "--only", "response.must-respond.check-ins")
    assert result.returncode == 1
    assert re.search("^(failed|blocked) +MUST", result.stdout, re.MULTILINE)
    assert result.stderr == ""


def test_a_server_that_answers_in_pieces(cli: Cli) -> None:
    def answer_in_pieces(connection: socket.socket) -> None:
        while request := read_request(connection):
            body = acknowledgement(request)
            for piece in (f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode(), body[:5], body[5:]):
                connection.sendall(piece)
                time.sleep(0.02)

    with BadServer(answer_in_pieces) as server:
        result = cli("run", "--url", server.url, *ONE)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_server_that_stops_during_a_run(cli: Cli) -> None:
    servers: list[BadServer] = []

    def answer_once(connection: socket.socket) -> None:
        respond(connection, acknowledgement(read_request(connection)))
        servers[0].__exit__()

    with BadServer(answer_once) as server:
        servers.append(server)
        result = cli("run", "--url", server.url, "--timeout", 1, "--only", "response.*")
    assert result.returncode == 1
    assert "cannot connect" in result.stdout


# ---- busy servers, headers that are not text, and secrets in replies


def test_a_response_header_that_is_not_text(cli: Cli, tmp_path: Path) -> None:
    def behave(connection: socket.socket) -> None:
        while request := read_request(connection):
            body = acknowledgement(request)
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Bad: \xff\xfe\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    with BadServer(behave) as server:
        result = cli("run", "--url", server.url, "--jsonl", tmp_path / "out.jsonl")
    assert result.returncode == 1
    assert '"x-bad"' in (tmp_path / "out.jsonl").read_text()


@pytest.mark.parametrize(
    "headers", [b"X-Long: " + b"x" * 20_000 + b"\r\n", b"X-One: 1\r\n" * 500], ids=["long", "many"]
)
def test_a_response_with_large_headers(cli: Cli, headers: bytes) -> None:
    def behave(connection: socket.socket) -> None:
        while request := read_request(connection):
            body = acknowledgement(request)
            connection.sendall(b"HTTP/1.1 200 OK\r\n" + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    with BadServer(behave) as server:
        result = cli("run", "--url", server.url, "--transport", "http", *ONE)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_websocket_opening_with_large_headers() -> None:
    def add_headers(connection: ServerConnection, request: Request, response: Response) -> None:
        response.headers["X-Long"] = "x" * 20_000
        for number in range(200):
            response.headers[f"X-{number}"] = "1"

    def acknowledge_on(connection: ServerConnection) -> None:
        for data in connection:
            message = pb.AgentToServer.FromString(bytes(data)[1:])
            connection.send(b"\0" + pb.ServerToAgent(instance_uid=message.instance_uid).SerializeToString())

    with serve(acknowledge_on, "127.0.0.1", 0, process_response=add_headers) as server:
        threading.Thread(target=server.serve_forever).start()
        endpoint = Endpoint(f"http://127.0.0.1:{server.socket.getsockname()[1]}")
        with Client(endpoint, Timing(2), Transport.WEBSOCKET) as client:
            exchange = client.send(Agent("test").full_status())
        server.shutdown()
    assert exchange.message is not None, exchange.failure


def test_the_suite_waits_for_a_busy_server(cli: Cli) -> None:
    requests = 0

    def behave(connection: socket.socket) -> None:
        nonlocal requests
        while request := read_request(connection):
            requests += 1
            if requests % 2:
                connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n")
            else:
                respond(connection, acknowledgement(request))

    with BadServer(behave) as server:
        result = cli("run", "--url", server.url, "--only", "response.must-respond.check-ins")
    assert result.returncode == 0, result.stdout
    assert "throttle.min-30s" in result.stdout


def test_a_server_that_stays_busy_gets_no_verdict(cli: Cli) -> None:
    def behave(connection: socket.socket) -> None:
        while request := read_request(connection):
            if b"service.name" in request:
                respond(connection, acknowledgement(request))
            else:
                connection.sendall(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n")

    with BadServer(behave) as server:
        result = cli("run", "--url", server.url, "--transport", "http", "--only", "response.must-respond.check-ins")
    assert result.returncode == 2
    assert "10 times" in result.stdout


@pytest.mark.parametrize(
    "wrapped", [lambda key: key, lambda key: key.encode().hex(), str.upper], ids=["plain", "hex", "upper"]
)
@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
def test_a_secret_that_the_server_sends_back(
    cli: Cli, tmp_path: Path, wrapped: Callable[[str], str], compressed: bool
) -> None:
    secret = "it's-a\\secret-key"

    def behave(connection: socket.socket) -> None:
        while read_request(connection):
            reply = pb.ServerToAgent(instance_uid=secret.encode())
            reply.error_response.error_message = f"no: {wrapped(secret)}\n\x1b[2J"
            body = reply.SerializeToString()
            encoding = "Content-Encoding: gzip\r\n" if compressed else ""
            body = gzip.compress(body) if compressed else body
            head = (
                f"HTTP/1.1 200 {secret}\r\nX-Echo: {wrapped(secret)}\r\n{encoding}Content-Length: {len(body)}\r\n\r\n"
            )
            connection.sendall(head.encode() + body)

    files = [tmp_path / "out.xml", tmp_path / "out.jsonl"]
    with BadServer(behave) as server:
        header = f"Authorization: ApiKey {secret}"
        some = ("--only", "bad-request.*", "--only", "response.*")
        result = cli("run", "--url", server.url, "--header", header, "--junit", files[0], "--jsonl", files[1], *some)
    assert result.returncode == 1
    for text in (result.stdout, result.stderr, *(file.read_text() for file in files)):
        for form in (secret, secret.encode().hex(), repr(secret)[1:-1]):
            assert form.lower() not in text.lower()
        for packed in re.findall("1f8b08[0-9a-f]+", text):
            assert secret.encode() not in gzip.decompress(bytes.fromhex(packed))
        assert "\x1b" not in text


def test_a_secret_in_the_first_exchange(cli: Cli) -> None:
    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /?key=a-secret-key\r\nContent-Length: 0\r\n\r\n")

    with BadServer(behave) as server:
        result = cli("run", "--url", server.url, "--header", "Authorization: ApiKey a-secret-key")
    assert result.returncode == 2
    assert "/?key=<redacted>" in one_line(result)
