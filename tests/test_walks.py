"""Random walks: what they find, how short it becomes, and that a walk can be gone again."""

import itertools
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.ledger.ledger import load_ledger
from opamp_conformance.results.verdicts import ExitCode
from opamp_conformance.suite.catalogue import load_catalogue
from opamp_conformance.walks.certificate_requests import CERTIFICATE_REQUESTS
from opamp_conformance.walks.exploration import explore
from opamp_conformance.walks.odd_requests import OVER_HTTP, OVER_WEBSOCKET
from opamp_conformance.walks.participant import CHANGES, MESSAGES
from opamp_conformance.walks.steps import AGENTS, Action, Form, Step, read_walk
from opamp_mock_server import DEVIATIONS, Deviation
from support.bad_server import BadServer, acknowledgement, read_request, respond
from support.command_line import Cli, interruptible, one_line, wait_until
from support.matrix import is_nightly
from support.walking import walker_on_mock

MOST_STEPS = 6
WALKS = 60
NIGHTLY_WALKS = 400
SECONDS = 120.0
FOUND = {
    "sequence.server-report-full-state": "sequence.server-report-full-state",
    "capabilities.server.first-message": "capabilities.server.first-message",
    "fleet.disconnect.with-flag": "fleet.disconnect.with-flag",
    "bad-request.type": "bad-request.type",
    "ws.header.zero.server": "ws.header.zero.server",
}
"""Deviations, and a requirement that a walk on them shows to be broken."""


def test_each_step_is_read_as_it_is_written() -> None:
    steps = [Step(*parts) for parts in itertools.product(range(1, AGENTS + 1), Action, Form)]
    assert read_walk(["# a comment", "", *(f"  {step}" for step in steps)]) == tuple(steps)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("agent 1 checks inn", "did you mean 'checks in'"),
        ("agent 4 checks in", "from 1 to 3"),
        ("agent one checks in", "write 'agent N …'"),
        ("checks in", "write 'agent N …'"),
    ],
)
def test_a_line_that_is_no_step_is_refused(line: str, hint: str) -> None:
    with pytest.raises(InconclusiveError, match=hint):
        read_walk([line])


def test_each_action_has_a_meaning() -> None:
    with walker_on_mock() as walker:
        done = {*CHANGES, *MESSAGES, *CERTIFICATE_REQUESTS, *OVER_HTTP, *OVER_WEBSOCKET, *walker.actions}
    assert done == set(Action)


def test_no_walk_finds_anything_on_the_mock_server() -> None:
    with walker_on_mock() as walker:
        exploration = explore(walker, number=WALKS, until=time.monotonic() + SECONDS)
    assert exploration.discoveries == {}
    assert exploration.walks == WALKS


@pytest.mark.parametrize("deviation", FOUND)
def test_a_walk_that_shows_a_deviation_is_short_and_shows_it_again(deviation: str) -> None:
    requirement = FOUND[deviation]
    others = set(load_ledger()) - {requirement}
    with walker_on_mock(deviation) as walker:
        exploration = explore(walker, number=WALKS, until=time.monotonic() + SECONDS, ignored=others)
        walk = exploration.discoveries[requirement].walk
        assert len(walk) <= MOST_STEPS, walk
        for _ in range(20):
            assert requirement in {finding.requirement for finding in walker.go(walk)}


def test_the_same_seed_goes_the_same_walks() -> None:
    def gone(seed: int) -> int:
        with walker_on_mock() as walker:
            return explore(walker, number=20, until=time.monotonic() + SECONDS, seed_number=seed).messages

    assert gone(7) == gone(7) != gone(8)


# ---- how much the walks find by themselves

OPERATOR = ("operator", "control plane", "a server that offers", "a server with a custom capability", "other instance")
"""Words of scenarios that need somebody who makes the server do something, or another instance."""
OUT_OF_REACH = ("fleet_documents", "instances", "authentication", "communication")
"""Chapters about documents, other instances, credentials, and transports that are not there."""
LEAST_SHARE = 0.8


def shows_without_an_operator(deviation: Deviation) -> bool:
    scenarios = [one for requirement in deviation.breaks for one in load_catalogue().checking(requirement)]
    return any(
        scenario.chapter not in OUT_OF_REACH and not any(word in step for word in OPERATOR for step in scenario.steps)
        for scenario in scenarios
    )


