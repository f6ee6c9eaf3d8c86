"""The agents of a load test, and how their replies are interpreted. These tests do not need Locust."""

import math
import ssl
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.sync.server import ServerConnection, serve

pytest.importorskip("gevent", reason="load tests need the extra `load`")

from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.connections import Destination, WebSocketConnection
from opamp_conformance.load.fleet import FleetAgent
from opamp_conformance.load.pace import Pace
from opamp_conformance.wire.transport import Transport
from opamp_conformance.wire.websocket import HEADER
from opamp_mock_server import MockServer, Settings, Tls
from support.http_requests import ControlError, ask
from support.load_harness import LoadHarness

BOTH = pytest.mark.parametrize("transport", list(Transport))


@pytest.fixture(autouse=True)
def _harnesses_are_closed() -> Iterator[None]:
    yield
    while LoadHarness.open:
        LoadHarness.open.pop().close()


def record_of(server: MockServer, agent: FleetAgent) -> dict[str, Any] | None:
    """Return the record of an agent in the mock server, None if there is none."""
    try:
        return ask(server, "GET", f"/agents/{agent.uid.hex()}")  # type: ignore[no-any-return]
    except ControlError:
        return None


def operate(server: MockServer, agent: FleetAgent, method: str, what: str, body: object) -> None:
    ask(server, method, f"/agents/{agent.uid.hex()}/{what}", body)


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer(Settings(control=True)) as server:
        yield server


# ---- connections


def test_a_message_right_behind_an_answer_is_not_the_answer() -> None:
    def answer_and_push(connection: ServerConnection) -> None:
        for _ in connection:
            frames = (bytes([0x82, len(body)]) + body for body in (HEADER + b"answer", HEADER + b"push"))
            connection.socket.sendall(b"".join(frames))

    with serve(answer_and_push, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.socket.getsockname()[1]}/v1/opamp"
        connection = WebSocketConnection(Destination(url, {}, None, 5, Transport.WEBSOCKET))
        answers = [connection.exchange(b"").body for _ in range(2)]
        connection.close()
        server.shutdown()
    assert answers == [HEADER + b"answer"] * 2


# ---- behaviour of agents


@BOTH
def test_an_agent_adopts_the_instance_uid_that_it_requested(server: MockServer, transport: Transport) -> None:
    harness = LoadHarness(server.url, Behaviour(asks=1.0), transport=transport)
    harness.take_turns()
    enrolled = harness.agent
    assert enrolled.is_enrolled
    assert uuid.UUID(bytes=enrolled.uid).version == 7
    assert bytes(harness.counts.handed_out) == enrolled.uid
    assert record_of(server, enrolled) is not None
    assert 900 < harness.wait(enrolled) < 1100
    harness.take_turns(130)  # Until sequence numbers need two bytes.
    record = record_of(server, enrolled)
    assert record is not None
    assert record["sequence_num"] == enrolled.sequence_num == 131
    assert harness.fired == {"enrollment": 1, "check-in": 130}
    assert (harness.counts.arrived, harness.counts.enrollments, harness.counts.messages) == (1, 1, 131)


def test_an_agent_without_a_request_keeps_its_instance_uid(server: MockServer) -> None:
    harness = LoadHarness(server.url, Behaviour())
    harness.take_turns()
    assert record_of(server, harness.agent) is not None
    assert not harness.counts.handed_out


@BOTH
def test_a_requested_full_report_is_sent(server: MockServer, transport: Transport) -> None:
    harness = LoadHarness(server.url, Behaviour(), transport=transport)
    harness.take_turns()
    harness.agent.sequence_num += 5  # This simulates lost messages.
    harness.take_turns()
    assert harness.wait(harness.agent) <= 0  # The report is due at once.
    harness.take_turns()
    assert harness.fired == {"enrollment": 1, "check-in": 1, "full report": 1}
    assert harness.wait(harness.agent) > 900


def test_a_change_is_reported_without_unchanged_fields(server: MockServer) -> None:
    harness = LoadHarness(server.url, Behaviour(changes=1.0))
    harness.take_turns(30)
    assert harness.fired == {"enrollment": 1, "change": 29}
    record = record_of(server, harness.agent)
    assert record is not None
    assert set(record["status"]) >= {"agent_description", "health", "effective_config"}
    assert (
        record["status"]["effective_config"]["config_map"]["config_map"][""]["body"] == "cmVjZWl2ZXJzOiB7b3RscDoge319"
    )


