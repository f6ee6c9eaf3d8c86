"""The pages in a real browser: reports, tables of servers, the book, and load tests."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opamp_conformance.load.charts import page as load_page
from opamp_conformance.load.counts import Counts
from opamp_conformance.load.summary import result_of
from support.browser import accessibility_problems, browsing, complaints
from support.command_line import Cli

KEY = "Authorization: ApiKey c2VjcmV0LWtleQ"
DEVIATIONS = ("fleet.request-uid.echo", "capabilities.server.undefined-bits-zero", "http.response-compression")


@pytest.fixture(scope="module", params=[False, True], ids=["light", "dark"])
def chromium(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with browsing(tmp_path_factory.mktemp("chromium"), is_dark=request.param) as browser:
        yield browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages about a conformant server, a deviating server, and a load test."""
    folder, cli = tmp_path_factory.mktemp("pages"), Cli()
    few = [
        word
        for pattern in ("fleet.*", "capabilities.*", "http.*", "size.http.default.plain")
        for word in ("--only", pattern)
    ]
    few += ["--transport", "http", "--contract", "all"]
    good, bad = folder / "good.jsonl", folder / "bad.jsonl"
    assert cli("run", *few, "--jsonl", good).returncode == 0
    serving = [word for deviation in DEVIATIONS for word in ("--deviation", deviation)]
    with cli.serve(*serving, "--enrollment-key", KEY.rpartition(" ")[2]) as url:
        arguments = ("--url", url, "--header", KEY, "--jsonl", bad, "--html", folder / "bad.html")
        assert cli("run", *few, *arguments).returncode == 1
    assert cli("matrix", good, bad, "--html", folder / "servers.html").returncode == 0
    assert cli("book", "--html", folder / "book", bad).returncode == 0
    counts = Counts(started_at=100.0, messages=3, answered=3)
    for number in (100, 101, 103):
        counts.second(number).latency.add(0.001)
    load = result_of(
        *("steady", "http://127.0.0.1:4320/v1/opamp"),
        agents=3,
        starts="all at once",
        transport="http",
        counts=counts,
        conditions=(),
        facts={"began": "2026-11-29 10:12:04 UTC"},
    )
    (folder / "load.html").write_text(load_page(load))
    named = {
        "load": "load.html",
        "report": "bad.html",
        "matrix": "servers.html",
        "book": "book/index.html",
        "chapter": "book/enrollment.html",
    }
    return {name: folder / path for name, path in named.items()}


@pytest.mark.parametrize("name", ["report", "matrix", "book", "chapter", "load"])
def test_a_page_is_accessible_and_writes_nothing_to_the_console(
    chromium: Any, pages: dict[str, Path], name: str
) -> None:
    chromium.get(pages[name].as_uri())
    is_dark = chromium.execute_script("return matchMedia('(prefers-color-scheme: dark)').matches")
    ground = chromium.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(13, 17, 23)" if is_dark else "rgb(255, 255, 255)")
    assert accessibility_problems(chromium) == []
    assert complaints(chromium) == []
    assert not re.search(
        r"""(src|href)=["']?(https?:)?//(?!github\.com/(open-telemetry|elastic)/)""", pages[name].read_text()
    )


def visible(chromium: Any) -> list[str]:
    script = "return [...document.querySelectorAll('main details > summary')].filter(one => one.checkVisibility()).map(one => one.innerText)"
    found: list[str] = chromium.execute_script(script)
    return found


