"""The reports of a run: pages, files for CI, and comparisons."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.ledger.ledger import load_ledger
from opamp_conformance.ledger.versions import DEFAULT_VERSION
from opamp_conformance.reports.areas import Area, area_of, shares
from opamp_conformance.reports.comparison import changes
from opamp_conformance.reports.github import GitHub
from opamp_conformance.reports.html import page
from opamp_conformance.reports.run_record import RunRecord, read_events, read_run_record
from opamp_conformance.results.events import Event, FindingBooked, RunFinished, ScenarioFinished, as_json
from opamp_conformance.results.verdicts import ExitCode, Verdict
from opamp_conformance.suite.catalogue import load_catalogue
from support.command_line import Cli, one_line
from support.fault_injection import free_port
from support.peers import ROOT

SECRET = "c2VjcmV0LWtleQ"
DEVIATIONS = ("fleet.request-uid.echo", "capabilities.server.undefined-bits-zero", "http.response-compression")
CHAPTERS = ("enrollment", "plain_http", "remote_config", "connection_settings", "custom_messages", "packages")


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the reports of two runs: one against a conformant server, one against a deviating server."""
    folder, cli = tmp_path_factory.mktemp("reports"), Cli()
    some = [word for chapter in CHAPTERS for word in ("--only", chapter)]
    assert cli("run", *some, "--jsonl", folder / "good.jsonl", "--html", folder / "good.html").returncode == 0
    serving = [word for deviation in DEVIATIONS for word in ("--deviation", deviation)]
    files = [word for kind in ("jsonl", "html", "junit", "badge") for word in (f"--{kind}", folder / f"bad.{kind}")]
    with cli.serve(*serving, "--enrollment-key", SECRET) as url:
        arguments = (
            "--url",
            url,
            "--contract",
            "all",
            "--transport",
            "http",
            "--header",
            f"Authorization: ApiKey {SECRET}",
        )
        assert cli("run", *some, *arguments, *files).returncode == 1
    return folder


# ---- all reports


def test_all_reports_have_the_same_figures(cli: Cli, graded: Path) -> None:
    record = read_run_record(graded / "bad.jsonl")
    assert record.findings
    figures = Counter(record.finished.verdicts)
    assert figures == Counter(event.verdict for event in (*record.scenarios, *record.findings))
    for name in ("level", "contract", "transport", "chapter"):
        assert sum(record.counts(name).values(), Counter()) == figures
    text = ", ".join(f"{count} {verdict}" for verdict, count in figures.items())
    assert f"not conformant: {text} in" in cli("report", graded / "bad.jsonl").stdout
    assert (
        f"not conformant: {text}; OpAMP v0.18.0\n" in cli("matrix", graded / "bad.jsonl", graded / "good.jsonl").stdout
    )
    cases = ET.parse(graded / "bad.junit").findall(".//testcase")
    properties = [case.find("properties/property[@name='verdict']") for case in cases]
    assert Counter(found.attrib["value"] for found in properties if found is not None) == figures
    html = (graded / "bad.html").read_text()
    assert Counter(re.findall(r'<details data-level="[^"]*" data-verdict="([^"]*)"', html)) == figures
    said: list[str] = []
    summary = graded / "summary.md"
    github = GitHub(said.append, summary)
    for event in read_events(graded / "bad.jsonl"):
        github.handle(event)
    rows = [line.split("|")[2:-1] for line in summary.read_text().splitlines() if line.startswith("| ")]
    table = [row for row in rows if all(re.fullmatch(r" \d* ", cell) for cell in row)]
    assert sum(int(cell) for row in table for cell in row if cell.strip()) == figures.total()


def test_a_run_that_cannot_begin_leaves_earlier_reports(cli: Cli, tmp_path: Path) -> None:
    kinds = ("html", "junit", "badge", "jsonl")
    for kind in kinds[:2]:
        (tmp_path / kind).write_text("earlier")
    files = [word for kind in kinds for word in (f"--{kind}", tmp_path / kind)]
    result = cli("run", "--url", f"http://127.0.0.1:{free_port()}", *files)
    assert result.returncode == 2
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(kinds[:2], "earlier")


