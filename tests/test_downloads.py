"""Downloads of offered files: what the server that offers them can make the suite send, and to whom."""

import asyncio
import socket
import ssl
import threading
from pathlib import Path

import pytest
import trustme

from opamp_conformance.client.downloads import fetch
from opamp_conformance.errors import ViolationError
from opamp_conformance.targets import Endpoint, Tls
from support.bad_server import BadServer, read_request, respond


def test_a_server_does_not_choose_the_headers_of_the_connection() -> None:
    heads: list[bytes] = []

    def note(connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(65536)
        heads.append(head.lower())
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfile")

    endpoint = Endpoint("http://127.0.0.1:1/v1/opamp", {"Authorization": "ApiKey sesame-open"})
    with BadServer(note) as server:
        headers = {"Host": "evil.example", "Content-Length": "9", "Transfer-Encoding": "chunked", "X-Own": "1"}
        response = asyncio.run(fetch(server.url, headers, endpoint, 5))
    assert response.body == b"file"
    assert b"evil.example" not in heads[0]
    assert b"sesame" not in heads[0]
    assert b"transfer-encoding" not in heads[0]
    assert b"x-own: 1" in heads[0]


@pytest.mark.parametrize("is_target", [True, False])
def test_only_the_target_sees_the_client_certificate(tmp_path: Path, *, is_target: bool) -> None:
    authority = trustme.CA()
    own, theirs = authority.issue_cert("agent.example"), authority.issue_cert("127.0.0.1")
    ca, cert = tmp_path / "ca.pem", tmp_path / "cert.pem"
    authority.cert_pem.write_to_path(str(ca))
    own.private_key_and_cert_chain_pem.write_to_path(str(cert))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    seen: list[object] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, context.wrap_socket(connection, server_side=True) as secured:
            seen.append(secured.getpeercert())
            read_request(secured)
            respond(secured, b"file")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        endpoint = Endpoint(url if is_target else "https://127.0.0.1:1", {}, Tls(ca, cert))
        assert asyncio.run(fetch(f"{url}/file", {}, endpoint, 5)).body == b"file"
        thread.join()
    assert bool(seen[0]) is is_target


def test_a_file_that_is_not_there_is_a_violation() -> None:
    with pytest.raises(ViolationError):
        asyncio.run(fetch("http://127.0.0.1:1/file", {}, Endpoint("http://127.0.0.1:1", {}), 1))
