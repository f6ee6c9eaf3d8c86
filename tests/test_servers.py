"""The suite run against servers of other projects. docs/results.md has the tables with the reason of each verdict."""

import re
from pathlib import Path

import pytest

from opamp_conformance.client.timing import Timing
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.reports.run_record import read_run_record
from opamp_conformance.results.verdicts import ExitCode, Verdict
from opamp_conformance.runner.run import grade as grade_target
from opamp_conformance.suite.selection import Selection
from opamp_conformance.targets import Endpoint
from opamp_conformance.targets.url import UrlTarget
from support.matrix import RunRecord
from support.peers import go_programs, node_programs, serving

RESULTS = Path(__file__).parent.parent / "docs" / "results.md"
REASONS_WITHOUT_ROW = (
    "needs a control plane",
    "does not announce",
    "announces no custom capabilities",
    "no Authorization header",
    "about one transport only",
)
"""Reasons why a scenario is not applicable. The tables have no rows for these scenarios, only their number."""

FINDINGS = {"identification.request-uid.answered", "sequence.server-report-full-state"}
"""What messages of both servers break. The tables have scenarios about it, too."""


def section(heading: str) -> str:
    return RESULTS.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def documented(heading: str) -> set[tuple[str, str, str]]:
    """Return scenario, transport and verdict of the rows under a heading, which are all that did not pass."""
    rows = re.findall(r"^\| ([^|]+?) \| ([a-z, ]+) \| (\w[\w ]*?) \| [^|]+ \|$", section(heading), re.MULTILINE)
    return {(name, transport, verdict) for name, over, verdict in rows[1:] for transport in over.split(", ")}


def graded(url: str, heading: str, findings: set[str]) -> ExitCode:
    """Grade a server and compare the result with its table, and with what its messages break; return the exit code."""
    record = RunRecord()
    selection = Selection([Contract.OPAMP], disruptive=False)
    code = grade_target(UrlTarget(Endpoint(url)), selection, timing=Timing(1), workers=1, listeners=[record])
    not_applicable = [
        event
        for event in record.ended(Verdict.NOT_APPLICABLE)
        if any(reason in event.actual for reason in REASONS_WITHOUT_ROW)
    ]
    in_table = [
        event
        for event in record.scenarios
        if event.verdict not in (Verdict.PASSED, Verdict.NOT_SCORED) and event not in not_applicable
    ]
    assert {(event.key, event.transport, str(event.verdict)) for event in in_table} == documented(heading)
    assert {finding.requirement for finding in record.findings} == findings
    assert record.ended(Verdict.PASSED)
    return code


@pytest.mark.node
def test_elastic_mockopampserver() -> None:
    with serving(["node", node_programs() / "server.js"]) as url:
        assert (
            graded(url, "@elastic/mockopampserver 0.5.0", {*FINDINGS, "response.must-respond"})
            is ExitCode.NOT_CONFORMANT
        )


@pytest.mark.go
def test_opamp_go_server_package() -> None:
    with serving([go_programs() / "server"]) as url:
        assert (
            graded(url, "opamp-go 0.23.0, server package", {*FINDINGS, "custom.only-on-change"})
            is ExitCode.NOT_CONFORMANT
        )


@pytest.mark.parametrize(
    ("heading", "folder"),
    [
        ("@elastic/mockopampserver 0.5.0", "elastic-mockopampserver/0.5.0"),
        ("opamp-go 0.23.0, server package", "opamp-go-server/0.23.0"),
    ],
)
def test_the_published_runs_have_the_verdicts_of_the_tables(heading: str, folder: str) -> None:
    record = read_run_record(RESULTS.parents[1] / "reports" / "0.18" / folder / "run.jsonl")
    broken = {
        (event.key, event.transport, str(event.verdict))
        for event in record.scenarios
        if event.verdict in (Verdict.FAILED, Verdict.WARNED, Verdict.BLOCKED, Verdict.ERROR)
    }
    in_table = {row for row in documented(heading) if row[2] != str(Verdict.NOT_APPLICABLE)}
    assert broken == in_table
