"""The verdict on a scenario, by the error that ended it and by the target's profile."""

from collections.abc import Sequence

import pytest

from opamp_conformance.client.timing import Timing
from opamp_conformance.errors import PreconditionFailedError, Violation, ViolationError
from opamp_conformance.ledger.ledger import Level
from opamp_conformance.profiles.profile import CaseExemption, Excuse, Kind
from opamp_conformance.redaction import Redactor
from opamp_conformance.results.events import ScenarioFinished, TargetLost
from opamp_conformance.results.verdicts import Verdict
from opamp_conformance.runner.judging import ScenarioEnd, ScenarioJudge
from opamp_conformance.runner.plan import RunPlan
from opamp_conformance.suite.catalogue import load_catalogue
from opamp_conformance.targets import Endpoint
from opamp_conformance.wire.transport import Transport

CASE = next(case for case in load_catalogue().cases() if case.scenario.level is Level.MUST)
VIOLATION = ViolationError(Violation("this", "that"))


def judged(
    error: Exception, step: str, exemptions: Sequence[CaseExemption] = (), loss: TargetLost | None = None
) -> ScenarioFinished:
    endpoint = Endpoint("http://127.0.0.1:1/v1/opamp")
    plan = RunPlan(endpoint, "run", Timing(1), (Transport.HTTP,), ("opamp",), exemptions=tuple(exemptions))
    return ScenarioJudge(plan, Redactor({})).judge(CASE, ScenarioEnd(error, step, [step], 0.1), tuple, loss=loss)


def known(actual: str) -> list[CaseExemption]:
    return [CaseExemption(CASE.key, str(CASE.transport), Kind.KNOWN, Excuse("of issue 123", actual), has_to_fail=True)]


@pytest.mark.parametrize(
    ("error", "requirement"),
    [
        (VIOLATION, CASE.scenario.requirements[0].id),
        (PreconditionFailedError("response.must-respond", "no answer"), "response.must-respond"),
    ],
)
def test_a_blocked_scenario_names_what_blocks_it(error: Exception, requirement: str) -> None:
    event = judged(error, "Given something")
    assert event.verdict is Verdict.BLOCKED
    assert event.blocked_by == requirement
    assert event.actual.startswith(f"blocked by {requirement}: ")


@pytest.mark.parametrize(
    ("actual", "verdict"), [("", Verdict.KNOWN), ("th?t", Verdict.KNOWN), ("those", Verdict.FAILED)]
)
def test_a_known_failure_is_that_one(actual: str, verdict: Verdict) -> None:
    assert judged(VIOLATION, "Then something", known(actual)).verdict is verdict


@pytest.mark.parametrize(
    ("actual", "verdict"), [("", Verdict.FAILED), ("*stopped answering*", Verdict.KNOWN), ("those", Verdict.FAILED)]
)
def test_the_end_of_the_server_is_known_only_if_the_profile_says_so(actual: str, verdict: Verdict) -> None:
    loss = TargetLost(CASE.key, CASE.transport, "a message", 0.1, has_returned=True)
    event = judged(VIOLATION, "Then something", known(actual), loss)
    assert "stopped answering" in event.actual
    assert event.verdict is verdict
