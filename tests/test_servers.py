"""Servers that nobody here wrote, graded. docs/results.md has the tables, with the reason of each verdict."""

import re
from pathlib import Path

import pytest

from matrix import Record
from opamp_conformance.ledger import Contract
from opamp_conformance.run import examine
from opamp_conformance.selection import Selection
from opamp_conformance.targets.url import UrlTarget
from opamp_conformance.verdicts import ExitCode, Verdict
from programs import go_programs, node_programs, serving

RESULTS = Path(__file__).parent.parent / "docs" / "results.md"


def documented(heading: str) -> dict[str, str]:
    """Return the verdicts of the table under a heading, by scenario: all but the passed ones."""
    section = RESULTS.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+?) \| (\w[\w ]*?) \| [^|]+ \|$", section, re.MULTILINE)
    return {scenario: verdict for scenario, verdict in rows if verdict in set(Verdict)}


def graded(url: str) -> tuple[ExitCode, dict[str, str], int]:
    record = Record()
    code = examine(
        UrlTarget(url), Selection([Contract.OPAMP], disruptive=False), timeout=1, workers=1, listeners=[record]
    )
    verdicts = {event.name: str(event.verdict) for event in record.scenarios if event.verdict is not Verdict.PASSED}
    verdicts |= {finding.requirement: str(finding.verdict) for finding in record.findings}
    return code, verdicts, len(record.ended(Verdict.PASSED))


@pytest.mark.node
def test_elastic_mockopampserver() -> None:
    with serving(["node", node_programs() / "server.js"]) as url:
        code, verdicts, passed = graded(url)
    assert verdicts == documented("@elastic/mockopampserver 0.5.0")
    assert code is ExitCode.CONFORMANT
    assert passed == 26


@pytest.mark.go
def test_opamp_go_server_package() -> None:
    with serving([go_programs() / "server"]) as url:
        code, verdicts, passed = graded(url)
    assert verdicts == documented("opamp-go 0.23.0, server package")
    assert code is ExitCode.NOT_CONFORMANT
    assert passed == 20
