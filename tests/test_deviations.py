"""The matrix: each deviation of the mock server fails scenarios of the requirement it breaks, and no others."""

from collections.abc import Iterable, Iterator

import pytest

from opamp_conformance.checks.findings import CHECKS, TRUTHFUL
from opamp_conformance.ledger.ledger import load_ledger
from opamp_conformance.results.events import ScenarioFinished
from opamp_conformance.results.verdicts import ExitCode, Verdict
from opamp_conformance.suite.catalogue import Scenario, load_catalogue
from opamp_mock_server import DEVIATIONS, Deviation
from support.deviation_matrix import can_be_graded, elasticsearch, grade, matrix_of
from support.matrix import Matrix

CONSEQUENCES = {
    "capabilities.server.first-message",
    "disconnect.ws-server-close-frame",
    "error.bad-request-only-as-reply",
    "fleet.auto-enrollment",
    "fleet.check-in",
    "fleet.disconnect.enrolled",
    "fleet.disconnect.unenrolled",
    "fleet.request-uid.echo",
    "fleet.request-uid.known-agent",
    "fleet.request-uid.unknown-agent",
    "identification.request-uid.answered",
    "response.must-respond",
    "response.no-error-on-success",
}
"""What the model of the conversation finds in every chapter if any message is refused, unanswered or misunderstood."""
IN_OTHER_CHAPTERS = {
    "capabilities.server.first-message": {"capabilities.server.bits-truthful"},
    "fleet.instances.disconnect": {"custom.only-on-change", "flags.report-flags-allowed"},
    "fleet.instances.unique": {"fleet.request-uid.every-time"},
    "response.must-respond:unsolicited-instead": {"identification.s2a-matches"},
}
"""Findings of single deviations in scenarios of other chapters, which may be controls."""
NEEDS_ELASTICSEARCH = "needs an Elasticsearch: set ELASTICSEARCH_URL"


def breaking(requirement: str) -> list[str]:
    """Return the deviations that break a requirement."""
    return [deviation.id for deviation in DEVIATIONS.values() if requirement in deviation.breaks]


def needed(item: pytest.Item) -> list[str]:
    """Return the deviations that a test looks at."""
    match item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}:
        case {"deviation": Deviation() as deviation}:
            return [deviation.id]
        case {"scenario": Scenario() as scenario}:
            return [one for requirement in scenario.requirements for one in breaking(requirement.id)]
        case {"requirement": str() as requirement}:
            return breaking(requirement)
    return []


@pytest.fixture(scope="module")
def matrix(request: pytest.FixtureRequest) -> Iterator[Matrix]:
    """The results of those deviations that the selected tests need: one deviation is graded in seconds."""
    items = [item for item in request.session.items if item.path == request.path]
    with matrix_of(dict.fromkeys(one for item in items for one in needed(item))) as graded:
        yield graded


def failing_for(matrix: Matrix, requirement: str) -> set[str]:
    """Return the keys of the cases that fail for the deviations from a requirement."""
    return {event.key for one in breaking(requirement) if one in matrix for event in matrix[one].broken()}


def names(events: Iterable[ScenarioFinished]) -> list[str]:
    return [f"{event.transport}: {event.key}: {event.actual}" for event in events]


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
    elsewhere = IN_OTHER_CHAPTERS.get(deviation.id, set())
    assert graded.findings - CONSEQUENCES - elsewhere <= set(deviation.breaks)
    assert names(graded.record.ended(Verdict.ERROR)) == []
    seen = {requirement for event in graded.broken() for requirement in event.requirements}
    assert set(deviation.breaks) <= seen | graded.findings
    is_binding = any(load_ledger()[requirement].is_binding for requirement in deviation.breaks)
    is_binding |= any(load_ledger()[requirement].is_binding for requirement in graded.findings)
    is_binding |= bool(graded.record.ended(Verdict.BLOCKED))
    assert graded.code == (ExitCode.NOT_CONFORMANT if is_binding else ExitCode.CONFORMANT)


@pytest.mark.parametrize("scenario", load_catalogue().values(), ids=lambda scenario: scenario.key)
def test_a_scenario_fails_for_each_requirement_it_names(matrix: Matrix, scenario: Scenario) -> None:
    if scenario.chapter == "fleet_documents" and elasticsearch() is None:
        pytest.skip(NEEDS_ELASTICSEARCH)
    for requirement in scenario.requirements:
        cases = {case.key for case in scenario.cases()}
        assert failing_for(matrix, requirement.id) & cases, f"no deviation from {requirement.id} fails it"


@pytest.mark.parametrize("requirement", [*CHECKS, TRUTHFUL])
def test_a_check_of_every_reply_finds_its_deviation(matrix: Matrix, requirement: str) -> None:
    assert [one for one in breaking(requirement) if one in matrix and requirement in matrix[one].findings]


def test_a_deviation_breaks_requirements_of_the_ledger() -> None:
    named = {requirement for deviation in DEVIATIONS.values() for requirement in deviation.breaks}
    checked = {requirement.id for scenario in load_catalogue().values() for requirement in scenario.requirements}
    assert named - set(load_ledger()) == set()
    assert checked - named == set(), "requirements without a deviation"
