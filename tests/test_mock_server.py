"""The mock server: the requests that it accepts, and the replies of its parts."""

import base64
import gzip
from collections.abc import Iterator
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
from opamp_proto import CONTENT_TYPE
from opamp_proto import opamp_pb2 as pb
from support.http_requests import ask, send
from support.raw_http import message, post

KEY = "a-test-key"


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer(Settings(max_body_bytes=1000)) as server:
        yield server


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