# ---- streams


def test_a_report_from_a_stream_equals_the_report_of_the_run(cli: Cli, graded: Path) -> None:
    files = [word for kind in ("html", "junit", "badge") for word in (f"--{kind}", graded / f"again.{kind}")]
    result = cli("report", graded / "bad.jsonl", *files)
    assert result.returncode == 0
    assert result.stdout.endswith(": not conformant\n")
    for kind in ("html", "junit", "badge"):
        assert (graded / f"again.{kind}").read_text() == (graded / f"bad.{kind}").read_text()


def test_unknown_fields_in_a_stream_are_ignored(graded: Path, tmp_path: Path) -> None:
    path = tmp_path / "newer.jsonl"

    def add(events: list[dict[str, Any]]) -> None:
        for event in events:
            event["mood"] = "splendid"
            for exchange in event.get("transcript", []):
                exchange["mood"] = "splendid"

    path.write_text(altered(add)((graded / "bad.jsonl").read_text()))
    assert read_events(path) == read_events(graded / "bad.jsonl")


def test_a_stream_is_printed_like_a_run(cli: Cli, graded: Path) -> None:
    result = cli("report", graded / "bad.jsonl")
    assert result.returncode == 0
    assert "requires  fleet.request-uid.echo" in result.stdout
    assert "not conformant:" in result.stdout


def test_a_stream_may_come_from_a_pipe(graded: Path) -> None:
    command = f"cat {graded / 'bad.jsonl'} | {sys.executable} -m opamp_conformance report /dev/stdin"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=600, check=False)
    assert result.returncode == 0
    assert "not conformant:" in result.stdout


def test_events_are_read_as_they_were_written(graded: Path) -> None:
    for line, event in zip(
        (graded / "bad.jsonl").read_text().splitlines(), read_events(graded / "bad.jsonl"), strict=True
    ):
        assert as_json(event) == line


def altered(change: Callable[[list[dict[str, Any]]], object]) -> Callable[[str], str]:
    """Return a function that changes the events in the text of a stream."""

    def alter(text: str) -> str:
        events = [json.loads(line) for line in text.splitlines()]
        change(events)
        return "\n".join(map(json.dumps, events))

    return alter


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (lambda text: "", "whole run"),
        (lambda text: text[: len(text) // 2], "event"),
        (lambda text: "\n".join(text.splitlines()[:-1]), "whole run"),
        (lambda text: text + text, "whole run"),
        (lambda text: "[" * 100_000, "event"),
        (lambda text: "null", "event"),
        (altered(lambda events: events[0].update(schema=1)), "schema 1"),
        (altered(lambda events: events[0].pop("schema")), "schema None"),
        (altered(lambda events: events[3].update(verdict="splendid")), "line 4: .*schema 2"),
        (altered(lambda events: events[3].pop("key")), "line 4: .*schema 2"),
        (altered(lambda events: events[3].update(event="Party")), "line 4: .*schema 2"),
    ],
)
def test_invalid_streams(graded: Path, tmp_path: Path, alter: Callable[[str], str], message: str) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text(alter((graded / "good.jsonl").read_text()))
    with pytest.raises(InconclusiveError, match=message):
        read_run_record(path)


