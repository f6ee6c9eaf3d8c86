"""The verdict on a finding: the level of its requirement, and what the target's profile says of it."""

from opamp_conformance.checks.findings import Finding
from opamp_conformance.errors import Violation
from opamp_conformance.ledger.ledger import load_ledger
from opamp_conformance.redaction import Redactor
from opamp_conformance.results.events import FindingBooked, TranscriptEntry
from opamp_conformance.results.transcript import transcript_of
from opamp_conformance.results.verdicts import Verdict, of_violation
from opamp_conformance.runner.plan import RunPlan
from opamp_conformance.text import printable, shortened


def book(finding: Finding, plan: RunPlan, redactor: Redactor) -> FindingBooked:
    """Make the event of a finding."""
    requirement = load_ledger(plan.spec_version)[finding.requirement]
    verdict = of_violation(requirement.is_binding, strict=plan.strict)
    transcript = transcript_of(finding.samples, redactor)
    return book_as(verdict, finding.requirement, finding.violation, finding.count, transcript, plan, redactor)


def book_as(
    verdict: Verdict,
    requirement_id: str,
    violation: Violation,
    count: int,
    transcript: tuple[TranscriptEntry, ...],
    plan: RunPlan,
    redactor: Redactor,
) -> FindingBooked:
    """Make the event of a requirement that was broken ``count`` times, with a verdict that the profile may excuse."""
    requirement = load_ledger(plan.spec_version)[requirement_id]
    actual, because = printable(shortened(redactor.text(violation.actual))), ""
    known, flaky = plan.known_findings.get(requirement.id), plan.flaky_findings.get(requirement.id)
    if known is not None and known.covers(actual):
        verdict, because = Verdict.KNOWN, known.because
    elif flaky is not None and flaky.covers(actual):
        verdict, because = Verdict.FLAKY, flaky.because
    is_newer = requirement.is_newer_than(plan.spec_version)
    return FindingBooked(
        requirement=requirement.id,
        level=requirement.level,
        link=requirement.link,
        verdict=Verdict.NOT_SCORED if is_newer else verdict,
        count=count,
        expected=printable(shortened(redactor.text(violation.expected))),
        actual=actual,
        transcript=transcript,
        known_because=because,
        since=requirement.since.tag if is_newer else "",
    )
