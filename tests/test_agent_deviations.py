"""The scenarios about agents against the reference agent: it conforms, and each of its deviations is noticed."""

from collections.abc import Iterator

import pytest

from opamp_conformance.ledger.ledger import load_ledger
from opamp_conformance.results.verdicts import ExitCode, Verdict
from opamp_conformance.suite.catalogue import Scenario
from opamp_conformance.wire.transport import Transport
from opamp_mock_agent import DEVIATIONS
from support.agent_matrix import AGENTS, AgentMatrix, grade

UNSUPPORTED = {
    "capabilities.agent.ignore-unsupported",
    "capabilities.agent.ignore-unsupported.settings",
    "capabilities.agent.ignore-unsupported.packages",
    "capabilities.agent.ignore-unsupported.telemetry",
    "command.unsupported-ignored",
}
"""Scenarios about agents that lack a capability."""


@pytest.fixture(scope="module")
def matrix(request: pytest.FixtureRequest) -> Iterator[AgentMatrix]:
    wanted = {
        item.callspec.params["deviation"]
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec") and "deviation" in item.callspec.params
    }
    chosen = [deviation for deviation in DEVIATIONS if not wanted or deviation in wanted]
    with AgentMatrix(chosen, whole=chosen == list(DEVIATIONS)) as matrix:
        yield matrix


@pytest.mark.parametrize("transport", Transport)
def test_the_reference_agent_conforms(matrix: AgentMatrix, transport: Transport) -> None:
    graded = matrix.conformant[transport].result()
    assert [(event.key, event.expected, event.actual) for event in graded.broken()] == []
    assert graded.findings == set()
    assert graded.code is ExitCode.CONFORMANT
    not_applicable = {event.key for event in graded.record.ended(Verdict.NOT_APPLICABLE)}
    assert not_applicable == UNSUPPORTED


def test_an_agent_that_can_do_less_conforms() -> None:
    chapters = [scenario for scenario in AGENTS.values() if scenario.chapter in ("commands", "interoperability")]
    without = "AcceptsRestartCommand AcceptsRemoteConfig ReportsRemoteConfig AcceptsOpAMPConnectionSettings"
    command = " ".join(f"-{name}" for name in (*without.split(), "AcceptsPackages", "ReportsOwnLogs"))
    graded = grade(command, chapters)
    assert graded.code is ExitCode.CONFORMANT
    assert {event.key for event in graded.record.ended(Verdict.PASSED)} >= UNSUPPORTED


@pytest.mark.parametrize("deviation", DEVIATIONS)
def test_a_deviation_of_the_agent_is_noticed(matrix: AgentMatrix, deviation: str) -> None:
    graded, breaks = matrix[deviation], set(DEVIATIONS[deviation].breaks)
    broken = graded.broken()
    astray = [(one.key, one.expected, one.actual) for one in broken if not set(one.requirements) & breaks]
    assert astray == []
    assert graded.findings <= breaks
    assert graded.record.ended(Verdict.ERROR) == []
    assert deviation.partition(":")[0] in graded.noticed()


@pytest.mark.parametrize("scenario", AGENTS.values(), ids=lambda scenario: scenario.key)
def test_a_scenario_about_agents_can_fail(matrix: AgentMatrix, scenario: Scenario) -> None:
    cases = {case.key for case in scenario.cases()}
    requirements = {requirement.id for requirement in scenario.requirements}
    for deviation, graded in matrix.items():
        if requirements & set(DEVIATIONS[deviation].breaks) and cases & {event.key for event in graded.broken()}:
            return
    pytest.fail(f"no deviation fails {scenario.key}")


def test_deviations_of_the_agent_break_requirements_of_the_ledger() -> None:
    named = {requirement for deviation in DEVIATIONS.values() for requirement in deviation.breaks}
    assert named - set(load_ledger()) == set()
    checked = {requirement.id for scenario in AGENTS.values() for requirement in scenario.requirements}
    assert checked - named == set(), "requirements without a deviation"
