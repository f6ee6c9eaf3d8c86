"""The verdict on a finding: the level of its requirement, and what the target's profile says of it."""

from opamp_conformance.checks.findings import Finding
from opamp_conformance.ledger.ledger import load_ledger
from opamp_conformance.redaction import Redactor
from opamp_conformance.results.events import FindingBooked
from opamp_conformance.results.transcript import transcript_of
from opamp_conformance.results.verdicts import Verdict, of_violation
from opamp_conformance.runner.plan import RunPlan
from opamp_conformance.text import printable


def book(finding: Finding, plan: RunPlan, redactor: Redactor) -> FindingBooked:
    """Make the event of a finding."""
    requirement = load_ledger()[finding.requirement]
    known_because = plan.known_findings.get(requirement.id, "")
    flaky_because = plan.flaky_findings.get(requirement.id, "")
    verdict = of_violation(requirement.is_binding, strict=plan.strict)
    if known_because or flaky_because:
        verdict = Verdict.KNOWN if known_because else Verdict.FLAKY
    return FindingBooked(
        requirement=requirement.id,
        level=requirement.level,
        link=requirement.link,
        verdict=verdict,
        count=finding.count,
        expected=redactor.text(printable(finding.violation.expected)),
        actual=redactor.text(printable(finding.violation.actual)),
        transcript=transcript_of(finding.samples, redactor),
        known_because=known_because or flaky_because,
    )
