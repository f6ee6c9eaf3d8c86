"""The reference agent against every deviation of the mock server: it goes on, and works again when the server does."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from opamp_conformance.wire.transport import Transport
from opamp_mock_agent import AgentSettings, MockAgent
from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_server import DEVIATIONS, Contract, DeviationError, MockServer, Settings
from opamp_proto import opamp_pb2 as pb
from support.matrix import is_nightly

POLL_SECONDS = 0.05
DEVIATING_SECONDS = 0.2
PATIENCE_SECONDS = 20.0
SAMPLE = 8
"""At day, one of so many deviations is tried over each transport; at night, all."""


class Arrivals:
    """The messages of the agent, as the server sees them."""

    def __init__(self) -> None:
        self.count = 0
        self.instance_uid = b""
        self._has_come = threading.Condition()

    def note(self, message: pb.AgentToServer | None, reply: pb.ServerToAgent) -> None:
        if message is not None:
            with self._has_come:
                self.count, self.instance_uid = self.count + 1, message.instance_uid
                self._has_come.notify_all()

    def more(self, than: int) -> bool:
        """Wait until there are more messages than a number."""
        with self._has_come:
            return self._has_come.wait_for(lambda: self.count > than, PATIENCE_SECONDS)


@contextmanager
def running_agent(url: str, state: Path) -> Iterator[threading.Thread]:
    """Run an agent on a thread; the thread ends with it."""
    agents: list[tuple[MockAgent, asyncio.AbstractEventLoop]] = []
    is_ready = threading.Event()

    async def run() -> None:
        agent = MockAgent(AgentSettings(url, state=state, poll_seconds=POLL_SECONDS))
        agents.append((agent, asyncio.get_running_loop()))
        is_ready.set()
        await agent.run()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert is_ready.wait(10)
    [(agent, loop)] = agents
    try:
        yield thread
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(agent.stop)
        thread.join(10)


def offer_something(server: MockServer, instance_uid: bytes, number: int) -> None:
    """Let the server offer a configuration and a package that the agent does not have, and send a custom message."""
    config = pb.AgentConfigMap()
    config.config_map[""].body = f"number: {number}".encode()
    message = pb.CustomMessage(capability="org.example/echo", type="test", data=b"x")
    settings = pb.ConnectionSettingsOffers()
    settings.own_metrics.destination_endpoint = f"http://127.0.0.1:1/{number}"
    change = server.service.change_desired(
        instance_uid,
        lambda desired: replace(
            desired, remote_config=config, connection_settings=settings, custom_messages=(message,)
        ),
    )
    server.call(change)


@pytest.mark.parametrize("transport", Transport)
def test_the_reference_agent_survives_every_deviation_of_the_server(
    transport: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Behaviour, "wait_before_retry", lambda self, attempt: POLL_SECONDS)
    offset = list(Transport).index(transport) * (SAMPLE // 2)
    chosen = list(DEVIATIONS.values())[0 if is_nightly() else offset :: 1 if is_nightly() else SAMPLE]
    arrivals, tried, lost = Arrivals(), 0, []
    with MockServer(Settings(contract=Contract.OPAMP)) as server:
        server.observe(arrivals.note)
        scheme = "ws" if transport is Transport.WEBSOCKET else "http"
        url = f"{scheme}{server.url.removeprefix('http')}"
        with running_agent(url, tmp_path) as thread:
            assert arrivals.more(0)
            for number, deviation in enumerate(chosen):
                try:
                    server.deviate([deviation])
                except DeviationError:  # It can only be chosen when a server starts.
                    continue
                tried += 1
                server.drop_connections()
                offer_something(server, arrivals.instance_uid, number)
                time.sleep(DEVIATING_SECONDS)
                server.deviate([])
                server.drop_connections()
                if not arrivals.more(arrivals.count + 1) or not thread.is_alive():
                    lost.append(deviation.id)
                    break
    assert lost == []
    assert tried > len(chosen) / 2
