"""The verdict on a finding: the level of its requirement, and what the target's profile excuses."""

from dataclasses import replace
from typing import Final

from opamp_conformance.checks.findings import Finding
from opamp_conformance.errors import Violation
from opamp_conformance.ledger.ledger import load_ledger
from opamp_conformance.profiles.profile import CaseExemption, Kind
from opamp_conformance.redaction import Redactor
from opamp_conformance.results.events import FindingBooked, TranscriptEntry
from opamp_conformance.results.transcript import transcript_of
from opamp_conformance.results.verdicts import Verdict, of_violation
from opamp_conformance.runner.plan import RunPlan
from opamp_conformance.suite.catalogue import Case
from opamp_conformance.text import printable, shortened

EXCUSED: Final = {Kind.KNOWN: Verdict.KNOWN, Kind.FLAKY: Verdict.FLAKY}
"""The verdicts on what a profile excuses."""


class ProfileExcuses:
    """Decides which breaches the target's profile excuses, and remembers why.

    A requirement that the profile names is excused in every message, if what came is what the profile says. A scenario
    that it names excuses only what its own messages break of its requirements. A message shows a breach in other words
    than its scenario, so what came does not matter there.
    """

    def __init__(self, plan: RunPlan, redactor: Redactor) -> None:
        self._plan = plan
        self._redactor = redactor
        self._here: dict[str, tuple[Verdict, str]] = {}
        self._reasons: dict[str, tuple[Verdict, str]] = {}

    def begin(self, case: Case, exemption: CaseExemption | None) -> None:
        """Note that a scenario begins."""
        verdict = None if exemption is None else EXCUSED.get(exemption.kind)
        if exemption is not None and verdict is not None:
            self._here = {
                requirement.id: (verdict, exemption.excuse.because)
                for requirement in case.scenario.requirements
                if requirement.id not in (*self._plan.known_findings, *self._plan.flaky_findings)
            }

    def end(self) -> None:
        """Note that the scenario has ended."""
        self._here = {}

    def excuses(self, requirement: str, violation: Violation) -> bool:
        """Return whether a breach is excused."""
        reason = self._here.get(requirement) or self._reason(requirement, shown(violation.actual, self._redactor))
        if reason is not None:
            self._reasons[requirement] = reason
        return reason is not None

    def reason(self, requirement: str) -> tuple[Verdict, str]:
        """Return the verdict on a requirement whose breaches are excused, and why."""
        return self._reasons[requirement]

    def _reason(self, requirement: str, actual: str) -> tuple[Verdict, str] | None:
        for verdict, entries in (
            (Verdict.KNOWN, self._plan.known_findings),
            (Verdict.FLAKY, self._plan.flaky_findings),
        ):
            excuse = entries.get(requirement)
            if excuse is not None and excuse.covers(actual):
                return verdict, excuse.because
        return None


def shown(text: str, redactor: Redactor) -> str:
    """Return what reports show of a text."""
    return printable(shortened(redactor.text(text)))


def book(finding: Finding, plan: RunPlan, redactor: Redactor, excuses: ProfileExcuses) -> FindingBooked:
    """Make the event of a finding."""
    requirement = load_ledger(plan.spec_version)[finding.requirement]
    verdict, because = of_violation(requirement.is_binding, strict=plan.strict), ""
    if finding.is_excused:
        verdict, because = excuses.reason(finding.requirement)
    transcript = transcript_of(finding.samples, redactor)
    event = book_as(
        verdict, finding.requirement, finding.violation, finding.count, transcript, plan, redactor, because=because
    )
    return replace(event, reproduce=finding.where)


def book_as(
    verdict: Verdict,
    requirement_id: str,
    violation: Violation,
    count: int,
    transcript: tuple[TranscriptEntry, ...],
    plan: RunPlan,
    redactor: Redactor,
    *,
    because: str = "",
) -> FindingBooked:
    """Make the event of a requirement that was broken ``count`` times; ``because`` is the reason of an excuse."""
    requirement = load_ledger(plan.spec_version)[requirement_id]
    is_newer = requirement.is_newer_than(plan.spec_version)
    return FindingBooked(
        requirement=requirement.id,
        level=requirement.level,
        link=requirement.link,
        verdict=Verdict.NOT_SCORED if is_newer else verdict,
        count=count,
        expected=shown(violation.expected, redactor),
        actual=shown(violation.actual, redactor),
        transcript=transcript,
        known_because=because,
        since=requirement.since.tag if is_newer else "",
    )