def is_found(deviation: str) -> bool:
    with walker_on_mock(deviation) as walker:
        return bool(explore(walker, number=NIGHTLY_WALKS, until=time.monotonic() + SECONDS).discoveries)


@pytest.mark.skipif(not is_nightly(), reason="takes a quarter of an hour: set OPAMP_NIGHTLY=1")
def test_the_walks_find_most_deviations() -> None:
    visible = [deviation.id for deviation in DEVIATIONS.values() if shows_without_an_operator(deviation)]
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        missed = [one for one, found in zip(visible, pool.map(is_found, visible), strict=True) if not found]
    assert len(missed) <= (1 - LEAST_SHARE) * len(visible), missed


# ---- the command line

WALK = "agent 1 reports its full status\nagent 1 loses a message\nagent 1 checks in\n"


def deaf_to_gaps(connection: socket.socket) -> None:
    """Acknowledge everything, and never ask for the full state."""
    while request := read_request(connection):
        respond(connection, acknowledgement(request))


def test_a_walk_is_replayed(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "walk.txt"
    file.write_text(WALK)
    assert "one walk: 2 messages" in cli("run", "--replay", file).stdout
    with BadServer(deaf_to_gaps) as server:
        result = cli("run", "--url", server.url, "--transport", "http", "--replay", file)
        profile = tmp_path / "ours.toml"
        profile.write_text('[[known]]\nrequirements = ["sequence.server-report-full-state"]\nbecause = "so"\n')
        excused = cli("run", "--url", server.url, "--transport", "http", "--replay", file, "--profile", profile)
    assert result.returncode == ExitCode.NOT_CONFORMANT
    assert excused.returncode == ExitCode.CONFORMANT
    assert "sequence.server-report-full-state" in result.stdout
    assert WALK.splitlines() == [
        line.strip() for line in result.stdout.splitlines() if line.strip().startswith("agent ")
    ]


def test_walks_find_what_scenarios_do_not_look_for(cli: Cli, tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    with BadServer(deaf_to_gaps) as server:
        options = ["--transport", "http", "--only", "http.detect-plain", "--explore", "12s", "--jsonl", events]
        result = cli("run", "--url", server.url, *options)
    assert result.returncode == ExitCode.NOT_CONFORMANT
    findings = [json.loads(line) for line in events.read_text().splitlines()]
    [finding] = [one for one in findings if one.get("requirement") == "sequence.server-report-full-state"]
    assert 1 <= len(finding["walk"]) <= MOST_STEPS
    assert "--replay FILE" in finding["reproduce"]


def test_a_server_that_dies_in_a_walk_is_told(cli: Cli, tmp_path: Path) -> None:
    requests = itertools.count()

    def die_later(connection: socket.socket) -> None:
        while (request := read_request(connection)) and next(requests) < 20:
            respond(connection, acknowledgement(request))

    with BadServer(die_later) as server:
        options = ["--transport", "http", "--only", "http.detect-plain", "--explore", "60s", "--timeout", "2"]
        result = cli("run", "--url", server.url, *options)
    assert result.returncode == ExitCode.NOT_CONFORMANT
    assert "response.must-respond" in result.stdout


def test_interrupted_walks_disconnect_their_agents(cli: Cli, tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    command = [sys.executable, "-m", "opamp_conformance", "run", "--only", "http.detect-plain"]
    process = subprocess.Popen(
        [*command, "--explore", "60s", "--jsonl", str(events)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=interruptible,
        env=cli.env,
    )
    wait_until(lambda: events.exists() and "ScenarioFinished" in events.read_text())
    time.sleep(1)  # The walks have begun.
    process.send_signal(signal.SIGINT)
    _, problem = process.communicate(timeout=600)
    assert process.returncode == ExitCode.COULD_NOT_TELL
    assert "interrupted" in problem
    finished = json.loads(events.read_text().splitlines()[-1])
    assert finished["walks"] > 0
    assert finished["still_connected"] == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "has no step"), ("agent 1 flies\n", "'flies' is not a step"), (None, "cannot read")],
)
def test_an_unusable_walk_is_one_clear_line(cli: Cli, tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "walk.txt"
    if content is not None:
        file.write_text(content)
    result = cli("run", "--replay", file)
    assert result.returncode == ExitCode.COULD_NOT_TELL
    assert message in one_line(result)
