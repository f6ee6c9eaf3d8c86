"""Servers that die, hang or fall silent in the middle of a run: the run notices, tells it, and is not conformant."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from google.protobuf.message import DecodeError
from websockets.sync.server import ServerConnection

from opamp_conformance.client.timing import DEFAULT_LIMIT_SECONDS, Timing
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.results.events import ScenarioFinished
from opamp_conformance.results.verdicts import ExitCode, Verdict
from opamp_conformance.runner.run import grade
from opamp_conformance.suite.selection import Selection
from opamp_conformance.targets import Endpoint
from opamp_conformance.targets.url import UrlTarget
from opamp_conformance.wire.transport import Transport
from opamp_proto import opamp_pb2 as pb
from support.bad_server import BadServer, acknowledgement, read_request, respond, websocket_server
from support.command_line import Cli
from support.matrix import RunRecord, is_nightly

ANSWER = "response.must-respond"
CHECK_INS = "response.must-respond.check-ins"
TIMEOUT = 2.0
# The messages of the preflight over plain HTTP: a report of one agent, and its disconnect; three of another.
FIRST_MESSAGES = 5


@contextmanager
def that_ends_at(message: int, how: Callable[[BadServer, socket.socket], None]) -> Iterator[BadServer]:
    """Run a server that answers all messages over plain HTTP, except that it ends in some way at one of them."""
    count, server = 0, BadServer(lambda connection: None)

    def answer(connection: socket.socket) -> None:
        nonlocal count
        while request := read_request(connection):
            if not request.startswith(b"POST"):
                respond(connection, b"", "404 Not Found")
                continue
            count += 1
            if count == message:
                how(server, connection)
            if count >= message:
                return
            respond(connection, acknowledgement(request))

    server.behaviour = answer
    with server:
        yield server


def die(server: BadServer, connection: socket.socket) -> None:
    server.__exit__()


def hang(server: BadServer, connection: socket.socket) -> None:
    server.behaviour = lambda connection: time.sleep(5)
    time.sleep(5)


def graded(server: BadServer, *only: str) -> tuple[ExitCode, RunRecord]:
    record = RunRecord()
    selection = Selection([Contract.OPAMP], only=only)
    code = grade(UrlTarget(Endpoint(server.url)), selection, timing=Timing(TIMEOUT), workers=1, listeners=[record])
    return code, record


@pytest.mark.parametrize("how", [die, hang])
def test_a_server_that_ends_in_a_scenario(how: Callable[[BadServer, socket.socket], None]) -> None:
    with that_ends_at(FIRST_MESSAGES + 4, how) as server:
        code, record = graded(server, "response.*", "sequence.*")
    assert code is ExitCode.NOT_CONFORMANT
    (failed,) = [event for event in record.scenarios if event.verdict is Verdict.FAILED]
    (loss,) = record.losses
    assert (loss.key, loss.transport, loss.has_returned) == (failed.key, Transport.HTTP, False)
    assert "instance_uid" in loss.message
    assert ANSWER in failed.expected
    assert loss.because == failed.actual
    left = record.scenarios[record.scenarios.index(failed) + 1 :]
    assert left
    assert {(event.verdict, event.blocked_by) for event in left} == {(Verdict.BLOCKED, ANSWER)}
    assert all(failed.key in event.actual for event in left)


@pytest.mark.parametrize("how", [die, hang])
def test_a_server_that_ends_after_the_first_exchange(how: Callable[[BadServer, socket.socket], None]) -> None:
    """The preflight has seen an OpAMP server, so the run judges it."""
    with that_ends_at(3, how) as server:
        code, record = graded(server, "response.*")
    assert code is ExitCode.NOT_CONFORMANT
    assert [event.verdict for event in record.scenarios].count(Verdict.FAILED) == 1
    assert Verdict.PASSED not in {event.verdict for event in record.scenarios}


def test_a_server_that_a_supervisor_restarts() -> None:
    restarted: list[BadServer] = []

    def restart(server: BadServer, connection: socket.socket) -> None:
        server.__exit__()
        other = BadServer(acknowledge, port=server.port)
        threading.Timer(0.5, lambda: restarted.append(other.__enter__())).start()

    with that_ends_at(FIRST_MESSAGES + 4, restart) as server:
        code, record = graded(server, "response.*")
    restarted[0].__exit__()
    assert code is ExitCode.NOT_CONFORMANT
    assert [event.verdict for event in record.scenarios].count(Verdict.FAILED) == 1
    assert Verdict.BLOCKED not in {event.verdict for event in record.scenarios}
    (loss,) = record.losses
    assert loss.has_returned


def acknowledge(connection: socket.socket) -> None:
    while request := read_request(connection):
        respond(connection, acknowledgement(request))


def test_a_server_that_dies_after_its_last_answer() -> None:
    def answer_then_die(server: BadServer, connection: socket.socket) -> None:
        respond(connection, pb.ServerToAgent(capabilities=1).SerializeToString())
        server.__exit__()

    # The scenario is about the second of its two messages, and does not look at more.
    with that_ends_at(FIRST_MESSAGES + 1, answer_then_die) as server:
        code, record = graded(server, "capabilities.server.first-message")
    assert [event.verdict for event in record.scenarios] == [Verdict.PASSED]
    assert [(finding.requirement, finding.verdict) for finding in record.findings if finding.level == "MUST"][-1:] == [
        (ANSWER, Verdict.FAILED)
    ]
    assert code is ExitCode.NOT_CONFORMANT


def test_the_terminal_tells_which_message_ended_the_server(cli: Cli) -> None:
    with that_ends_at(FIRST_MESSAGES + 2, die) as server:
        result = cli("run", "--url", server.url, "--timeout", 1, "--only", CHECK_INS)
    assert result.returncode == 1
    headline = f"the server stopped answering over http in {CHECK_INS}, and did not come back"
    assert f"{headline}; the first message without an answer:\n    instance_uid: " in result.stdout
    assert f"\n{headline}\n\nnot conformant: " in result.stdout


# ---- servers that are silent to some messages


def test_a_websocket_that_opens_and_never_answers_is_a_failure() -> None:
    def never_answer(connection: ServerConnection) -> None:
        with contextlib.suppress(Exception):
            for _ in connection:
                pass

    record = RunRecord()
    selection = Selection([Contract.OPAMP], only=["response.*"], transports=[Transport.WEBSOCKET])
    with websocket_server(never_answer) as url:
        code = grade(UrlTarget(Endpoint(url)), selection, timing=Timing(0.5), workers=1, listeners=[record])
    assert code is ExitCode.NOT_CONFORMANT
    verdicts = [event.verdict for event in record.scenarios]
    assert verdicts.count(Verdict.FAILED) == 1
    assert set(verdicts) <= {Verdict.FAILED, Verdict.BLOCKED, Verdict.NOT_APPLICABLE}


def test_a_server_that_is_silent_to_check_ins_is_there() -> None:
    """A silence is a failure, but others get their answers: the server is not lost, and the run goes on."""

    def answer_reports(connection: socket.socket) -> None:
        while request := read_request(connection):
            if request.startswith(b"POST") and b"service.name" not in request:
                time.sleep(TIMEOUT + 1)
                return
            is_report = request.startswith(b"POST")
            respond(connection, acknowledgement(request) if is_report else b"", "200 OK" if is_report else "404 No")

    with BadServer(answer_reports) as server:
        code, record = graded(server, CHECK_INS, "capabilities.server.*")
    assert code is ExitCode.NOT_CONFORMANT
    assert not record.losses
    by_key: dict[str, ScenarioFinished] = {event.key: event for event in record.scenarios}
    assert by_key[CHECK_INS].verdict in (Verdict.FAILED, Verdict.BLOCKED)
    assert by_key["capabilities.server.first-message"].verdict is Verdict.PASSED


def test_an_http_request_without_any_response_is_a_finding() -> None:
    """The specification only advises to answer malformed messages with BadRequest, but HTTP demands a response."""

    def ignore_malformed(connection: socket.socket) -> None:
        while request := read_request(connection):
            if b"\xff\xff\xff" in request:
                return
            is_report = request.startswith(b"POST")
            respond(connection, acknowledgement(request) if is_report else b"", "200 OK" if is_report else "404 No")

    with BadServer(ignore_malformed) as server:
        code, record = graded(server, "bad-request.respond.not-protobuf")
    assert code is ExitCode.NOT_CONFORMANT
    assert [event.verdict for event in record.scenarios] == [Verdict.WARNED]
    finding = next(finding for finding in record.findings if finding.requirement == "http.respond-each")
    assert (finding.verdict, finding.count) == (Verdict.FAILED, 1)


# ---- whole runs against difficult servers


def messages_of(connection: ServerConnection) -> Iterator[tuple[pb.AgentToServer, bytes]]:
    """Yield each message with its acknowledgement."""
    for data in connection:
        with contextlib.suppress(DecodeError):
            message = pb.AgentToServer.FromString(data[1:])  # type: ignore[arg-type]
            reply = pb.ServerToAgent(instance_uid=message.instance_uid, capabilities=1)
            yield message, b"\0" + reply.SerializeToString()


def silent_to_check_ins(connection: ServerConnection) -> None:
    for message, answer in messages_of(connection):
        if message.HasField("agent_description"):
            connection.send(answer)


def pushes_all_the_time(connection: ServerConnection) -> None:
    for message, answer in messages_of(connection):
        if message.HasField("agent_description"):
            for _ in range(300):
                connection.send(answer)
                time.sleep(0.1)


def dies_after_a_goodbye(connection: ServerConnection) -> None:
    for message, answer in messages_of(connection):
        connection.send(answer)
        if message.HasField("agent_disconnect"):
            return


@pytest.mark.skipif(not is_nightly(), reason="takes minutes: set OPAMP_NIGHTLY=1")
@pytest.mark.parametrize("behaviour", [silent_to_check_ins, pushes_all_the_time, dies_after_a_goodbye])
def test_a_whole_run_of_a_difficult_server_ends_in_a_minute(behaviour: Callable[[ServerConnection], None]) -> None:
    """By a deadline: a run that does not end in time could not tell."""
    record = RunRecord()
    with websocket_server(behaviour) as url:
        timing = Timing(DEFAULT_LIMIT_SECONDS, deadline=time.time() + 60)
        code = grade(UrlTarget(Endpoint(url)), Selection([Contract.OPAMP]), timing=timing, listeners=[record])
    assert code is ExitCode.NOT_CONFORMANT
    assert not record.ended(Verdict.ERROR)