@BOTH
def test_a_disconnected_agent_enrolls_again_under_a_new_instance_uid(server: MockServer, transport: Transport) -> None:
    harness = LoadHarness(server.url, Behaviour(churn=1.0), transport=transport)
    harness.take_turns()
    before = harness.agent.uid
    harness.take_turns(2)
    assert harness.fired == {"enrollment": 2, "disconnect": 1}
    assert harness.agent.uid != before
    assert harness.counts.arrived == 1
    assert harness.counts.enrollments == 2
    assert bytes(harness.counts.handed_out) == harness.agent.uid


def test_a_duplicate_enrollment_gets_two_replies(server: MockServer) -> None:
    harness = LoadHarness(server.url, Behaviour(asks=1.0, duplicates=1.0))
    harness.take_turns()
    assert harness.fired == {"enrollment": 1, "duplicate": 1}
    assert len(harness.counts.handed_out) == 32
    assert harness.counts.handed_out.endswith(harness.agent.uid)
    assert not harness.counts.findings


@BOTH
def test_all_agents_report_after_an_outage(server: MockServer, transport: Transport) -> None:
    harness = LoadHarness(server.url, Behaviour(outage_every=1), agents=5, transport=transport)
    harness.take_turns(5)
    harness.context.lose_connections()
    assert all(harness.wait(agent) <= 0 for agent in harness.fleet.agents)
    harness.take_turns(4)
    assert not harness.counts.recoveries
    harness.take_turns()
    assert len(harness.counts.recoveries) == 1
    assert harness.fired == {"enrollment": 5, "full report": 5}
    assert not harness.counts.failures


@BOTH
def test_an_offered_heartbeat_interval_is_used(server: MockServer, transport: Transport) -> None:
    harness = LoadHarness(server.url, Behaviour(), transport=transport)
    harness.take_turns()
    settings = {"opamp": {"heartbeat_interval_seconds": 7, "destination_endpoint": server.url}}
    operate(server, harness.agent, "PUT", "connection_settings", settings)
    deadline = time.monotonic() + 20
    while harness.agent.interval is None and time.monotonic() < deadline:
        harness.take_turns()
    assert harness.agent.interval == 7
    harness.take_turns()
    assert 6 < harness.wait(harness.agent) < 8


def test_a_server_does_not_set_the_rate_of_the_test(server: MockServer) -> None:
    harness = LoadHarness(server.url, Behaviour(), pace=Pace(shortest_interval=20, longest_wait=60))
    harness.take_turns()
    for seconds, kept in ((1, 20), (50, 50), (0, 0)):
        operate(server, harness.agent, "PUT", "connection_settings", {"opamp": {"heartbeat_interval_seconds": seconds}})
        harness.take_turns()
        assert harness.agent.interval == kept
    assert harness.counts.bounds == {"heartbeat intervals below --shortest-interval": 1}


def test_an_unsolicited_message_is_processed(server: MockServer) -> None:
    import gevent  # noqa: PLC0415 - an optional dependency

    harness = LoadHarness(server.url, Behaviour(), transport=Transport.WEBSOCKET)
    harness.take_turns()
    operate(server, harness.agent, "PUT", "connection_settings", {"opamp": {"heartbeat_interval_seconds": 9}})
    deadline = time.monotonic() + 20
    while harness.agent.interval is None and time.monotonic() < deadline:
        gevent.sleep(0.01)
        harness.look()
    assert harness.agent.interval == 9
    assert harness.fired == {"enrollment": 1}


def test_an_agent_reconnects_after_its_connection_is_closed(server: MockServer) -> None:
    harness = LoadHarness(server.url, Behaviour(), transport=Transport.WEBSOCKET)
    harness.take_turns()
    operate(server, harness.agent, "DELETE", "connection", {})
    harness.take_turns(2)
    assert record_of(server, harness.agent)["connected"] is True  # type: ignore[index]
    assert not harness.counts.failures


def test_an_idle_websocket_over_tls_is_not_a_failure(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with MockServer(Settings(tls=Tls(tmp_path / "cert.pem", tmp_path / "key.pem"))) as server:
        for transport in Transport:
            harness = LoadHarness(server.url, Behaviour(), transport=transport, tls=context)
            harness.take_turns(5)
            assert harness.fired == {"enrollment": 1, "check-in": 4}
            assert harness.wait(harness.agent) > 900
            harness.close()


def test_agents_without_heartbeats_report_after_an_outage(server: MockServer) -> None:
    harness = LoadHarness(server.url, Behaviour(), agents=3)
    harness.take_turns(3)
    while harness.fleet.take_due(math.inf):
        pass  # This simulates agents whose server switched heartbeats off.
    harness.context.lose_connections()
    harness.take_turns(3)
    assert len(harness.counts.recoveries) == 1
