"""The matrix: each deviation of the mock server fails scenarios of the requirement it breaks, and no others."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from opamp_conformance.catalogue import Scenario, load_catalogue
from opamp_conformance.events import Event, FindingBooked, ScenarioFinished
from opamp_conformance.ledger import Contract, load
from opamp_conformance.run import examine
from opamp_conformance.selection import Selection
from opamp_conformance.targets.mock import MockTarget
from opamp_conformance.validation import CHECKS
from opamp_conformance.verdicts import ExitCode, Verdict
from opamp_mock_server import DEVIATIONS, Deviation, Settings

BROKEN = (Verdict.FAILED, Verdict.WARNED)


@dataclass
class Record:
    """What a run said: scenarios by name of their outline, and findings, with their verdicts."""

    scenarios: list[ScenarioFinished] = field(default_factory=list)
    findings: list[FindingBooked] = field(default_factory=list)

    def handle(self, event: Event) -> None:
        match event:
            case ScenarioFinished():
                self.scenarios.append(event)
            case FindingBooked():
                self.findings.append(event)
            case _:
                pass

    def ended(self, *verdicts: Verdict) -> list[ScenarioFinished]:
        return [event for event in self.scenarios if event.verdict in verdicts]


def grade(*deviations: Deviation) -> tuple[ExitCode, Record]:
    record = Record()
    target = MockTarget(Settings(deviations=deviations))
    code = examine(target, Selection(tuple(Contract)), timeout=10, listeners=[record])
    return code, record


@pytest.fixture(scope="module")
def matrix() -> dict[str, tuple[ExitCode, Record]]:
    return {deviation.id: grade(deviation) for deviation in DEVIATIONS.values()}


def killed(matrix: dict[str, tuple[ExitCode, Record]], requirement: str) -> set[str]:
    return {
        event.name
        for deviation in DEVIATIONS.values()
        if requirement in deviation.breaks
        for event in matrix[deviation.id][1].ended(*BROKEN)
    }


def names(events: Iterable[ScenarioFinished]) -> list[str]:
    return [f"{event.name}: {event.actual}" for event in events]


def test_without_a_deviation_all_is_well() -> None:
    code, record = grade()
    assert code is ExitCode.CONFORMANT
    assert {event.verdict for event in record.scenarios} == {Verdict.PASSED}
    assert record.findings == []


@pytest.mark.parametrize("deviation", DEVIATIONS.values(), ids=lambda deviation: deviation.id)
def test_a_deviation_breaks_what_it_says_and_nothing_else(
    matrix: dict[str, tuple[ExitCode, Record]], deviation: Deviation
) -> None:
    code, record = matrix[deviation.id]
    broken = record.ended(*BROKEN)
    astray = [event for event in broken if not set(event.requirements) & set(deviation.breaks)]
    assert names(astray) == []
    assert {finding.requirement for finding in record.findings} <= set(deviation.breaks)
    assert names(record.ended(Verdict.ERROR)) == []
    seen = {requirement for event in broken for requirement in event.requirements}
    assert set(deviation.breaks) <= seen | {finding.requirement for finding in record.findings}
    is_binding = any(load()[requirement].is_binding for requirement in deviation.breaks)
    assert code == (ExitCode.NOT_CONFORMANT if is_binding else ExitCode.CONFORMANT)


@pytest.mark.parametrize("scenario", load_catalogue().values(), ids=lambda scenario: scenario.name)
def test_a_scenario_fails_for_each_requirement_it_names(
    matrix: dict[str, tuple[ExitCode, Record]], scenario: Scenario
) -> None:
    for requirement in scenario.requirements:
        seen = killed(matrix, requirement.id)
        pattern = scenario.name.partition("<")[0]
        assert any(name.startswith(pattern) for name in seen), f"no deviation from {requirement.id} fails it"


@pytest.mark.parametrize("requirement", CHECKS)
def test_a_check_of_every_reply_finds_its_deviation(
    matrix: dict[str, tuple[ExitCode, Record]], requirement: str
) -> None:
    found = {
        deviation.id
        for deviation in DEVIATIONS.values()
        for finding in matrix[deviation.id][1].findings
        if finding.requirement == requirement
    }
    assert found


def test_a_deviation_breaks_requirements_of_the_ledger() -> None:
    named = {requirement for deviation in DEVIATIONS.values() for requirement in deviation.breaks}
    assert named - set(load()) == set()
    assert set(load()) - named == set(), "requirements without a deviation"
