"""Verdicts as badges: the JSON that shields.io's endpoint badges read, and SVG."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opamp_conformance.reports.areas import Share, shares
from opamp_conformance.reports.run_record import SUMMARIES, RunRecord
from opamp_conformance.results.events import Event, RunFinished, RunStarted
from opamp_conformance.results.verdicts import ExitCode, Verdict

_CHARACTER: Final = 7
"""About how many pixels a character of 11 points is wide."""
_MARGIN: Final = 12


@dataclass(frozen=True)
class _Colour:
    name: str
    hexadecimal: str


_COLOURS: Final = {
    ExitCode.CONFORMANT: _Colour("brightgreen", "#116329"),
    ExitCode.NOT_CONFORMANT: _Colour("red", "#a40e26"),
    ExitCode.COULD_NOT_TELL: _Colour("lightgrey", "#57606a"),
}


@dataclass(frozen=True)
class Badge:
    """A label and a message, in the colour of a verdict."""

    label: str
    message: str
    verdict: ExitCode

    def json(self) -> str:
        """Return the badge in the form that shields.io reads."""
        badge = {"schemaVersion": 1, "label": self.label, "message": self.message}
        return json.dumps({**badge, "color": _COLOURS[self.verdict].name})

    def svg(self) -> str:
        """Return the badge as a picture."""
        from opamp_conformance.reports.html import rendered  # noqa: PLC0415 - it loads a template engine

        left, right = (_CHARACTER * len(text) + _MARGIN for text in (self.label, self.message))
        colour = _COLOURS[self.verdict].hexadecimal
        return rendered("badge.svg", label=self.label, message=self.message, left=left, right=right, colour=colour)


def badges(record: RunRecord) -> Iterator[tuple[str, Badge]]:
    """Yield a badge for the whole run and one for each area, with the names of their files."""
    yield "all", _whole(record.started, record.finished)
    for share in shares(record):
        yield share.area.replace(" ", "-"), _of_area(f"OpAMP {share.area}", share)


class BadgeFile:
    """Writes the badge of the whole run when the run ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._started: RunStarted | None = None

    def handle(self, event: Event) -> None:
        """Take one event."""
        match event:
            case RunStarted():
                self._started = event
            case RunFinished() if self._started is not None:
                self._path.write_text(_whole(self._started, event).json(), encoding="utf-8")


def _whole(started: RunStarted, finished: RunFinished) -> Badge:
    failed = sum(finished.verdicts.get(verdict, 0) for verdict in (Verdict.FAILED, Verdict.BLOCKED))
    message = SUMMARIES[finished.exit_code] + (f": {failed} failed" if failed else "")
    return Badge(f"OpAMP {started.specification}", message, finished.exit_code)


def _of_area(label: str, share: Share) -> Badge:
    if not share.asked:
        return Badge(label, "not offered", ExitCode.COULD_NOT_TELL)
    if share.broken:
        return Badge(label, f"{share.broken} of {share.asked} failed", ExitCode.NOT_CONFORMANT)
    return Badge(label, "conformant", ExitCode.CONFORMANT)
