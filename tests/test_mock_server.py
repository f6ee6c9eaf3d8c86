"""The mock server: the requests that it accepts, and the replies of its parts."""

import base64
import gzip
import http.client
import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
import uuid6
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from opamp_conformance.client.agent import Agent
from opamp_conformance.client.certificates import signing_request
from opamp_mock_server import DEVIATIONS, Contract, DeviationError, ListenError, MockServer, Settings
from opamp_mock_server.core.core import Core, FleetCore
from opamp_mock_server.limits.limits import Limits
from opamp_mock_server.service.service import Delays
from opamp_proto import CONTENT_TYPE
from opamp_proto import opamp_pb2 as pb
from support.http_requests import ask, send

KEY = "a-test-key"


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer(Settings(max_body_bytes=1000)) as server:
        yield server


@pytest.fixture(scope="module")
def server_with_short_timeout() -> Iterator[MockServer]:
    with MockServer(Settings(limits=Limits(request_seconds=0.3))) as server:
        yield server


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


def test_an_acknowledgement(server: MockServer) -> None:
    sent = message(sequence_num=1)
    status, body = post(server, sent.SerializeToString())
    reply = pb.ServerToAgent.FromString(body)
    assert status == 200
    assert reply.instance_uid == sent.instance_uid
    assert reply.flags == pb.ServerToAgentFlags_ReportFullState


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ({"method": "GET"}, 405),
        ({"method": "PUT"}, 405),
        ({"path": "/"}, 404),
        ({"Content_Type": "application/json"}, 415),
        ({"Content_Type": ""}, 415),
        ({"Content_Type": f"{CONTENT_TYPE}; charset=utf-8"}, 200),
        ({"Content_Type": CONTENT_TYPE.upper()}, 200),
        ({"Content_Encoding": "br"}, 415),
        ({"Content_Encoding": "identity"}, 200),
    ],
)
def test_http_status_codes(server: MockServer, arguments: dict[str, str], status: int) -> None:
    assert post(server, message().SerializeToString(), **arguments)[0] == status


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


def test_connect_is_refused(server: MockServer) -> None:
    assert post(server, b"", "CONNECT")[0] == 405


def test_the_maximum_size_of_a_body(server: MockServer) -> None:
    room = 1000 - message(custom_message=pb.CustomMessage(data=b"x" * 900)).ByteSize()
    exactly = message(custom_message=pb.CustomMessage(data=b"x" * (900 + room))).SerializeToString()
    assert len(exactly) == 1000
    assert post(server, exactly)[0] == 200
    assert post(server, exactly + b"\x00")[0] == 413
    assert post(server, b"x" * 200_000)[0] == 413


def test_the_maximum_size_applies_to_a_decompressed_body(server: MockServer) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) > 1000
    small_bomb = gzip.compress(bytes(100_000))
    assert len(small_bomb) < 1000
    assert post(server, small_bomb, Content_Encoding="gzip")[0] == 413
    assert post(server, bomb, Content_Encoding="gzip")[0] == 413
    assert post(server, gzip.compress(message().SerializeToString()), Content_Encoding="gzip")[0] == 200


@pytest.mark.parametrize(
    ("accepted", "compressed"), [("gzip", True), ("br, gzip;q=0.5", True), ("gzip;q=0", False), ("br", False)]
)
def test_responses_are_compressed_if_the_client_accepts_gzip(
    server: MockServer, accepted: str, compressed: bool
) -> None:
    _, body = post(server, message().SerializeToString(), Accept_Encoding=accepted)
    assert body.startswith(b"\x1f\x8b") is compressed


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("", 401),
        (f"ApiKey {KEY}", 200),
        (f"bearer {KEY}", 200),
        (f"Basic {KEY}", 401),
        ("ApiKey another", 401),
        ("ApiKey", 401),
        ("ApiKey é", 401),
    ],
)
def test_enrollment_keys(authorization: str, status: int) -> None:
    with MockServer(Settings(enrollment_keys=("first-key", KEY))) as server:
        encoded = authorization.encode().decode("latin-1")
        assert post(server, message().SerializeToString(), Authorization=encoded)[0] == status


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


