"""The agents of a load test that the model of the conversation follows: what it finds, and that it finds nothing else."""

from collections.abc import Iterator

import pytest

pytest.importorskip("gevent", reason="load tests need the extra `load`")

import gevent

from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.connections import Answer, HttpConnection
from opamp_conformance.wire.transport import Transport
from opamp_mock_server import DEVIATIONS, MockServer, Settings
from support.load_harness import LoadHarness

BOTH = pytest.mark.parametrize("transport", list(Transport))
LIFE = Behaviour(asks=0.5, churn=0.1, restarts=0.1, changes=0.3, duplicates=0.2)


@pytest.fixture(autouse=True)
def _harnesses_are_closed() -> Iterator[None]:
    yield
    while LoadHarness.open:
        LoadHarness.open.pop().close()


@BOTH
def test_a_right_server_has_no_finding(transport: Transport) -> None:
    with MockServer(Settings()) as server:
        harness = LoadHarness(server.url, LIFE, agents=40, transport=transport)
        for _ in range(5):
            harness.take_turns(120)
            harness.context.lose_connections()
    assert not harness.counts.findings
    assert harness.counts.messages > 500


def test_an_exchange_that_is_cut_off_leaves_it_open_what_the_server_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end of a test, a driver may be stopped after the server has read the message, and before the reply."""
    with MockServer(Settings()) as server:
        harness = LoadHarness(server.url, Behaviour(asks=0.0))
        harness.take_turns(2)
        exchange = HttpConnection.exchange

        def cut_off(connection: HttpConnection, data: bytes) -> Answer:
            exchange(connection, data)
            raise gevent.GreenletExit

        monkeypatch.setattr(HttpConnection, "exchange", cut_off)
        with pytest.raises(gevent.GreenletExit):
            harness.take_turns()
        monkeypatch.undo()
        harness.take_turns(3)
    assert not harness.counts.findings


@BOTH
@pytest.mark.parametrize(
    "deviation",
    [
        "flags.report-flags-allowed",
        "sequence.server-report-full-state",
        "capabilities.server.first-message",
        "fleet.request-uid.every-time",
    ],
)
def test_what_only_the_conversation_shows_is_found(transport: Transport, deviation: str) -> None:
    with MockServer(Settings(deviations=(DEVIATIONS[deviation],))) as server:
        harness = LoadHarness(server.url, Behaviour(asks=1.0, duplicates=1.0), agents=30, transport=transport)
        harness.take_turns(60)
        for agent in harness.fleet.agents:
            agent.sequence_num += 5  # This simulates lost messages.
        harness.take_turns(60)
    assert deviation in harness.counts.findings


@BOTH
def test_a_server_that_always_asks_for_the_full_state_does_not_set_the_rate(transport: Transport) -> None:
    with MockServer(Settings(deviations=(DEVIATIONS["flags.report-flags-allowed"],))) as server:
        harness = LoadHarness(server.url, Behaviour(asks=1.0), transport=transport)
        harness.take_turns()
        for _ in range(5):  # Each report is asked for once more, and sent with the next turn.
            assert harness.wait(harness.agent) > 900
            harness.take_turns()
    assert harness.fired["full report"] >= 4
