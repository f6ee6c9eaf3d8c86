"""Comparisons of runs: what changed between two, and the verdicts on several servers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from opamp_conformance.reports.areas import Area, Share, shares
from opamp_conformance.reports.run_record import RunRecord
from opamp_conformance.results.events import EVERY_MESSAGE
from opamp_conformance.results.verdicts import Verdict

_RANKS: Final = {
    Verdict.PASSED: 0,
    Verdict.NOT_APPLICABLE: 0,
    Verdict.NOT_SCORED: 0,
    Verdict.KNOWN: 1,
    Verdict.FLAKY: 1,
    Verdict.WARNED: 1,
    Verdict.FAILED: 2,
    Verdict.BLOCKED: 2,
    Verdict.ERROR: 2,
}
"""How bad a verdict is. A failure that becomes known or blocked is neither better nor worse."""


@dataclass(frozen=True, order=True)
class Key:
    """The subject of a comparison: a scenario over a transport, or a requirement that every message is checked for."""

    chapter: str
    key: str
    transport: str = ""
    level: str = ""

    def __str__(self) -> str:
        over = f" ({self.transport})" if self.transport else ""
        return f"{self.chapter}: {self.key}{over}"


@dataclass(frozen=True)
class Change:
    """A verdict that differs; None where the scenario did not run."""

    key: Key
    before: Verdict | None
    after: Verdict | None

    @property
    def is_regression(self) -> bool:
        """Whether it was better before. A scenario that ran in only one of the runs is not a regression."""
        before, after = self.before, self.after
        return before is not None and after is not None and _RANKS[after] > _RANKS[before]


@dataclass(frozen=True)
class Cell:
    """A verdict, None where the scenario did not run, with its reason unless it passed."""

    verdict: Verdict | None
    because: str = ""


def _cells_of(record: RunRecord) -> dict[Key, Cell]:
    scenarios = {
        Key(event.chapter, event.key, event.transport, event.level): Cell(event.verdict, event.because)
        for event in record.scenarios
    }
    findings = {
        Key(event.about, event.requirement, "", event.level): Cell(event.verdict, event.because)
        for event in record.findings
    }
    return {**scenarios, **findings}


def _cell(key: Key, cells: Mapping[Key, Cell]) -> Cell:
    """Return the cell of a key. Without a finding, every message was correct."""
    return cells.get(key, Cell(Verdict.PASSED if key.chapter.startswith(EVERY_MESSAGE) else None))


def changes(before: RunRecord, after: RunRecord) -> list[Change]:
    """Return what differs, regressions first."""
    old, new = _cells_of(before), _cells_of(after)
    found = [Change(key, _cell(key, old).verdict, _cell(key, new).verdict) for key in sorted({*old, *new})]
    return sorted((one for one in found if one.before != one.after), key=lambda change: not change.is_regression)


@dataclass(frozen=True)
class Table:
    """Verdicts on several servers: a column for each server, with its name, and a row for each key."""

    names: Sequence[str]
    records: Sequence[RunRecord]

    def rows(self) -> Iterator[tuple[Key, Sequence[Cell]]]:
        """Yield each key with its cell for each server."""
        columns = [_cells_of(record) for record in self.records]
        for key in sorted({key for column in columns for key in column}):
            yield key, [_cell(key, column) for column in columns]

    def areas(self) -> Iterator[tuple[Area, Sequence[Share]]]:
        """Yield each area with its share on each server."""
        columns = [list(shares(record)) for record in self.records]
        for row in zip(*columns, strict=True):
            yield row[0].area, row
