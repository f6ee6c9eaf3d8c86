"""The live page of the mock server, in a real browser."""

import base64
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from opamp_conformance.client.agent import Agent
from opamp_conformance.ledger.ledger import load_ledger
from opamp_mock_server import MockServer, Settings
from opamp_proto import opamp_pb2 as pb
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
    deadline = time.monotonic() + 30
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
        wait_for_text(chromium, "findings", lambda text: "http.request-body failure" in text)
        link = chromium.find_element("css selector", "#findings a").get_attribute("href")
        assert link == load_ledger()["http.request-body"].link
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


def click(chromium: Any, text: str) -> None:
    chromium.find_element("xpath", f"//button[text()={text!r}]").click()


def test_the_live_page_opens_an_agent_and_acts_on_it(chromium: Any) -> None:
    with MockServer(Settings(control=True)) as server:
        chromium.get(f"{server.control_url}/")
        agent = Agent("opened")
        report = agent.full_status()
        report.effective_config.config_map.config_map["otel.yaml"].body = b"receivers: {}"
        component = report.health.component_health_map["receiver/otlp"]
        component.healthy, component.last_error = False, "no port"
        send(server.url, report)
        uid = agent.instance_uid.hex()
        wait_for_text(chromium, "agents", lambda text: uid in text)
        assert not chromium.find_element("id", "agent").is_displayed()
        click(chromium, uid)
        facts = wait_for_text(chromium, "facts", lambda text: "receivers: {}" in text)
        for part in ("service.name=", "receiver/otlp: unhealthy: no port", "otel.yaml"):
            assert part in facts
        wait_for_text(chromium, "conversation", lambda text: "effective_config" in text)
        wait_for_text(chromium, "desired", lambda text: text == "nothing")
        body = {"config_map": {"otel.yaml": {"body": base64.b64encode(b"exporters: {}").decode()}}}
        ask(server, "PUT", f"/agents/{uid}/remote_config", body)
        wait_for_text(chromium, "desired", lambda text: "exporters: {}" in text)
        chromium.execute_script(
            "for (const one of document.querySelectorAll('#conversation details')) one.open = true;"
        )
        wait_for_text(chromium, "conversation", lambda text: report.SerializeToString().hex() in text)
        time.sleep(1.5)  # The page is updated meanwhile.
        assert report.SerializeToString().hex() in chromium.find_element("id", "conversation").text
        assert accessibility_problems(chromium) == []
        click(chromium, "Next answer: overloaded")
        wait_for_text(chromium, "outcome", lambda text: text == "done")
        reply = send(server.url, agent.check_in())
        assert reply.error_response.type == pb.ServerErrorResponseType_Unavailable
        click(chromium, "Ask for the full state")
        wait_for_text(chromium, "outcome", lambda text: text == "done")
        reply = send(server.url, agent.check_in())
        assert reply.flags & pb.ServerToAgentFlags_ReportFullState
        click(chromium, "Close the WebSocket")
        wait_for_text(chromium, "outcome", lambda text: text.startswith("404: "))
        click(chromium, "Forget the agent")
        wait_for_text(chromium, "agents", lambda text: text == "")
        click(chromium, "Close")
        assert not chromium.find_element("id", "agent").is_displayed()


def test_the_live_page_finds_agents_by_name_and_by_page(chromium: Any) -> None:
    with MockServer(Settings(control=True)) as server:
        agents = [Agent("many") for _ in range(101)]
        for number, agent in enumerate(agents):
            report = agent.full_status()
            names = [one for one in report.agent_description.identifying_attributes if one.key == "service.name"]
            names[0].value.string_value = f"service-{number:03}"
            send(server.url, report)
        chromium.get(f"{server.control_url}/")
        wait_for_text(chromium, "total", lambda text: text == "100 of 101")
        click(chromium, "Next page")
        wait_for_text(chromium, "agents", lambda text: text.count("service-") == 1)
        click(chromium, "First page")
        wait_for_text(chromium, "agents", lambda text: text.count("service-") == 100)
        chromium.find_element("id", "text").send_keys("SERVICE-04")
        wait_for_text(chromium, "agents", lambda text: text.count("service-") == 10)
        assert ask(server, "GET", f"/agents?text={agents[7].instance_uid.hex()}")["total"] == 1
        assert ask(server, "GET", "/agents?text=nobody") == {"agents": [], "total": 0}


def test_the_live_page_activates_deviations_and_fits_a_phone(chromium: Any) -> None:
    with MockServer(Settings(control=True)) as server:
        send(server.url, Agent("phone").full_status())
        metrics = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        try:
            chromium.get(f"{server.control_url}/")
            wait_for_text(chromium, "agents", lambda text: text != "")
            chromium.execute_script("document.querySelector('#agents button').click()")
            wait_for_text(chromium, "facts", lambda text: "agent_description" in text)
            assert chromium.execute_script("return document.documentElement.scrollWidth") <= 390
        finally:
            chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        chosen = chromium.find_element("css selector", "#known option:checked").text
        click(chromium, "Activate")
        wait_for_text(chromium, "deviations", lambda text: text.startswith(chosen))
        assert ask(server, "GET", "/deviations")["active"] == [chosen]
        click(chromium, "Deactivate all")
        wait_for_text(chromium, "deviations", lambda text: text.startswith("none"))


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
