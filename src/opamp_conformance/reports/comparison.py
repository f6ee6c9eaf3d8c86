"""Runs side by side: what changed between two, and how several servers fare."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from opamp_conformance.reports.recording import Recording
from opamp_conformance.verdicts import Verdict

_RANKS: Final = {
    Verdict.PASSED: 0,
    Verdict.NOT_APPLICABLE: 0,
    Verdict.KNOWN: 1,
    Verdict.WARNED: 1,
    Verdict.FAILED: 2,
    Verdict.BLOCKED: 2,
    Verdict.ERROR: 2,
}
"""How bad a verdict is. A failure that becomes known, or not to be reached, is no better and no worse."""


@dataclass(frozen=True, order=True)
class Key:
    """What is compared: a scenario over a transport, or a requirement that every reply is checked against."""

    chapter: str
    name: str
    transport: str = ""
    level: str = ""

    def __str__(self) -> str:
        over = f" ({self.transport})" if self.transport else ""
        return f"{self.chapter}: {self.name}{over}"


EVERY_REPLY: Final = "every reply"
"""The chapter of findings."""


@dataclass(frozen=True)
class Change:
    """One thing whose verdict differs; None where it was not run."""

    key: Key
    before: Verdict | None
    after: Verdict | None

    @property
    def is_regression(self) -> bool:
        """Whether it was better before. What was not run in one of the runs says nothing."""
        before, after = self.before, self.after
        return before is not None and after is not None and _RANKS[after] > _RANKS[before]


def verdicts_of(recording: Recording) -> dict[Key, Verdict]:
    """Return the verdicts of a run by what they are about."""
    found = {
        Key(event.chapter, event.name, event.transport, event.level): event.verdict for event in recording.scenarios
    }
    findings = {Key(EVERY_REPLY, event.requirement, "", event.level): event.verdict for event in recording.findings}
    return {**found, **findings}


def changes(before: Recording, after: Recording) -> list[Change]:
    """Return what differs, regressions first."""
    old, new = verdicts_of(before), verdicts_of(after)
    found = [Change(key, _verdict(key, old), _verdict(key, new)) for key in sorted({*old, *new})]
    return sorted((one for one in found if one.before != one.after), key=lambda change: not change.is_regression)


def _verdict(key: Key, verdicts: Mapping[Key, Verdict]) -> Verdict | None:
    """Return a verdict, None if that was not run. Without a finding, no reply was at fault."""
    return verdicts.get(key, Verdict.PASSED if key.chapter == EVERY_REPLY else None)


@dataclass(frozen=True)
class Table:
    """Verdicts of several servers: a column each, by the name it was given, and a row for each thing compared."""

    names: Sequence[str]
    recordings: Sequence[Recording]

    def rows(self) -> Iterator[tuple[Key, Sequence[Verdict | None]]]:
        """Yield what is compared, with its verdict of each server, None where it was not run."""
        columns: list[Mapping[Key, Verdict]] = [verdicts_of(recording) for recording in self.recordings]
        for key in sorted({key for column in columns for key in column}):
            yield key, [_verdict(key, column) for column in columns]
