"""Agents of a load test: servers that throttle, fail or break requirements. These tests do not need Locust."""

import json
import random
import socket
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uuid6

pytest.importorskip("gevent", reason="load tests need the extra `load`")

from opamp_conformance.assertions import identification as expect_identification
from opamp_conformance.errors import ViolationError
from opamp_conformance.ledger.ledger import Contract, load_ledger
from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.connections import Answer
from opamp_conformance.load.counts import Counts
from opamp_conformance.load.fleet import FleetAgent, Messages, compose
from opamp_conformance.load.pace import Pace
from opamp_conformance.load.replies import ReplyInterpreter, is_fresh_uuid
from opamp_conformance.load.summary import result_of
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import HttpRequest, HttpResponse
from opamp_conformance.wire.transport import Transport
from opamp_mock_server import DEVIATIONS, Limits, MockServer, Settings
from opamp_proto import opamp_pb2 as pb
from support.bad_server import BadServer, read_request, respond
from support.fault_injection import free_port
from support.load_harness import LoadHarness

BOTH = pytest.mark.parametrize("transport", list(Transport))


@pytest.fixture(autouse=True)
def _harnesses_are_closed() -> Iterator[None]:
    yield
    while LoadHarness.open:
        LoadHarness.open.pop().close()


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer(Settings(control=True)) as server:
        yield server


# ---- throttling and failures


@BOTH
def test_throttled_agents_wait(transport: Transport) -> None:
    with MockServer(Settings(limits=Limits(enrollment_rate=0.001))) as server:
        harness = LoadHarness(server.url, Behaviour(asks=1.0), agents=3, transport=transport)
        harness.take_turns(3)
    assert harness.counts.throttled == 2
    waits = [harness.wait(agent) for agent in harness.fleet.agents if not agent.is_enrolled]
    assert all(29 < wait < 70 for wait in waits)
    assert harness.counts.waited == pytest.approx(sum(waits), abs=1)
    assert harness.fired == {"enrollment": 1, "enrollment (throttled)": 2}
    assert not harness.counts.failures


def respond_with(status: str, body: bytes = b"", headers: str = "") -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        while read_request(connection):
            head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)

    return behave


def unavailable(seconds: float | None) -> bytes:
    reply = pb.ServerToAgent(instance_uid=bytes(16))
    reply.error_response.type = pb.ServerErrorResponseType_Unavailable
    if seconds is not None:
        reply.error_response.retry_info.retry_after_nanoseconds = int(seconds * 1e9)
    return reply.SerializeToString()


@pytest.mark.parametrize(
    ("behaviour", "least", "most"),
    [
        (respond_with("429 Too Many Requests", headers="Retry-After: 17\r\n"), 17, 19),
        (respond_with("503 Service Unavailable", headers="Retry-After: 17\r\n"), 17, 19),
        (respond_with("503 Service Unavailable"), 30, 34),
        (respond_with("200 OK", unavailable(90)), 90, 100),
        (respond_with("200 OK", unavailable(None)), 30, 34),
    ],
    ids=["429", "503", "503 alone", "retry_info", "Unavailable alone"],
)
def test_each_form_of_throttling(behaviour: Callable[[socket.socket], None], least: float, most: float) -> None:
    with BadServer(behaviour) as server:
        harness = LoadHarness(server.url, Behaviour(asks=1.0))
        harness.take_turns()
    assert least - 1 < harness.wait(harness.agent) < most
    assert harness.counts.throttled == 1
    assert not harness.counts.failures


def test_waits_without_a_retry_time_grow() -> None:
    with BadServer(respond_with("503 Service Unavailable")) as server:
        harness = LoadHarness(server.url, Behaviour(asks=1.0))
        waits = []
        for _ in range(5):
            harness.take_turns()
            waits.append(harness.wait(harness.agent))
    assert [round(wait / 30) for wait in waits[:3]] == [1, 2, 4]
    assert waits[4] < 340


def test_a_refused_connection_is_a_failure_and_is_retried() -> None:
    port = free_port()
    for transport in Transport:
        harness = LoadHarness(f"http://127.0.0.1:{port}/v1/opamp", Behaviour(asks=1.0), transport=transport)
        harness.take_turns(3)
        [(reason, count)] = harness.counts.failures.items()
        assert "Connection refused" in reason
        assert count == 3
        assert 3 < harness.wait(harness.agent) < 5
        assert harness.fired["!"] == 3


