"""How long a run waits, how fast it sends, and when it ends."""

import socket
import time

import pytest

from opamp_conformance.client.agent import Agent
from opamp_conformance.client.client import Client
from opamp_conformance.client.timing import Timing
from opamp_conformance.errors import ThrottledError
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.results.verdicts import ExitCode, Verdict
from opamp_conformance.runner.run import grade
from opamp_conformance.suite.selection import Selection
from opamp_conformance.targets import Endpoint
from opamp_conformance.targets.mock import MockTarget
from support.bad_server import BadServer, read_request, respond
from support.command_line import Cli
from support.matrix import RunRecord


def test_the_first_silence_is_waited_out_and_later_ones_depend_on_the_slowest_answer() -> None:
    timing = Timing(10, slowest=0.1)
    assert timing.patience(100) == 10
    timing.silences = 1
    assert timing.patience(100) == pytest.approx(2)
    timing.slowest = 0.001
    assert timing.patience(100) == 1
    assert timing.patience(1_000_000) == 10
    timing.silences = 100
    assert 0 < timing.patience(100) < 1
    timing.slowest = 60
    assert timing.patience(100) == 10


def test_messages_wait_for_their_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    timing = Timing(10, interval=0.5)
    assert [timing.next_turn() for _ in range(3)] == [0, 0.5, 1.0]
    now = 200.0
    assert timing.next_turn() == 0


def test_a_run_that_is_too_slow_for_its_rate_and_deadline_could_not_tell() -> None:
    record = RunRecord()
    selection = Selection([Contract.OPAMP], only=["response.*"])
    timing = Timing(10, interval=0.2, deadline=time.time() + 6)
    assert grade(MockTarget(), selection, timing=timing, listeners=[record]) is ExitCode.COULD_NOT_TELL
    verdicts = [event.verdict for event in record.scenarios]
    assert {Verdict.PASSED, Verdict.ERROR} <= set(verdicts)
    assert "--deadline" in record.ended(Verdict.ERROR)[-1].actual


@pytest.mark.parametrize(("asked", "is_waited"), [("1", True), ("60", False), ("9" * 30, False)])
def test_a_busy_server_is_asked_again_as_long_as_the_deadline_allows(asked: str, is_waited: bool) -> None:
    requests = 0

    def refuse_once(connection: socket.socket) -> None:
        nonlocal requests
        while read_request(connection):
            requests += 1
            if requests == 1:
                head = f"HTTP/1.1 503 Service Unavailable\r\nRetry-After: {asked}\r\nContent-Length: 0\r\n\r\n"
                connection.sendall(head.encode())
            else:
                respond(connection, b"\x0a\x01a")

    timing = Timing(0.5, deadline=time.time() + 30)
    with BadServer(refuse_once) as server, Client(Endpoint(server.url), timing) as client:
        if is_waited:
            assert client.send(Agent("test").check_in()).message is not None
        else:
            with pytest.raises(ThrottledError, match="--deadline"):
                client.send(Agent("test").check_in())


@pytest.mark.parametrize("rate", ["0", "fast", "5/day", "-1"])
def test_an_invalid_rate(cli: Cli, rate: str) -> None:
    result = cli("run", f"--rate={rate}")
    assert result.returncode == 2
    assert "5/s" in result.stderr
