"""A run as a whole: collected from its events as they come, or read from a stream that was written earlier."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from opamp_conformance.errors import CannotTell
from opamp_conformance.events import (
    SCHEMA,
    Event,
    FindingBooked,
    RunFinished,
    RunStarted,
    ScenarioFinished,
    event_of,
)
from opamp_conformance.verdicts import ExitCode, Verdict


@dataclass(frozen=True)
class Recording:
    """All of a run that has come to its end."""

    started: RunStarted
    scenarios: Sequence[ScenarioFinished]
    findings: Sequence[FindingBooked]
    finished: RunFinished

    @classmethod
    def of(cls, events: Sequence[Event]) -> "Recording":
        """Put events together; raises ValueError if they are not those of one whole run."""
        match events:
            case [RunStarted() as started, *others, RunFinished() as finished]:
                scenarios = [event for event in others if isinstance(event, ScenarioFinished)]
                findings = [event for event in others if isinstance(event, FindingBooked)]
                if len(scenarios) + len(findings) == len(others):
                    return cls(started, scenarios, findings, finished)
        raise ValueError("not the events of one whole run")

    @property
    def is_whole(self) -> bool:
        """Whether every scenario that was to run did."""
        return len({(event.name, event.transport) for event in self.scenarios}) == self.started.scenarios

    def by_chapter(self) -> list[tuple[str, list[ScenarioFinished]]]:
        """Return the scenarios of each chapter, in the order of the chapters."""
        ordered = sorted(self.scenarios, key=lambda event: event.chapter)
        return [(chapter, list(events)) for chapter, events in groupby(ordered, key=lambda event: event.chapter)]

    def counts(self, name: str) -> dict[str, Counter[Verdict]]:
        """Count verdicts by an attribute of scenarios: level, contract, transport or chapter."""
        counted: dict[str, Counter[Verdict]] = {}
        for event in self.scenarios:
            counted.setdefault(str(getattr(event, name)), Counter())[event.verdict] += 1
        return dict(sorted(counted.items()))

    @property
    def verdict(self) -> str:
        """Sum the run up in a word or two."""
        return SUMMARIES[self.finished.exit_code]


SUMMARIES = {
    ExitCode.CONFORMANT: "conformant",
    ExitCode.NOT_CONFORMANT: "not conformant",
    ExitCode.COULD_NOT_TELL: "could not tell",
}


def read_events(path: Path) -> list[Event]:
    """Read a stream of JSON Lines; raises CannotTell, naming the line, for what is none or is of another schema."""
    try:
        # Not by splitlines(), which takes characters for ends of lines that stand in texts.
        lines = [line for line in path.read_text(encoding="utf-8").split("\n") if line]
    except OSError as error:
        raise CannotTell(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CannotTell(f"{path} is no stream of events: it is no UTF-8") from error
    return list(_events(path, lines))


def read_recording(path: Path) -> Recording:
    """Read the stream of a run that has said how it ended; raises CannotTell."""
    return recording_of(read_events(path), path)


def recording_of(events: Sequence[Event], path: Path) -> Recording:
    """Put the events of a stream together; raises CannotTell."""
    try:
        return Recording.of(events)
    except ValueError as error:
        raise CannotTell(f"{path} does not hold one whole run: it was interrupted, or is put together") from error


def read_whole(path: Path) -> Recording:
    """Read the stream of a run in which every scenario ran, so that it can be compared; raises CannotTell."""
    recording = read_recording(path)
    if not recording.is_whole:
        ran, meant = len(recording.scenarios), recording.started.scenarios
        raise CannotTell(f"{path} holds a run that was interrupted: {ran} of {meant} scenarios ran")
    return recording


def _events(path: Path, lines: Sequence[str]) -> Iterator[Event]:
    for number, line in enumerate(lines, 1):
        try:
            fields = json.loads(line)
            kind = fields["event"]
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            raise CannotTell(f"{path}, line {number}: not an event of a run") from error
        if kind == "RunStarted" and fields.get("schema") != SCHEMA:
            raise CannotTell(f"{path} has events of schema {fields.get('schema')}, and this suite reads {SCHEMA}")
        try:
            yield event_of(fields)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CannotTell(f"{path}, line {number}: not an event of schema {SCHEMA}") from error