def half_a_response(connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (lambda connection: read_request(connection) and time.sleep(2), "time"),
        (lambda connection: read_request(connection) and connection.sendall(b"SMTP\r\n\r\n"), "HTTP"),
        (half_a_response, "closed the connection"),
        (lambda connection: connection.recv(1), "Connection reset by peer"),
        (respond_with("401 Unauthorized"), "status 401"),
        (respond_with("200 OK", b"<html>"), "status 200"),
    ],
    ids=["silence", "no HTTP", "half", "closed", "401", "HTML"],
)
def test_servers_that_do_not_reply(behaviour: Callable[[socket.socket], Any], reason: str) -> None:
    with BadServer(behaviour) as server:
        harness = LoadHarness(server.url, Behaviour(asks=1.0), timeout=0.5)
        harness.take_turns()
    [failure] = harness.counts.failures
    assert reason in failure
    assert not harness.counts.answered


def test_an_ended_keep_alive_connection_is_not_a_failure() -> None:
    def acknowledge_once(connection: socket.socket) -> None:
        message = pb.AgentToServer.FromString(read_request(connection).partition(b"\r\n\r\n")[2])
        respond(connection, pb.ServerToAgent(instance_uid=message.instance_uid).SerializeToString())

    with BadServer(acknowledge_once) as server:
        harness = LoadHarness(server.url, Behaviour())
        harness.take_turns()
        time.sleep(0.1)
        harness.take_turns(2)
    assert not harness.counts.failures
    assert harness.counts.messages == 3


def test_a_refused_websocket_counts_as_throttled() -> None:
    with MockServer(Settings(limits=Limits(connections=1))) as server:
        harness = LoadHarness(server.url, Behaviour(), agents=5, transport=Transport.WEBSOCKET)
        harness.take_turns(5)
    assert harness.counts.throttled == 4
    assert not harness.counts.failures


@BOTH
def test_a_path_that_looks_like_a_host_is_only_a_path(transport: Transport) -> None:
    lines: list[bytes] = []

    def note(connection: socket.socket) -> None:
        lines.append(connection.recv(65536).splitlines()[0])

    with BadServer(note) as server:
        LoadHarness(server.url.replace("/v1/opamp", "//x/y"), Behaviour(), transport=transport).take_turns()
    assert lines[0].split()[1] == b"//x/y"


@pytest.mark.parametrize(
    ("behaviour", "kept", "bound"),
    [
        (lambda: respond_with("200 OK", unavailable(2**64 / 1e9 - 1000)), 60, "waits above --longest-wait"),
        (lambda: respond_with("503 No", headers=f"Retry-After: {'9' * 30}\r\n"), 60, "waits above --longest-wait"),
        (lambda: respond_with("503 No", headers="Retry-After: 0\r\n"), 0.5, "waits below 0.5 s"),
    ],
    ids=["584 years", "30 digits", "0 s"],
)
def test_a_bounded_wait_is_counted_and_told(behaviour: Callable[[], Any], kept: float, bound: str) -> None:
    with BadServer(behaviour()) as bad:
        harness = LoadHarness(bad.url, Behaviour(), pace=Pace(shortest_interval=20, longest_wait=60))
        harness.take_turns()
    assert kept <= harness.wait(harness.agent) <= kept * 1.1
    assert harness.counts.bounds == {bound: 1}
    counts = Counts.unwire(harness.counts.wire())
    counts.merge(harness.counts)
    shown = result_of("steady", bad.url, agents=1, starts="", transport="http", counts=counts, conditions=())
    assert f"2 {bound}" in shown.text()
    assert json.loads(shown.json())["bounds_used"] == {bound: 2}


# ---- violations


@pytest.mark.parametrize(
    ("deviation", "requirement"),
    [
        ("fleet.request-uid.echo", "fleet.request-uid.echo"),
        ("fleet.request-uid.unknown-agent", "fleet.request-uid.unknown-agent"),
        ("fleet.new-uid.unique", "fleet.new-uid.unique"),
        ("identification.new-instance-uid.length", "identification.new-instance-uid.length"),
        ("fleet.new-uid.other-than-incoming", "fleet.new-uid.other-than-incoming"),
        ("capabilities.server.undefined-bits-zero", "capabilities.server.undefined-bits-zero"),
    ],
)
def test_a_breach_has_the_requirement_of_the_suite(deviation: str, requirement: str) -> None:
    behaviour = Behaviour(asks=1.0, polls=False)
    with MockServer(Settings(deviations=(DEVIATIONS[deviation],))) as server:
        harness = LoadHarness(server.url, behaviour, agents=20)
        harness.take_turns(20)
    assert requirement in harness.counts.findings
    finding = harness.counts.findings[requirement]
    assert finding.sample
    assert finding.count <= 20
    if requirement != "fleet.new-uid.unique":
        assert "received: status 200" in finding.sample


