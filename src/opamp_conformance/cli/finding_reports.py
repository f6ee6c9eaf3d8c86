"""The reports of ``serve`` and ``watch``: what agents broke, and what the server behind ``watch`` broke."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from opamp_agent_checks import AgentJudge, Severity
from opamp_conformance import __version__
from opamp_conformance.checks.findings import Finding
from opamp_conformance.cli.agent_findings import groups
from opamp_conformance.cli.files import require_writable
from opamp_conformance.cli.output_options import outputs_of
from opamp_conformance.ledger.ledger import load_ledger
from opamp_conformance.ledger.versions import NEWEST
from opamp_conformance.redaction import Redactor
from opamp_conformance.reports.jsonl import JsonLines
from opamp_conformance.results.agent_transcript import transcript_of_messages
from opamp_conformance.results.events import (
    AGENTS,
    SCHEMA,
    SERVER,
    Event,
    FindingBooked,
    Listener,
    RunFinished,
    RunStarted,
    TranscriptEntry,
)
from opamp_conformance.results.masked_files import exchange_without_files
from opamp_conformance.results.transcript import transcript_of
from opamp_conformance.results.verdicts import ExitCode, Verdict, of_violation
from opamp_conformance.text import printable, shortened
from opamp_conformance.wire.exchange import Exchange

_MOST_AGENTS: Final = 20
_MOST_MESSAGES: Final = 3
_CREDENTIAL: Final = re.compile("auth|cookie|credential|key|password|secret|token", re.IGNORECASE)
"""What the names of headers with credentials contain."""


@dataclass(frozen=True)
class Judged:
    """What was judged: a name and a URL for people, by which contracts, and for how many seconds."""

    target: str
    url: str
    contracts: tuple[str, ...]
    seconds: float


def finding_outputs(
    html: Path | None, junit: Path | None, badge: Path | None, jsonl: Path | None, **others: Path | None
) -> list[Listener]:
    """Make the outputs of findings that options ask for; raises InconclusiveError for a file that cannot be written."""
    outputs = outputs_of(html, junit, badge, **{"--jsonl": jsonl}, **others)
    if jsonl is not None:
        require_writable(jsonl)
        outputs.append(JsonLines(jsonl))
    return outputs


def report(
    judged: Judged, findings: Iterable[FindingBooked], agents: int, code: ExitCode, listeners: Sequence[Listener]
) -> None:
    """Give findings to outputs, as the events of a run without scenarios."""
    for event in _events(judged, list(findings), agents, code):
        for listener in listeners:
            listener.handle(event)


def of_agents(judge: AgentJudge) -> Iterator[FindingBooked]:
    """Yield what agents broke, by requirement, without what the server has provoked."""
    redactor = Redactor({})
    for group in groups(judge):
        findings = [finding for finding in group if not finding.provoked_by]
        if not findings:
            continue
        samples = [sample for finding in findings for sample in finding.samples]
        yield _booked(
            findings[0].requirement,
            of_violation(findings[0].severity is Severity.FAILURE, strict=False),
            sum(finding.count for finding in findings),
            (redactor.text(findings[0].expected), redactor.text(findings[0].actual)),
            transcript_of_messages(samples[:_MOST_MESSAGES], redactor),
            AGENTS,
            (finding.instance_uid.hex() or "unknown" for finding in findings),
        )


def of_server(findings: Iterable[Finding]) -> Iterator[FindingBooked]:
    """Yield what a server broke."""
    for finding in findings:
        redactor = _redactor_of(finding.samples[0])
        samples = [entry for one in finding.samples for entry in _entries(one)]
        yield _booked(
            finding.requirement,
            of_violation(load_ledger(NEWEST)[finding.requirement].is_binding, strict=False),
            finding.count,
            (redactor.text(finding.violation.expected), redactor.text(finding.violation.actual)),
            tuple(samples),
            SERVER,
            (one.instance_uid.hex() for one in finding.samples if one.instance_uid),
        )


def severity_of(finding: FindingBooked) -> Severity:
    """Return how severe a finding is."""
    return Severity.FAILURE if finding.verdict is Verdict.FAILED else Severity.WARNING


def _redactor_of(exchange: Exchange) -> Redactor:
    """Return what removes the credentials of the request of an exchange."""
    headers = exchange.request.headers
    return Redactor({name: value for name, value in headers.items() if _CREDENTIAL.search(name)})


def _entries(exchange: Exchange) -> Iterable[TranscriptEntry]:
    return transcript_of([exchange_without_files(exchange)], _redactor_of(exchange))


def _booked(
    requirement: str,
    verdict: Verdict,
    count: int,
    violation: tuple[str, str],
    transcript: tuple[TranscriptEntry, ...],
    side: str,
    agents: Iterable[str],
) -> FindingBooked:
    entry, (expected, actual) = load_ledger(NEWEST)[requirement], violation
    return FindingBooked(
        requirement=requirement,
        level=entry.level,
        link=entry.link,
        verdict=verdict,
        count=count,
        expected=printable(shortened(expected)),
        actual=printable(shortened(actual)),
        transcript=transcript,
        side=side,
        agents=tuple(dict.fromkeys(agents))[:_MOST_AGENTS],
    )


def _events(judged: Judged, findings: Sequence[FindingBooked], agents: int, code: ExitCode) -> Iterator[Event]:
    yield RunStarted(
        schema=SCHEMA,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        suite_version=__version__,
        specification=NEWEST.tag,
        target=judged.target,
        url=judged.url,
        contracts=judged.contracts,
        transports=(),
        only=(),
        skip=(),
        strict=False,
        profile="",
        scenarios=0,
        workers=1,
        run_id="",
    )
    yield from findings
    verdicts: dict[str, int] = {}
    for finding in findings:
        verdicts[finding.verdict] = verdicts.get(finding.verdict, 0) + 1
    yield RunFinished(code, verdicts, {}, agents, 0, round(judged.seconds, 3))
