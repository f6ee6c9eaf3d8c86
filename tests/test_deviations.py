"""The matrix: each deviation of the mock server fails scenarios of the requirement it breaks, and no others."""

from collections.abc import Iterable, Mapping

import pytest

from matrix import Graded, can_be_graded, elasticsearch, grade, grade_all
from opamp_conformance.catalogue import Scenario, load_catalogue
from opamp_conformance.events import ScenarioFinished
from opamp_conformance.ledger import load
from opamp_conformance.validation import CHECKS, TRUTHFUL
from opamp_conformance.verdicts import ExitCode, Verdict
from opamp_mock_server import DEVIATIONS, Deviation

Matrix = Mapping[str, Graded]


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return grade_all()


NEEDS_ELASTICSEARCH = "needs an Elasticsearch: set ELASTICSEARCH_URL"


def killed(matrix: Matrix, requirement: str) -> set[str]:
    return {
        event.name
        for deviation in DEVIATIONS.values()
        if requirement in deviation.breaks and deviation.id in matrix
        for event in matrix[deviation.id].broken()
    }


def names(events: Iterable[ScenarioFinished]) -> list[str]:
    return [f"{event.transport}: {event.name}: {event.actual}" for event in events]


def test_without_a_deviation_all_is_well() -> None:
    graded = grade([])
    skipped = graded.record.ended(Verdict.NOT_APPLICABLE)
    assert {event.chapter for event in skipped} == {"fleet_documents"}
    passed = graded.record.ended(Verdict.PASSED)
    assert names(event for event in graded.record.scenarios if event not in [*passed, *skipped]) == []
    assert graded.code is ExitCode.CONFORMANT
    assert graded.findings == set()


@pytest.mark.parametrize("deviation", DEVIATIONS.values(), ids=lambda deviation: deviation.id)
def test_a_deviation_breaks_what_it_says_and_nothing_else(matrix: Matrix, deviation: Deviation) -> None:
    if not can_be_graded(deviation.id):
        pytest.skip(NEEDS_ELASTICSEARCH)
    graded = matrix[deviation.id]
    astray = [event for event in graded.broken() if not set(event.requirements) & set(deviation.breaks)]
    assert names(astray) == []
    assert graded.findings <= set(deviation.breaks)
    assert names(graded.record.ended(Verdict.ERROR)) == []
    seen = {requirement for event in graded.broken() for requirement in event.requirements}
    assert set(deviation.breaks) <= seen | graded.findings
    is_binding = any(load()[requirement].is_binding for requirement in deviation.breaks)
    assert graded.code == (ExitCode.NOT_CONFORMANT if is_binding else ExitCode.CONFORMANT)


@pytest.mark.parametrize("scenario", load_catalogue().values(), ids=lambda scenario: scenario.name)
def test_a_scenario_fails_for_each_requirement_it_names(matrix: Matrix, scenario: Scenario) -> None:
    if scenario.chapter == "fleet_documents" and elasticsearch() is None:
        pytest.skip(NEEDS_ELASTICSEARCH)
    for requirement in scenario.requirements:
        seen = killed(matrix, requirement.id)
        assert seen & set(scenario.names), f"no deviation from {requirement.id} fails it"


@pytest.mark.parametrize("requirement", [*CHECKS, TRUTHFUL])
def test_a_check_of_every_reply_finds_its_deviation(matrix: Matrix, requirement: str) -> None:
    assert [deviation for deviation, graded in matrix.items() if requirement in graded.findings]


def test_a_deviation_breaks_requirements_of_the_ledger() -> None:
    named = {requirement for deviation in DEVIATIONS.values() for requirement in deviation.breaks}
    checked = {requirement.id for scenario in load_catalogue().values() for requirement in scenario.requirements}
    assert named - set(load()) == set()
    assert checked - named == set(), "requirements without a deviation"
