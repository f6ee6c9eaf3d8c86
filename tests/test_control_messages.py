"""The control plane: the messages of agents and their replies, listed, filtered and awaited."""

import base64
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from websockets.sync.client import connect

from opamp_conformance.client.agent import REQUEST_INSTANCE_UID, Agent
from opamp_mock_server import MockServer, Settings
from opamp_mock_server.control import server as server_control
from opamp_mock_server.service.message_log import MessageLog
from opamp_proto import opamp_pb2 as pb
from support.http_requests import ControlError, ask, send, status_of


@pytest.fixture
def server() -> Iterator[MockServer]:
    with MockServer(Settings(control=True)) as server:
        yield server


def test_messages_are_listed_with_their_replies(server: MockServer) -> None:
    agent = Agent("control")
    send(server.url, agent.full_status(flags=REQUEST_INSTANCE_UID))
    send(server.url, b"\xff")
    listed = ask(server, "GET", "/messages")
    assert (listed["oldest"], listed["newest"]) == (1, 2)
    first, second = listed["messages"]
    assert first["instance_uid"] == agent.instance_uid.hex()
    assert "agent_description" in first["received"]
    assert "agent_identification" in first["sent"]
    assert abs(first["at"] - time.time()) < 60
    assert second["received"] is None
    assert second["instance_uid"] == ""
    assert "error_response" in second["sent"]
    assert ask(server, "GET", "/messages?after=1")["messages"] == [second]
    assert ask(server, "GET", "/messages?limit=1")["messages"] == [first]


def test_a_response_has_a_maximum_size(server: MockServer) -> None:
    agent = Agent("control")
    for _ in range(3):
        message = agent.full_status()
        message.effective_config.config_map.config_map[""].body = b"x" * 700_000
        send(server.url, message)
    first = ask(server, "GET", "/messages")["messages"]
    assert [kept["number"] for kept in first] == [1]
    assert [kept["number"] for kept in ask(server, "GET", "/messages?after=1")["messages"]] == [2]


def test_the_number_of_waiting_requests_is_limited(server: MockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_control, "_MOST_WAITING", 2)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(ask, server, "GET", "/messages?within=30") for _ in range(2)]
        deadline = time.monotonic() + 30
        status = 0
        while status != 503 and time.monotonic() < deadline:
            with suppress(ControlError):
                ask(server, "GET", "/messages")
                continue
            status = status_of(server, "GET", "/messages")
        assert status == 503
        send(server.url, Agent("control").full_status())
        assert [len(one.result()["messages"]) for one in waiting] == [1, 1]
    assert ask(server, "GET", "/messages?after=1")["messages"] == []


def test_messages_are_filtered_by_agent_and_by_fields(server: MockServer) -> None:
    one, other = Agent("control"), Agent("control")
    for agent in (one, other):
        send(server.url, agent.full_status())
        send(server.url, agent.check_in())
    uid = one.instance_uid.hex()
    assert [kept["number"] for kept in ask(server, "GET", f"/messages?agent={uid}")["messages"]] == [1, 2]
    assert [kept["number"] for kept in ask(server, "GET", "/messages?has=health")["messages"]] == [1, 3]
    both = ask(server, "GET", f"/messages?agent={uid}&has=health&has=agent_description")
    assert [kept["number"] for kept in both["messages"]] == [1]


def test_a_request_waits_for_a_message(server: MockServer) -> None:
    began = time.monotonic()
    assert ask(server, "GET", "/messages?within=0.3")["messages"] == []
    assert time.monotonic() - began >= 0.3
    agent = Agent("control")
    timer = threading.Timer(0.3, lambda: send(server.url, agent.full_status()))
    timer.start()
    [kept] = ask(server, "GET", "/messages?within=9&has=health")["messages"]
    assert kept["instance_uid"] == agent.instance_uid.hex()
    timer.join()


def test_a_server_that_stops_ends_waiting_requests() -> None:
    server = MockServer(Settings(control=True))
    with server, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, server, "GET", "/messages?within=60")
        time.sleep(0.3)
        assert not waiting.done()
        began = time.monotonic()
        server.stop()
        assert waiting.result()["messages"] == []
    assert time.monotonic() - began < 30  # It would have waited for 60 seconds.


def test_unsolicited_messages_of_the_server_are_listed(server: MockServer) -> None:
    agent = Agent("control", capabilities=0xFFFF)
    with connect(server.url.replace("http", "ws", 1), compression=None) as websocket:
        websocket.send(b"\0" + agent.full_status().SerializeToString())
        websocket.recv(timeout=5)
        ask(server, "POST", f"/agents/{agent.instance_uid.hex()}/commands", {})
        websocket.recv(timeout=5)
    pushed = ask(server, "GET", "/messages")["messages"][-1]
    assert pushed["received"] is None
    assert pushed["instance_uid"] == agent.instance_uid.hex()
    assert "command" in pushed["sent"]


def test_the_message_log_has_a_maximum_size() -> None:
    message_log = MessageLog(3, 1000)
    for number in range(5):
        message_log.note(pb.AgentToServer(sequence_num=number), pb.ServerToAgent())
    assert [kept.number for kept in message_log.after(0)] == [3, 4, 5]
    assert (message_log.oldest, message_log.newest) == (3, 5)
    large = pb.AgentToServer(instance_uid=bytes(600))
    message_log.note(large, pb.ServerToAgent())
    message_log.note(large, pb.ServerToAgent())
    assert [kept.number for kept in message_log.after(0)] == [7]
    message_log.forget()
    assert message_log.after(0) == []
    assert (message_log.oldest, message_log.newest) == (8, 7)


def test_messages_are_listed_as_bytes_on_demand(server: MockServer) -> None:
    message = Agent("control").full_status()
    reply = send(server.url, message)
    assert "sent_data" not in ask(server, "GET", "/messages")["messages"][0]
    [listed] = ask(server, "GET", "/messages?bytes=true")["messages"]
    assert base64.b64decode(listed["received_data"]) == message.SerializeToString()
    assert pb.ServerToAgent.FromString(base64.b64decode(listed["sent_data"])) == reply
    assert status_of(server, "GET", "/messages?bytes=1") == 400
