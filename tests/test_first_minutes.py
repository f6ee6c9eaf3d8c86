"""What a new user types and reads first: waiting for a server, names, hints, the summary at the end, a first profile."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from opamp_conformance.reports.closing_summary import summary_of
from opamp_conformance.results.events import FindingBooked, ScenarioFinished
from opamp_conformance.results.verdicts import Verdict
from support.command_line import Cli, one_line
from support.fault_injection import free_port

FEW = ("--only", "capabilities.*", "--transport", "http")


def test_a_run_waits_for_a_server_that_is_just_starting(cli: Cli) -> None:
    cli("--version")  # The first command takes longer to start than the others.
    port = free_port()
    serve = f"import time, os; time.sleep(2); os.execv({sys.executable!r}, {[sys.executable, '-m', 'opamp_conformance', 'serve', '--port', str(port)]!r})"
    with subprocess.Popen([sys.executable, "-c", serve], stdout=subprocess.DEVNULL) as server:
        try:
            result = cli("run", "--url", f"http://127.0.0.1:{port}", "--wait", "60s", *FEW, timeout=90)
        finally:
            server.terminate()
    assert result.returncode == 0
    assert f"waiting for http://127.0.0.1:{port}/v1/opamp, for 60 s at most: cannot connect" in one_line(result)


def test_a_run_does_not_wait_for_ever(cli: Cli) -> None:
    began = time.monotonic()
    result = cli("run", "--url", f"http://127.0.0.1:{free_port()}", "--wait", "1s")
    assert result.returncode == 2
    assert "does not answer" in result.stderr.splitlines()[-1]
    assert time.monotonic() - began > 0.8


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["http://127.0.0.1:1"], "--url http://127.0.0.1:1"),
        (["127.0.0.1:1"], "--url http://127.0.0.1:1"),
        (["--url", "http://127.0.0.1:1"], "--wait 60s"),
        (["--target", "mok"], "did you mean 'mock'?"),
        (["--url", "ws://127.0.0.1:1/v1/opamp"], "'http://127.0.0.1:1/v1/opamp'"),
        (["--url", "wss://127.0.0.1:1"], "'https://127.0.0.1:1'"),
        (["--only", "websockt"], "did you mean 'websocket'?"),
    ],
)
def test_hints(cli: Cli, arguments: list[str], hint: str) -> None:
    result = cli("run", *arguments)
    assert result.returncode == 2
    assert hint in one_line(result)


def test_patterns_are_chapters_ids_or_words(cli: Cli) -> None:
    by_chapter = cli("run", "--only", "available_components", "--transport", "http").stdout
    assert " components." in by_chapter
    by_words = cli("run", "--only", "COMPRESSED in several parts").stdout
    assert "http.support-gzip-request.members" in by_words
    assert "identification.request-uid" in cli("list", "RequestInstanceUid").stdout
    assert "size.http.default" in cli("list", "message_size").stdout


def test_lists_are_about_servers_unless_asked(cli: Cli) -> None:
    assert "http.poll.default-interval" not in cli("list").stdout
    assert "http.poll.default-interval" in cli("list", "--subject", "agent").stdout
    assert "http.poll.default-interval" in cli("list", "http.poll.*").stdout


def test_a_run_writes_a_profile_that_makes_the_next_one_green(cli: Cli, tmp_path: Path) -> None:
    profile, port = tmp_path / "known.toml", free_port()
    serve = (
        "serve",
        "--port",
        str(port),
        "--deviation",
        "capabilities.server.undefined-bits-zero",
        "--contract",
        "opamp",
    )
    url = ("--url", f"http://127.0.0.1:{port}", "--only", "capabilities.*", "--transport", "http", "--wait", "30s")
    with subprocess.Popen([sys.executable, "-m", "opamp_conformance", *serve], stdout=subprocess.DEVNULL) as server:
        try:
            first = cli("run", *url, "--write-profile", profile)
            again = cli("run", *url, "--profile", profile)
        finally:
            server.terminate()
    assert first.returncode == 1
    assert "Summary of what did not pass:" in first.stdout
    assert "TO DO: why" in profile.read_text()
    assert again.returncode == 0, again.stdout
    assert " known" in again.stdout.splitlines()[-2]


def scenario(verdict: Verdict, actual: str, key: str, blocked_by: str = "") -> ScenarioFinished:
    return ScenarioFinished(
        key=key,
        title="",
        chapter="",
        feature="",
        steps=(),
        contract="opamp",
        transport="http",
        level="MUST",
        is_in_development=False,
        requirements=("a.requirement",),
        links=("",),
        verdict=verdict,
        seconds=0,
        expected="an answer",
        actual=actual,
        reproduce=f"opamp-conformance run --only {key}",
        blocked_by=blocked_by,
    )


def test_the_summary_groups_by_requirement_and_reason() -> None:
    events = [
        scenario(Verdict.PASSED, "", "a.0"),
        *(scenario(Verdict.FAILED, f"none after {number} s", f"a.{number}") for number in range(1, 4)),
        scenario(Verdict.FAILED, "garbage", "a.4"),
        *(scenario(Verdict.BLOCKED, "x", f"b.{number}", blocked_by="an.other") for number in range(2)),
        FindingBooked("a.finding", "SHOULD", "", Verdict.WARNED, 7, "x", "y", (), reproduce="again"),
    ]
    assert list(summary_of(events).lines()) == [
        "failed  MUST       a.requirement",
        "    expected an answer; got none after 1 s (3 scenarios)",
        "    again: opamp-conformance run --only a.1",
        "    expected an answer; got garbage (1 scenario)",
        "    again: opamp-conformance run --only a.4",
        "blocked blocked by an.other",
        "    expected an answer; got x (2 scenarios)",
        "    again: opamp-conformance run --only b.0",
        "warned  SHOULD     a.finding",
        "    expected x; got y (7 messages)",
        "    again: again",
    ]


@pytest.mark.parametrize(
    ("variables", "is_coloured"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_colours_follow_the_conventions(cli: Cli, variables: dict[str, str], is_coloured: bool) -> None:
    output = cli("list", "auth.401", env={"NO_COLOR": "", "FORCE_COLOR": "", **variables}).stdout
    assert ("\x1b[1m" in output) is is_coloured