def test_the_report_is_filtered_by_keyboard_and_mouse(chromium: Any, pages: dict[str, Path]) -> None:
    chromium.get(pages["report"].as_uri())
    everything = visible(chromium)
    status = chromium.find_element("id", "shown")
    assert status.text == f"{len(everything)} shown"

    text = chromium.find_element("id", "text")
    text.send_keys("fleet.request-uid.echo")
    found = visible(chromium)
    assert 0 < len(found) < len(everything)
    assert status.text == f"{len(found)} shown"
    chapters = [
        part for part in chromium.find_elements("css selector", "main > section:not(#problems)") if part.is_displayed()
    ]
    assert [part.get_attribute("id") for part in chapters] == ["every-message", "enrollment"]

    text.clear()
    text.send_keys("x")
    text.send_keys("\b")
    for verdict in ("passed", "not applicable", "warned", "not scored"):
        box = chromium.find_element("css selector", f"input[value='{verdict}']")
        chromium.execute_script("arguments[0].focus()", box)
        box.send_keys(" ")
    failed = visible(chromium)
    assert failed
    assert all(line.startswith("failed") for line in failed)
    chromium.find_element("css selector", "input[value='MUST']").click()
    assert visible(chromium) == []
    assert status.text == "0 shown"


def test_the_report_begins_with_what_did_not_pass(chromium: Any, pages: dict[str, Path]) -> None:
    chromium.get(pages["report"].as_uri())
    problems = chromium.find_element("id", "problems")
    assert problems.location["y"] < chromium.find_element("xpath", "//h2[text()='Counts']").location["y"]
    assert "failed MUST fleet.request-uid.echo" in problems.text
    assert "again: opamp-conformance run" in problems.text


def test_the_matrix_is_filtered(chromium: Any, pages: dict[str, Path]) -> None:
    chromium.get(pages["matrix"].as_uri())

    def rows() -> list[str]:
        script = "return [...document.querySelectorAll('#verdicts tr[data-level]')].filter(one => one.checkVisibility()).map(one => one.innerText)"
        found: list[str] = chromium.execute_script(script)
        return found

    everything = rows()
    chromium.find_element("id", "differing").click()
    differing = rows()
    assert 0 < len(differing) < len(everything)
    chromium.find_element("id", "problems").click()
    problems = rows()
    assert 0 < len(problems) < len(differing)
    assert chromium.find_element("id", "shown").text == f"{len(problems)} shown"
    chromium.find_element("id", "text").send_keys("request-uid.echo")
    [first, *_] = rows()
    assert "fleet.request-uid.echo" in first
    reason = next(one for one in chromium.find_elements("css selector", "#verdicts details") if one.is_displayed())
    reason.find_element("css selector", "summary").click()
    assert "expected the instance_uid" in reason.text


@pytest.mark.parametrize("name", ["report", "matrix", "book", "chapter", "load"])
@pytest.mark.parametrize("width", [390, 1400])
def test_a_page_fits_a_window(chromium: Any, pages: dict[str, Path], name: str, width: int) -> None:
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        chromium.get(pages[name].as_uri())
        assert chromium.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_chart_has_a_gap_where_nothing_was_answered(pages: dict[str, Path]) -> None:
    latency = pages["load"].read_text().partition("Time to an answer")[2].partition("</svg>")[0]
    assert latency.count("<polyline") == 2 * latency.count('class="key"') == 6


def test_a_failure_is_open_and_shows_its_messages(chromium: Any, pages: dict[str, Path]) -> None:
    chromium.get(pages["report"].as_uri())
    entries = chromium.find_elements(
        "css selector", "#enrollment details[data-verdict=failed][data-text*='fleet.request-uid.echo']"
    )
    assert entries
    text = entries[0].text
    for part in (
        "expected",
        "agent_identification",
        "0a10",
        "Again: opamp-conformance run",
        "--header-env Authorization=",
    ):
        assert part in text
    broken = entries[0].find_element("css selector", ".broken")
    assert broken.text.startswith("Then ")
    passed = chromium.find_element("css selector", "details[data-verdict=passed]")
    assert passed.get_attribute("open") is None
    passed.find_element("css selector", "summary").send_keys("\n")
    assert passed.get_attribute("open") is not None
    assert "Given" in passed.text


def test_the_report_links_to_its_chapters(chromium: Any, pages: dict[str, Path]) -> None:
    chromium.get(pages["report"].as_uri())
    chromium.find_element("link text", "Enrollment").click()
    assert chromium.current_url.endswith("#enrollment")
    assert chromium.execute_script("return scrollY") > 500