# ---- HTTP, byte by byte


def whole(body: bytes, *, version: str = "1.1", method: str = "POST", headers: str = "") -> bytes:
    head = f"{method} /v1/opamp HTTP/{version}\r\nHost: x\r\nContent-Type: {CONTENT_TYPE}\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


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


def test_an_exception_is_a_500(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("on purpose")

    with MockServer() as server:
        monkeypatch.setattr(Core, "answer", fail)
        assert post(server, message().SerializeToString())[0] == 500
        monkeypatch.undo()
        assert post(server, message().SerializeToString())[0] == 200
    assert "on purpose" in caplog.text


def test_a_plain_server_accepts_any_disconnect() -> None:
    with MockServer(Settings(contract=Contract.OPAMP)) as server:
        sent = message(agent_disconnect=pb.AgentDisconnect())
        assert not pb.ServerToAgent.FromString(post(server, sent.SerializeToString())[1]).HasField("error_response")


def test_a_deviation_of_another_contract_is_refused() -> None:
    deviations = (DEVIATIONS["fleet.disconnect.enrolled"],)
    with pytest.raises(DeviationError, match=r"fleet\.disconnect\.enrolled"):
        MockServer(Settings(contract=Contract.OPAMP, deviations=deviations))


def test_several_deviations_at_once() -> None:
    both = (DEVIATIONS["fleet.request-uid.echo"], DEVIATIONS["capabilities.server.undefined-bits-zero"])
    with MockServer(Settings(deviations=both)) as server:
        sent = message(flags=pb.AgentToServerFlags_RequestInstanceUid)
        reply = pb.ServerToAgent.FromString(post(server, sent.SerializeToString())[1])
    assert reply.instance_uid == reply.agent_identification.new_instance_uid
    assert reply.capabilities & 0x80


def test_several_servers_in_one_process() -> None:
    with MockServer() as one, MockServer() as another:
        assert one.url != another.url
        assert post(one, message().SerializeToString())[0] == post(another, message().SerializeToString())[0] == 200


def test_an_address_in_use() -> None:
    with MockServer() as server, pytest.raises(ListenError, match="Address already in use"):
        MockServer(Settings(port=urlsplit(server.url).port or 0))


# ---- the core, without any server


def test_missing_state_is_requested() -> None:
    core = Core()
    full = message(sequence_num=1, capabilities=pb.AgentCapabilities_ReportsHealth)
    full.agent_description.SetInParent()
    assert core.missing_state(None, full) == pb.ServerToAgentFlags_ReportFullState  # Its health is missing.
    full.health.healthy = True
    assert core.missing_state(None, full) == 0
    known = core.record(None, full)
    following = pb.AgentToServer(instance_uid=full.instance_uid, sequence_num=2)
    assert core.missing_state(known, following) == 0
    following.sequence_num = 3
    assert core.missing_state(known, following) == pb.ServerToAgentFlags_ReportFullState


def test_capabilities_are_announced_in_the_first_reply_of_a_session() -> None:
    core = FleetCore()
    first = message(sequence_num=1)
    enrolled = core.answer(None, first)
    assert enrolled.reply.capabilities == core.capabilities
    [record] = enrolled.put
    second = pb.AgentToServer(instance_uid=first.instance_uid, sequence_num=2)
    assert core.answer(record, second).reply.capabilities == 0
    assert core.answer(record._replace(connected=False), second).reply.capabilities == core.capabilities


@pytest.mark.parametrize("deviation", DEVIATIONS.values(), ids=lambda deviation: deviation.id)
def test_every_deviation_has_a_summary(deviation: object) -> None:
    assert deviation.summary.endswith(".")  # type: ignore[attr-defined]


# ---- WebSocket


def closed_by(server: MockServer, *frames: bytes | str) -> int | None:
    """Send frames, read all replies, and return the code of the Close frame, None if there is none."""
    with connect(server.url.replace("http", "ws"), max_size=None, compression=None) as websocket:
        try:
            for frame in frames:
                websocket.send(frame)
                websocket.recv(timeout=5)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None
    return None


def test_the_maximum_size_of_a_websocket_message(server: MockServer) -> None:
    report = message(sequence_num=1).SerializeToString()
    assert closed_by(server, b"\0" + report, b"\0" * 1001) == 1009
    assert closed_by(server, b"\0" + report, b"\0" * 1000) is None


def test_a_csr_that_names_another_agent_is_refused() -> None:
    core = Core()
    sent = message(sequence_num=1, capabilities=0xFFFF)
    request = sent.connection_settings_request.opamp.certificate_request
    request.csr = signing_request(sent.instance_uid)
    assert core.answer(None, sent).reply.connection_settings.opamp.certificate.cert
    request.csr = signing_request(uuid6.uuid7().bytes)
    assert core.answer(None, sent).reply.error_response.type == pb.ServerErrorResponseType_BadRequest


def csr_with_bit_string(name: str) -> bytes:
    """Return a CSR, correctly signed, whose common name is a BIT STRING, which no library writes."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"\0{name}")])
    usual = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    text = bytes([len(name) + 1]) + b"\0" + name.encode()  # A BIT STRING begins with the number of unused bits.
    content = usual.tbs_certrequest_bytes.replace(b"\x0c" + text, b"\x03" + text)
    assert content != usual.tbs_certrequest_bytes
    signature = b"\0" + key.sign(content, ec.ECDSA(hashes.SHA256()))
    ecdsa_with_sha256 = bytes.fromhex("300a06082a8648ce3d040302")
    whole = content + ecdsa_with_sha256 + bytes([0x03, len(signature)]) + signature
    assert 128 <= len(whole) < 256  # So the length has one byte after the one that says so.
    encoded = base64.encodebytes(bytes([0x30, 0x81, len(whole)]) + whole).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{encoded}-----END CERTIFICATE REQUEST-----\n".encode()


def test_a_csr_whose_common_name_is_a_bit_string_is_refused(server: MockServer) -> None:
    sent = message(sequence_num=1, capabilities=0xFFFF)
    sent.connection_settings_request.opamp.certificate_request.csr = csr_with_bit_string(str(uuid6.uuid7()))
    status, body = post(server, sent.SerializeToString())
    assert status == 200
    assert pb.ServerToAgent.FromString(body).error_response.type == pb.ServerErrorResponseType_BadRequest


@pytest.mark.parametrize("path", ["//x/y", "//x/v1/opamp", "//v1/opamp", "///", "//"])
def test_a_path_that_looks_like_a_host_is_only_a_path(server: MockServer, path: str) -> None:
    assert post(server, message(sequence_num=1).SerializeToString(), path=path)[0] == 404


def test_the_name_of_a_package_is_decoded_once() -> None:
    """A name that looks like an escaped one has its own URL, and no other name has the same."""
    agent = Agent("packages", capabilities=int(pb.AgentCapabilities_AcceptsPackages))
    names = ("a%2fb", "a/b", "a%252fb")
    with MockServer(Settings(control=True)) as server:
        offered = {
            name: {
                "type": "PackageType_TopLevel",
                "version": "1",
                "content": base64.b64encode(name.encode()).decode(),
            }
            for name in names
        }
        ask(server, "PUT", f"/agents/{agent.instance_uid.hex()}/packages", offered)
        packages = send(server.url, agent.full_status()).packages_available.packages
        for name in names:
            with urlopen(packages[name].file.download_url, timeout=5) as file:
                assert file.read().decode() == name