@pytest.mark.parametrize("command", [("report",), ("diff", "good.jsonl"), ("matrix",), ("book", "--html", "book")])
def test_an_invalid_stream_is_reported_in_one_line(
    cli: Cli, graded: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text("{}")
    given = [graded / word if word == "good.jsonl" else word for word in command]
    result = cli(*given, path)
    assert result.returncode == 2
    assert "line 1: " in one_line(result)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_unreadable_streams(cli: Cli, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "stream.jsonl"
    if content is not None:
        path.write_bytes(content)
    result = cli("report", path)
    assert result.returncode == 2
    assert str(path) in one_line(result)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--html", "{}/nowhere/x.html"),
        ("run", "--html", "{}/x", "--junit", "{}/x"),
        ("run", "--jsonl", "{}/x", "--badge", "{}/x"),
        ("report", "{}/x", "--html", "{}/x"),
    ],
)
def test_unwritable_files(cli: Cli, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = cli(*(argument.format(tmp_path) for argument in arguments))
    assert result.returncode == 2
    one_line(result)
    assert result.stdout == ""


# ---- files for CI


def test_junit_has_the_content_that_ci_servers_need(graded: Path) -> None:
    root = ET.parse(graded / "bad.junit").getroot()
    cases = list(root.iter("testcase"))
    assert int(root.get("tests", "")) == len(cases) > 100
    assert int(root.get("failures", "")) == len(list(root.iter("failure"))) > 0
    [case] = [case for case in cases if case.get("name") == "fleet.request-uid.echo.unknown-agent"]
    assert case.get("classname") == "opamp.enrollment.http"
    properties = {found.get("name"): found.get("value") for found in case.iter("property")}
    assert properties["requirement"] == "fleet.request-uid.echo"
    assert properties["level"] == "MUST"
    failure = case.find("failure")
    assert failure is not None
    assert "instance_uid" in (failure.get("message") or "")


def test_the_badge(graded: Path) -> None:
    badge = json.loads((graded / "bad.badge").read_text())
    assert badge["schemaVersion"] == 1
    assert badge["label"] == "OpAMP v0.18.0"
    assert re.fullmatch(r"not conformant: \d+ failed", badge["message"])
    assert badge["color"] == "red"


def test_annotations_and_summary_on_github(cli: Cli, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    with cli.serve("--deviation", "fleet.request-uid.echo") as url:
        result = cli("run", "--url", url, "--contract", "fleet", "--only", "fleet.request-uid.echo", env=env)
    annotations = re.findall(r"^::error title=(.*?)::(.*)$", result.stdout, re.MULTILINE)
    assert len(annotations) >= 2
    title, message = annotations[0]
    assert title.startswith("MUST fleet.request-uid.echo.")
    assert "instance_uid" in message
    text = summary.read_text()
    assert text.startswith("before\n## OpAMP v0.18.0: not conformant\n")
    assert "| enrollment |" in text
    assert re.search(r"\| failed \| MUST \| fleet\.request-uid\.echo \| .* \| `opamp-conformance run .*` \|", text)


def test_the_summary_on_github_has_a_row_for_each_reason(graded: Path, tmp_path: Path) -> None:
    events = list(read_events(graded / "bad.jsonl"))
    failed = next(event for event in events if isinstance(event, ScenarioFinished) and event.verdict is Verdict.FAILED)
    others = [event for event in events if not isinstance(event, ScenarioFinished | FindingBooked)]
    summary = tmp_path / "summary.md"
    github = GitHub(lambda line: None, summary)
    twice = [replace(failed, actual=text) for text in ("none after 7 s", "garbage")]
    for event in [others[0], *(twice[number % 2] for number in range(2387)), *others[1:]]:
        github.handle(event)
    rows = [line for line in summary.read_text().splitlines() if line.startswith("| failed |")]
    assert [row.split("|")[5].strip() for row in rows] == ["1194 scenarios", "1193 scenarios"]


def test_annotations_are_limited_and_cannot_be_forged(graded: Path) -> None:
    written: list[str] = []
    github = GitHub(written.append, None)
    failed = next(event for event in read_run_record(graded / "bad.jsonl").scenarios if event.verdict is Verdict.FAILED)
    for _ in range(30):
        github.handle(replace(failed, actual="100 %\n::error::forged"))
    assert len(written) == 10
    assert "100 %25%0A::error::forged" in written[0]
    assert "\n" not in written[0]


# ---- comparisons


def test_diff_shows_regressions(cli: Cli, graded: Path) -> None:
    result = cli("diff", graded / "good.jsonl", graded / "bad.jsonl")
    assert result.returncode == 1
    first, *_, last = result.stdout.splitlines()
    assert first.startswith("worse  ")
    assert "worse  passed -> failed  MUST every message: capabilities.server.undefined-bits-zero" in result.stdout
    assert "passed -> warned  SHOULD plain_http" in result.stdout
    assert re.fullmatch(r"\d+ changed, \d+ .*\bconformant .*\bnot conformant .*", last)
    assert cli("diff", graded / "bad.jsonl", graded / "good.jsonl").returncode == 0
    same = cli("diff", graded / "bad.jsonl", graded / "bad.jsonl")
    assert same.returncode == 0
    assert same.stdout.startswith("0 changed")


@pytest.mark.parametrize(
    ("before", "after", "is_regression"),
    [
        (Verdict.PASSED, Verdict.FAILED, True),
        (Verdict.PASSED, Verdict.WARNED, True),
        (Verdict.PASSED, Verdict.KNOWN, True),
        (Verdict.NOT_APPLICABLE, Verdict.WARNED, True),
        (Verdict.KNOWN, Verdict.WARNED, False),
        (Verdict.NOT_APPLICABLE, Verdict.BLOCKED, True),
        (Verdict.WARNED, Verdict.ERROR, True),
        (Verdict.FAILED, Verdict.PASSED, False),
        (Verdict.FAILED, Verdict.BLOCKED, False),
        (Verdict.PASSED, Verdict.NOT_APPLICABLE, False),
    ],
)
def test_regressions(graded: Path, before: Verdict, after: Verdict, is_regression: bool) -> None:
    run_record = read_run_record(graded / "good.jsonl")
    first, *others = run_record.scenarios
    old = replace(run_record, scenarios=[replace(first, verdict=before), *others])
    new = replace(run_record, scenarios=[replace(first, verdict=after), *others])
    [change] = changes(old, new)
    assert change.is_regression is is_regression


def test_a_scenario_that_was_not_run_is_no_regression(cli: Cli, graded: Path, tmp_path: Path) -> None:
    path = tmp_path / "few.jsonl"
    assert cli("run", "--only", "fleet.new-uid.*", "--jsonl", path).returncode == 0
    result = cli("diff", graded / "good.jsonl", path)
    assert result.returncode == 0
    assert "passed -> not run" in result.stdout
    assert re.search(r"^\d+ scenarios of .*good.jsonl did not run in .*few.jsonl$", result.stdout, re.MULTILINE)
    assert "different scenarios" in result.stdout


def test_the_matrix_compares_servers(cli: Cli, graded: Path) -> None:
    names = ("--name", "ours", "--name", "theirs")
    result = cli("matrix", graded / "good.jsonl", graded / "bad.jsonl", *names, "--html", graded / "matrix.html")
    assert result.returncode == 0
    assert result.stdout.startswith("ours    conformant: ")
    assert (
        "MUST every message: capabilities.server.undefined-bits-zero\n  ours    passed\n  theirs  failed"
        in result.stdout
    )
    assert cli("matrix", graded / "good.jsonl", "--name", "a", "--name", "b").returncode == 2
    assert "expected the instance_uid" in (graded / "matrix.html").read_text()


def test_published_results_are_whole_runs_and_can_be_compared(cli: Cli, tmp_path: Path) -> None:
    streams = sorted((ROOT / "reports").glob("*/*/*/run.jsonl"))
    assert streams
    for stream in streams:
        record = read_run_record(stream)
        assert record.is_whole
        assert record.started.specification == f"v{stream.parents[2].name}.0"
        assert "--jsonl run.jsonl" in (stream.parent / "README.md").read_text()
    result = cli("matrix", *streams, "--html", tmp_path / "all.html")
    assert result.returncode == 0
    for stream in streams:
        assert f"\n{stream.parents[1].name} {stream.parent.name} " in f"\n{result.stdout}"


def test_areas_are_shares_of_what_could_be_asked(graded: Path) -> None:
    assert area_of("packages.all-hash.right") is Area.PACKAGES
    assert area_of("fleet.request-uid.echo") is Area.CORE
    by_area = {share.area: share for share in shares(read_run_record(graded / "bad.jsonl"))}
    assert list(by_area) == list(Area)
    assert by_area[Area.CORE].broken > 0
    assert by_area[Area.PACKAGES].asked == 0  # This server announces no packages without an operator.
    good = {share.area: share for share in shares(read_run_record(graded / "good.jsonl"))}
    assert all(share.asked == share.kept > 0 for share in good.values())
    record = read_run_record(graded / "bad.jsonl")
    judged = len(record.scenarios) + len(record.findings)
    assert sum(share.asked + share.not_asked for share in by_area.values()) == judged


def test_badges(cli: Cli, graded: Path, tmp_path: Path) -> None:
    result = cli("badge", graded / "bad.jsonl", "--to", tmp_path / "badges")
    assert result.returncode == 0
    names = {path.name for path in (tmp_path / "badges").iterdir()}
    stems = ("all", "core", "configuration", "settings", "packages", "custom-messages")
    assert names == {f"{stem}.{kind}" for stem in stems for kind in ("json", "svg")}
    core = json.loads((tmp_path / "badges" / "core.json").read_text())
    assert core["schemaVersion"] == 1
    assert core["color"] == "red"
    assert re.fullmatch(r"\d+ of \d+ failed", core["message"])
    assert json.loads((tmp_path / "badges" / "packages.json").read_text())["message"] == "not offered"
    assert cli("badge", graded / "good.jsonl", "--to", tmp_path / "good").returncode == 0
    assert json.loads((tmp_path / "good" / "packages.json").read_text())["message"] == "conformant"
    for stem in stems:
        root = ET.parse(tmp_path / "badges" / f"{stem}.svg").getroot()
        assert root.attrib["aria-label"] == ": ".join(
            json.loads((tmp_path / "badges" / f"{stem}.json").read_text())[name] for name in ("label", "message")
        )
    (tmp_path / "file").write_text("")
    assert cli("badge", graded / "bad.jsonl", "--to", tmp_path / "file").returncode == 2


# ---- the page


def test_no_report_contains_a_secret(graded: Path) -> None:
    for path in graded.glob("bad.*"):
        assert SECRET not in path.read_text(), path


def test_text_of_a_server_is_escaped_in_the_page(graded: Path) -> None:
    run_record = read_run_record(graded / "bad.jsonl")
    failed = next(event for event in run_record.scenarios if event.verdict is Verdict.FAILED)
    script = "</pre><script>alert(1)</script>"
    html = page(
        replace(
            run_record,
            scenarios=[
                replace(failed, actual=script, transcript=(replace(failed.transcript[0], response_message=script),))
            ],
        )
    )
    assert "<script>alert" not in html
    assert html.count("&lt;script&gt;alert(1)") == 3


def test_an_incomplete_run_is_no_run_record(graded: Path) -> None:
    events: list[Event] = list(read_events(graded / "good.jsonl"))
    assert RunRecord.of(events).finished.exit_code is ExitCode.CONFORMANT
    for broken in (events[:-1], events[1:], [], [*events, *events]):
        with pytest.raises(ValueError, match="whole run"):
            RunRecord.of(broken)
    kinds = {type(event) for event in read_events(graded / "bad.jsonl")}
    assert kinds >= {ScenarioFinished, FindingBooked, RunFinished}


def test_the_book_contains_every_scenario(cli: Cli, graded: Path, tmp_path: Path) -> None:
    result = cli("book", "--html", tmp_path / "book", graded / "bad.jsonl")
    assert result.returncode == 0
    chapters = {path.stem: path.read_text() for path in (tmp_path / "book").glob("*.html")}
    assert "not conformant" in chapters["index"]
    for scenario in load_catalogue().values():
        text = chapters[scenario.chapter]
        name = scenario.title.replace("<", "&lt;").replace(">", "&gt;").replace("'", "&#39;")
        assert re.search(rf">{re.escape(name)}</h[34]>", text)
        assert f'href="{scenario.chapter}.html"' in chapters["index"]
        for requirement in load_ledger(DEFAULT_VERSION).due(scenario.requirements, DEFAULT_VERSION):
            assert requirement.id in text
    assert 'class="verdict failed"' in chapters["enrollment"]
    for text in chapters.values():  # Every link between the pages is valid.
        for target in re.findall(r'href="([\w-]+\.html)"', text):
            assert (tmp_path / "book" / target).is_file()
