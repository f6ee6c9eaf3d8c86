"""The verdict on a scenario that has ended, with everything that a report shows of it."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from opamp_conformance.errors import PreconditionFailedError, ViolationError
from opamp_conformance.ledger.ledger import Ledger, load_ledger
from opamp_conformance.profiles.profile import CaseExemption
from opamp_conformance.redaction import Redactor
from opamp_conformance.results.events import ScenarioFinished, TargetLost, TranscriptEntry
from opamp_conformance.results.verdicts import Verdict, judge
from opamp_conformance.runner.booking import EXCUSED, shown
from opamp_conformance.runner.plan import RunPlan
from opamp_conformance.suite.catalogue import Case

ANSWER: Final = "response.must-respond"
"""The requirement that a target breaks when it is lost."""
_FAILURES: Final = (Verdict.FAILED, Verdict.BLOCKED, Verdict.WARNED)
_STALE: Final = "it does not fail any more: remove it from the profile"


@dataclass(frozen=True)
class ScenarioEnd:
    """How a scenario ended: ``error`` ended it in ``step``, one of ``steps``; keywords come first."""

    error: BaseException | None
    step: str
    steps: Sequence[str]
    seconds: float


@dataclass
class ScenarioJudge:
    """Judges scenarios by the ledger, and by what the target's profile says of them."""

    plan: RunPlan
    redactor: Redactor
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = load_ledger(self.plan.spec_version)
        self._exemptions = {(exemption.key, exemption.transport): exemption for exemption in self.plan.exemptions}

    def exemption(self, case: Case) -> CaseExemption | None:
        return self._exemptions.get((case.key, str(case.transport)))

    def judge(
        self,
        case: Case,
        end: ScenarioEnd,
        transcript: Callable[[], tuple[TranscriptEntry, ...]],
        *,
        loss: TargetLost | None = None,
        find_problem: Callable[[], str] = lambda: "",
    ) -> ScenarioFinished:
        """Judge a scenario. ``transcript`` is called if a report shows it.

        If the target was lost in it, it has failed, because an answer that never comes breaks a MUST. A failure says
        nothing about the target if ``find_problem`` finds one; it may also explain an error, such as a busy target.
        """
        scenario, error = case.scenario, end.error
        requirements = self.ledger.due(scenario.requirements, self.plan.spec_version)
        verdict = judge(error, end.step.startswith("Given"), requirements, self.ledger, strict=self.plan.strict)
        expected, actual = (shown(side, self.redactor) for side in _sides(error))
        if loss is not None:
            verdict, expected, actual = Verdict.FAILED, f"an answer to every message ({ANSWER})", loss.because
        problem = find_problem() if verdict in (*_FAILURES, Verdict.ERROR) else ""
        if problem:
            verdict, expected, actual = Verdict.ERROR, "", problem
        exemption = self.exemption(case)
        if exemption is not None and verdict in _FAILURES:
            # That the server ends is another failure than that of the scenario, unless the profile says so.
            if exemption.excuse.covers(actual) and (loss is None or exemption.excuse.actual):
                verdict = EXCUSED.get(exemption.kind, verdict)
            else:
                actual += f" (the profile expects another failure: {exemption.excuse.because})"
        elif exemption is not None and verdict is Verdict.PASSED and exemption.has_to_fail:
            verdict, expected, actual = Verdict.FAILED, f"a known failure: {exemption.excuse.because}", _STALE
        # What a Given finds to be wrong is what the scenario itself is about.
        blocked_by = error.requirement if isinstance(error, PreconditionFailedError) else requirements[0].id
        if verdict is Verdict.BLOCKED:
            actual = f"blocked by {blocked_by}: {actual}"
        is_clean = verdict is Verdict.PASSED
        shows_transcript = not is_clean and verdict is not Verdict.NOT_APPLICABLE
        is_newer = requirements[0].is_newer_than(self.plan.spec_version)
        return ScenarioFinished(
            key=case.key,
            title=case.title,
            chapter=scenario.chapter,
            feature=scenario.feature,
            steps=tuple(end.steps),
            contract=scenario.contract,
            transport=case.transport,
            level=scenario.level,
            is_in_development=scenario.is_in_development,
            requirements=tuple(requirement.id for requirement in requirements),
            links=tuple(requirement.link for requirement in requirements),
            verdict=Verdict.NOT_SCORED if is_newer else verdict,
            seconds=round(end.seconds, 6),
            step="" if is_clean else end.step,
            expected=expected,
            actual=actual,
            transcript=transcript() if shows_transcript else (),
            reproduce="" if is_clean else self.reproduce(case),
            known_because=exemption.excuse.because if exemption is not None and verdict in EXCUSED.values() else "",
            blocked_by=blocked_by if verdict is Verdict.BLOCKED and not is_newer else "",
            since=requirements[0].since.tag if is_newer else "",
            outcome=verdict if is_newer else "",
        )

    def reproduce(self, case: Case) -> str:
        """Return the command that runs a case again."""
        scenario, arguments = case.scenario, list(self.plan.arguments)
        if scenario.contract not in self.plan.default_contracts:
            arguments += ["--contract", scenario.contract]
        if len(scenario.transports) > 1:
            arguments += ["--transport", case.transport]
        if scenario.is_disruptive and arguments:
            arguments.append("--disruptive")
        if self.plan.strict:
            arguments.append("--strict")
        return " ".join(["opamp-conformance run", *arguments, "--only", shlex.quote(case.key)])


def _sides(error: BaseException | None) -> tuple[str, str]:
    """Return what was expected and what came; an error that knows only the latter leaves the former empty."""
    if error is None:
        return "", ""
    if isinstance(error, ViolationError):
        return error.violation.expected, error.violation.actual
    return "", str(error) or type(error).__name__