def test_the_fast_check_of_a_new_instance_uid_agrees_with_the_suite() -> None:
    """is_fresh_uuid gives the same verdicts as the assertions of the suite."""
    generator, incoming = random.Random(1), uuid6.uuid7().bytes
    candidates = [incoming, b"", bytes(16), uuid.uuid4().bytes, uuid6.uuid7().bytes[:15]]
    for _ in range(400):
        candidate = bytearray(uuid6.uuid7().bytes)
        candidate[generator.randrange(16)] ^= 1 << generator.randrange(8)
        candidates.append(bytes(candidate))
    checks = [
        expect_identification.other_than_incoming,
        expect_identification.uuid_version_7,
        lambda one: expect_identification.time_near(one, time.time()),
    ]
    verdicts = Counter[bool]()
    for candidate in candidates:
        reply = pb.ServerToAgent(instance_uid=incoming)
        reply.agent_identification.new_instance_uid = candidate
        sent = pb.AgentToServer(instance_uid=incoming)
        exchange = Exchange(HttpRequest(b"", sent), 0, 0, HttpResponse(200, {}, reply.SerializeToString()))
        try:
            for check in checks:
                check(exchange)
            is_valid = len(candidate) == 16
        except (ViolationError, ValueError):
            is_valid = False
        verdicts[is_valid] += 1
        assert is_fresh_uuid(candidate, incoming, time.time()) is is_valid, candidate.hex()
    assert min(verdicts[True], verdicts[False]) > 20


def test_a_valid_reply_does_not_hide_an_invalid_one() -> None:
    replies = ReplyInterpreter(Contract.FLEET, {})
    messages = Messages("x")

    def interpret(reply: pb.ServerToAgent, agent: FleetAgent) -> list[str]:
        data = compose(agent, messages.enrollment)
        answer = Answer(200, [], reply.SerializeToString())
        outcome = replies.interpret(agent.uid, messages.enrollment, data, answer, 0.0, asked=True)
        return [requirement for requirement, _ in outcome.violations]

    def reply_to(agent: FleetAgent, **fields: Any) -> pb.ServerToAgent:
        reply = pb.ServerToAgent(instance_uid=agent.uid, **fields)
        reply.agent_identification.new_instance_uid = uuid6.uuid7().bytes
        return reply

    agents = [FleetAgent(0, asks=True) for _ in range(4)]
    for agent in agents:
        agent.uid = uuid6.uuid7().bytes
    assert interpret(reply_to(agents[0]), agents[0]) == []
    assert interpret(reply_to(agents[1]), agents[1]) == []
    assert interpret(reply_to(agents[2], capabilities=1 << 40), agents[2]) == [
        "capabilities.server.undefined-bits-zero"
    ]
    assert "fleet.request-uid.echo" in interpret(reply_to(agents[2]), agents[3])


def test_every_violation_is_in_the_ledger() -> None:
    from opamp_conformance.load import replies  # noqa: PLC0415

    named = [name for checks in replies.ENROLLMENT.values() for name in checks]
    assert {*named, replies.UNIQUE} <= set(load_ledger())


def test_error_messages_are_shown_in_one_line_without_secrets() -> None:
    reply = pb.ServerToAgent(instance_uid=bytes(16))
    reply.error_response.error_message = "no: ApiKey sesame-open-123\n::error::forged ##[error]" + "x" * 5000
    replies = ReplyInterpreter(Contract.FLEET, {"Authorization": "ApiKey sesame-open-123"})
    messages, agent = Messages("x"), FleetAgent(0, asks=True)
    agent.uid = bytes(16)
    data = compose(agent, messages.report)
    outcome = replies.interpret(
        agent.uid, messages.report, data, Answer(200, [], reply.SerializeToString()), 0.0, asked=False
    )
    assert "sesame" not in outcome.reason
    assert "\n" not in outcome.reason
    assert "##[" not in outcome.reason
    assert len(outcome.reason) <= 200
    counts = Counts()
    for number in range(200):
        counts.fail(f"reason {number}", 0.0)
    assert len(counts.failures) <= 51
    assert counts.failures.total() == 200
