"""Endpoints to offer to agents: ``serve --second-endpoints``, with the reference agent."""

import asyncio
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from opamp_mock_agent import AgentSettings, MockAgent
from opamp_mock_server import Contract, MockServer, Settings
from opamp_mock_server.second_endpoints import open_second_endpoints
from support.command_line import Cli, one_line, wait_until
from support.http_requests import ask


@contextmanager
def agent_of(url: str, state: Path) -> Iterator[MockAgent]:
    """Run the reference agent on a thread."""
    agent = MockAgent(AgentSettings(url, state=state, poll_seconds=0.2))
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        await agent.run()

    thread = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    try:
        yield agent
    finally:
        loops[0].call_soon_threadsafe(agent.stop)
        thread.join(10)


@pytest.mark.parametrize("scheme", ["http", "ws"])
@pytest.mark.parametrize(
    ("name", "with_ca", "status"),
    [
        ("second", False, "APPLIED"),
        ("refusing", False, "FAILED"),
        ("unknown-ca", False, "FAILED"),
        ("unknown-ca", True, "APPLIED"),
        ("dead", False, "FAILED"),
    ],
)
def test_an_agent_is_offered_an_endpoint(tmp_path: Path, scheme: str, name: str, with_ca: bool, status: str) -> None:
    with (
        open_second_endpoints(Settings(contract=Contract.OPAMP, control=True)) as settings,
        MockServer(settings) as server,
        agent_of(server.url.replace("http", scheme, 1), tmp_path),
    ):
        wait_until(lambda: bool(ask(server, "GET", "/agents")["agents"]))
        uid = ask(server, "GET", "/agents")["agents"][0]["instance_uid"]
        endpoint = {one["name"]: one for one in ask(server, "GET", "/endpoints")["endpoints"]}[name]
        offer: dict[str, Any] = {"destination_endpoint": endpoint["url"].replace("http", scheme, 1)}
        assert bool(endpoint["ca"]) == (name == "unknown-ca")
        if with_ca:
            offer["tls"] = {"ca_pem_contents": endpoint["ca"]}
        ask(server, "PUT", f"/agents/{uid}/connection_settings", {"opamp": offer})
        if with_ca:  # It has moved to a server that this control plane does not show.
            wait_until(lambda: not ask(server, "GET", f"/agents/{uid}")["connected"])
            time.sleep(1)  # An agent that does not like the settings returns at once.
            assert not ask(server, "GET", f"/agents/{uid}")["connected"]
            return
        wait_until(lambda: status in reported(server, uid))


def reported(server: MockServer, uid: str) -> str:
    settings = ask(server, "GET", f"/agents/{uid}")["status"].get("connection_settings_status", {})
    return str(settings.get("status", ""))


def test_the_command_line_names_the_endpoints(cli: Cli) -> None:
    with cli.serve("--control", "--second-endpoints") as url:
        control = url.replace("/v1/opamp", "/control/endpoints")
        with urllib.request.urlopen(control, timeout=10) as response:
            listed = json.load(response)["endpoints"]
    assert [one["name"] for one in listed] == ["second", "refusing", "unknown-ca", "dead"]


def test_it_needs_the_control_plane(cli: Cli) -> None:
    result = cli("serve", "--second-endpoints")
    assert result.returncode == 2
    assert "--control" in one_line(result)
