"""A run as a whole: collected from its events, or read from a file that --jsonl wrote."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.reading import read_text
from opamp_conformance.results.events import (
    EVERY_MESSAGE,
    SCHEMA,
    Event,
    FindingBooked,
    RunFinished,
    RunStarted,
    ScenarioFinished,
    TargetLost,
    event_of,
    with_texts,
)
from opamp_conformance.results.verdicts import ExitCode, Verdict
from opamp_conformance.text import printable_lines


@dataclass(frozen=True)
class RunRecord:
    """Everything about a run that has ended."""

    started: RunStarted
    scenarios: Sequence[ScenarioFinished]
    findings: Sequence[FindingBooked]
    losses: Sequence[TargetLost]
    finished: RunFinished

    @classmethod
    def of(cls, events: Sequence[Event]) -> "RunRecord":
        """Make the record of one whole run from its events; raises ValueError for other events."""
        match events:
            case [RunStarted() as started, *others, RunFinished() as finished]:
                scenarios = [event for event in others if isinstance(event, ScenarioFinished)]
                findings = [event for event in others if isinstance(event, FindingBooked)]
                losses = [event for event in others if isinstance(event, TargetLost)]
                if len(scenarios) + len(findings) + len(losses) == len(others):
                    return cls(started, scenarios, findings, losses, finished)
        raise ValueError("not the events of one whole run")

    @property
    def is_whole(self) -> bool:
        """Whether every planned scenario ran."""
        return len({(event.key, event.transport) for event in self.scenarios}) == self.started.scenarios

    def by_chapter(self) -> list[tuple[str, list[ScenarioFinished]]]:
        """Return the scenarios of each chapter, in the order of the chapters."""
        ordered = sorted(self.scenarios, key=lambda event: event.chapter)
        return [(chapter, list(events)) for chapter, events in groupby(ordered, key=lambda event: event.chapter)]

    def counts(self, name: str) -> dict[str, Counter[Verdict]]:
        """Count verdicts by an attribute of scenarios: level, contract, transport or chapter.

        A finding is about every message, so it has only a level.
        """
        counted: dict[str, Counter[Verdict]] = {}
        judged: list[ScenarioFinished | FindingBooked] = [*self.scenarios, *self.findings]
        for event in judged:
            counted.setdefault(str(getattr(event, name, EVERY_MESSAGE)), Counter())[event.verdict] += 1
        return dict(sorted(counted.items()))

    @property
    def verdict(self) -> str:
        """Return the verdict of the run, in one or two words."""
        return SUMMARIES[self.finished.exit_code]


SUMMARIES = {
    ExitCode.CONFORMANT: "conformant",
    ExitCode.NOT_CONFORMANT: "not conformant",
    ExitCode.COULD_NOT_TELL: "could not tell",
}


def read_events(path: Path) -> list[Event]:
    """Read a file of JSON Lines; raises InconclusiveError, with the line, for other content or another schema."""
    # Not splitlines(): it also splits at characters that texts may contain.
    lines = [line for line in read_text(path).split("\n") if line]
    return list(_events(path, lines))


def read_run_record(path: Path) -> RunRecord:
    """Read the file of a run that ended, even if it was interrupted; raises InconclusiveError."""
    return run_record_of(read_events(path), path)


def run_record_of(events: Sequence[Event], path: Path) -> RunRecord:
    """Make the record of the events in a file; raises InconclusiveError."""
    try:
        return RunRecord.of(events)
    except ValueError as error:
        raise InconclusiveError(
            f"{path} does not contain one whole run: the run was killed, or the file is a mixture"
        ) from error


def read_whole(path: Path) -> RunRecord:
    """Read the file of a run in which every scenario ran, so that it can be compared; raises InconclusiveError."""
    record = read_run_record(path)
    if not record.is_whole:
        ran, planned = len(record.scenarios), record.started.scenarios
        raise InconclusiveError(f"{path} contains a run that was interrupted: {ran} of {planned} scenarios ran")
    return record


def _events(path: Path, lines: Sequence[str]) -> Iterator[Event]:
    for number, line in enumerate(lines, 1):
        try:
            fields = json.loads(line)
            kind = fields["event"]
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            raise InconclusiveError(f"{path}, line {number}: not an event of a run") from error
        if kind == "RunStarted" and fields.get("schema") != SCHEMA:
            raise InconclusiveError(
                f"{path} has events of schema {fields.get('schema')}, and this suite reads {SCHEMA}"
            )
        try:
            # The file may come from another machine, and its texts go to terminals and CI servers.
            yield with_texts(event_of(fields), printable_lines)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InconclusiveError(f"{path}, line {number}: not an event of schema {SCHEMA}") from error
