"""Fuzzing of the mock server with random and mutated bytes, frames, headers and sequences.

The server must not crash, must answer everything, must not grow without bound, and each reply must pass the checks of
every reply. OPAMP_NIGHTLY=1 tries more than 100,000 inputs, and OPAMP_FUZZ_INPUTS=N as many as one likes in each test.
"""

import gzip
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from opamp_conformance.checks.findings import CHECKS
from opamp_conformance.client import sample_messages
from opamp_conformance.client.agent import EVERY_CAPABILITY, REQUEST_INSTANCE_UID, Agent
from opamp_mock_server import DEVIATIONS, MockServer, Settings
from opamp_proto import CONTENT_TYPE
from opamp_proto import opamp_pb2 as pb
from support.fuzzing import inputs
from support.in_memory import InMemory

AGENTS = [Agent("fuzz", bytes([number]) * 16, EVERY_CAPABILITY) for number in range(1, 5)]


def corpus() -> list[bytes]:
    """Return valid messages, one of each kind, for mutation."""
    agent = AGENTS[0]
    agent.custom_capabilities = ("io.example.fuzz",)
    valid = [
        agent.full_status(),
        agent.full_status(flags=REQUEST_INSTANCE_UID),
        agent.check_in(),
        agent.disconnect(),
        agent.disconnect(full_report=True, flags=REQUEST_INSTANCE_UID),
        agent.remote_config_status(pb.RemoteConfigStatuses_FAILED),
        agent.package_statuses(),
        agent.connection_settings_status(pb.ConnectionSettingsStatuses_APPLIED),
        agent.certificate_request(b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"),
        sample_messages.with_empty_lists(agent),
        sample_messages.with_null_attribute(agent),
        sample_messages.with_nested_health(agent, 5),
        sample_messages.with_components(agent, 5),
        sample_messages.unhealthy(agent),
        sample_messages.with_newer_fields(agent),
    ]
    return [message.SerializeToString() for message in valid]


CORPUS = corpus()


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A message of the corpus with some bytes replaced, inserted, removed, repeated, or taken from another message."""
    data = bytearray(draw(st.sampled_from(CORPUS)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        match draw(st.integers(0, 4)):
            case 0:
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case 1:
                data[at:at] = draw(st.binary(max_size=12))
            case 2:
                del data[at : at + draw(st.integers(1, 20))]
            case 3:
                data[at:at] = data[at : at + draw(st.integers(1, 60))]
            case _:
                data[at:] = draw(st.sampled_from(CORPUS))[at:]
    return bytes(data)


bodies = st.one_of(mutated(), st.binary(max_size=400), st.sampled_from(CORPUS))


@pytest.fixture(scope="module")
def server() -> Iterator[InMemory]:
    with InMemory() as server:
        yield server


def check_reply(sent: bytes, body: bytes) -> None:
    """Assert that a reply is a ServerToAgent that passes the checks of every reply."""
    reply = pb.ServerToAgent.FromString(body)
    assert reply.ListFields()
    try:
        message = pb.AgentToServer.FromString(sent)
    except DecodeError:
        message = None
        assert reply.error_response.type == pb.ServerErrorResponseType_BadRequest
    for requirement, check in CHECKS.items():
        assert check(message, reply) is None, requirement


def check_replies(answers: list[tuple[bytes, bytes]]) -> None:
    for sent, body in answers:
        check_reply(sent, body)


@given(bodies)
@inputs(nightly=40_000, always=600)
def test_every_body_is_answered(server: InMemory, body: bytes) -> None:
    answer = server.request(body)
    assert answer.status == 200
    check_reply(body, answer.body)


@given(bodies, st.sampled_from(["gzip", "identity", "GZIP", "deflate", "gzip, gzip", ""]), st.booleans())
@inputs(nightly=20_000, always=300)
def test_every_encoding_is_answered(server: InMemory, body: bytes, encoding: str, is_compressed: bool) -> None:
    data = gzip.compress(body) if is_compressed else body
    headers = {"content-type": CONTENT_TYPE, "content-encoding": encoding, "accept-encoding": "gzip;q=0.5, *"}
    answer = server.request(data, headers=headers)
    assert answer.status in (200, 415)
    if answer.status == 200:
        assert pb.ServerToAgent.FromString(gzip.decompress(answer.body)).ListFields()


token = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@given(
    bodies,
    st.sampled_from(["POST", "GET", "PUT", "HEAD", "OPTIONS", "NONESUCH"]),
    st.sampled_from(["/v1/opamp", "/", "/v1/opamp/", "/control/agents/00", "/packages/00/x", "/packages/", "//"]),
    st.dictionaries(st.one_of(token, st.sampled_from(["content-type", "range", "authorization"])), token, max_size=4),
)
@inputs(nightly=20_000, always=300)
def test_every_request_is_answered(
    server: InMemory, body: bytes, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = server.request(body, method, path, headers)
    assert answer.status == 200 or 400 <= answer.status < 500


frames = st.one_of(
    bodies.map(lambda body: b"\0" + body), mutated(), st.binary(max_size=40), st.text(max_size=20), st.just(b"")
)


@given(st.lists(frames, max_size=8))
@inputs(nightly=20_000, always=300)
def test_every_sequence_on_a_websocket_is_answered(server: InMemory, sequence: list[bytes | str]) -> None:
    answers = server.talk(sequence)
    assert len(answers) == len(sequence)
    for sent, answer in zip(sequence, answers, strict=True):
        assert isinstance(answer, bytes)
        assert answer[:1] == b"\0"
        is_opamp = isinstance(sent, bytes) and sent[:1] == b"\0"
        check_reply(sent[1:] if is_opamp else b"\xff", answer[1:])


@pytest.mark.parametrize(
    "deviation", ["error.excludes-other-fields", "identification.s2a-matches", "bad-request.respond"]
)
def test_the_checks_of_replies_can_fail(deviation: str) -> None:
    with InMemory(Settings(deviations=(DEVIATIONS[deviation],))) as server:
        answers = [(body, server.request(body).body) for body in [b"\xff", *CORPUS]]
    with pytest.raises(AssertionError):
        check_replies(answers)


def test_ended_connections_are_removed(server: InMemory) -> None:
    """This runs after the other tests of this server: no WebSocket may still be registered."""
    assert not server.service.connections.are_any()


@given(st.lists(st.one_of(st.binary(max_size=300), st.sampled_from(CORPUS)), min_size=1, max_size=6))
@inputs(nightly=2_000, always=60)
def test_bytes_on_a_socket_do_not_stop_the_server(tcp_server: MockServer, parts: list[bytes]) -> None:
    """Lines, headers and frames of any kind. The server may close the connection, and must accept new ones."""
    parts_of_url = urlsplit(tcp_server.url)
    opening = (
        b"GET /v1/opamp HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    for beginning in (b"", b"POST /v1/opamp HTTP/1.1\r\n", opening):
        with socket.create_connection((parts_of_url.hostname, parts_of_url.port), timeout=5) as connection:
            connection.sendall(beginning + b"".join(parts))
            connection.shutdown(socket.SHUT_WR)
            try:
                while connection.recv(65536):
                    pass
            except ConnectionError:
                pass
    with socket.create_connection((parts_of_url.hostname, parts_of_url.port), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 404")


@pytest.fixture(scope="module")
def tcp_server() -> Iterator[MockServer]:
    with MockServer(Settings()) as server:
        yield server
