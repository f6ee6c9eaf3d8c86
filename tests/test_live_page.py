"""The live page of the mock server, in a real browser."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from opamp_conformance.client.agent import Agent
from opamp_mock_server import MockServer, Settings
from support.browser import accessibility_problems, browsing, complaints
from support.http_requests import ask, send, status_of

KEY = "c2VjcmV0LWtleQ"


@pytest.fixture
def server() -> Iterator[MockServer]:
    with MockServer(Settings(control=True)) as server:
        yield server


def test_the_live_page_is_read_only(server: MockServer) -> None:
    for path in ("", "/"):
        assert status_of(server, "POST", path, b"") == 405


def test_the_live_page_is_only_for_loopback_addresses() -> None:
    with MockServer(Settings(control=True, host="0.0.0.0")) as server:
        server.control_url = server.url.replace("0.0.0.0", "127.0.0.1").replace("/v1/opamp", "/control")
        assert status_of(server, "GET", "/") == 403
        assert ask(server, "GET", "/agents") == {"agents": [], "total": 0}


@pytest.fixture(scope="module", params=[False, True], ids=["light", "dark"])
def chromium(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with browsing(tmp_path_factory.mktemp("chromium"), is_dark=request.param) as browser:
        yield browser


def wait_for_text(chromium: Any, name: str, condition: Callable[[str], bool]) -> str:
    """Wait until the text of an element meets a condition; return the text."""
    deadline = time.monotonic() + 10
    while True:
        text: str = chromium.find_element("id", name).text
        if condition(text):
            return text
        assert time.monotonic() < deadline, text
        time.sleep(0.05)


def test_the_live_page_shows_deviations_agents_and_messages(chromium: Any) -> None:
    with MockServer(Settings(control=True)) as server:
        chromium.get(f"{server.control_url}/")
        wait_for_text(chromium, "state", lambda text: text == "serving")
        wait_for_text(chromium, "deviations", lambda text: text.startswith("none"))
        agent = Agent("control")
        send(server.url, agent.full_status())
        send(server.url, b"\xff")
        wait_for_text(chromium, "messages", lambda text: text.count("\n") >= 1 and "BadRequest: " in text)
        uid = agent.instance_uid.hex()
        assert uid in wait_for_text(chromium, "agents", lambda text: uid in text and "healthy" in text)
        assert uid in chromium.find_element("id", "messages").text
        ask(server, "PUT", "/deviations", {"active": ["fleet.request-uid.echo"]})
        wait_for_text(chromium, "deviations", lambda text: "fleet.request-uid.echo: " in text)
        ask(server, "POST", "/reset")
        wait_for_text(chromium, "agents", lambda text: text == "")
        wait_for_text(chromium, "messages", lambda text: text == "")
        assert accessibility_problems(chromium) == []
        assert complaints(chromium) == []
    wait_for_text(chromium, "state", lambda text: text == "not reachable")


def test_the_live_page_asks_for_a_key(chromium: Any) -> None:
    with MockServer(Settings(control=True, enrollment_keys=(KEY,))) as server:
        chromium.get(f"{server.control_url}/")
        wait_for_text(chromium, "state", lambda text: text == "locked")
        assert accessibility_problems(chromium) == []
        chromium.find_element("id", "key").send_keys("schlüssel\n")
        wait_for_text(chromium, "state", lambda text: text == "locked")
        chromium.find_element("id", "key").send_keys("wrong\n")
        wait_for_text(chromium, "state", lambda text: text == "locked")
        chromium.find_element("id", "key").clear()
        chromium.find_element("id", "key").send_keys(f"{KEY}\n")
        wait_for_text(chromium, "state", lambda text: text == "serving")
