"""The verdict as a badge: the JSON that shields.io's endpoint badges read."""

import json
from pathlib import Path
from typing import Final

from opamp_conformance.reports.run_record import SUMMARIES
from opamp_conformance.results.events import Event, RunFinished, RunStarted
from opamp_conformance.results.verdicts import ExitCode, Verdict

_COLOURS: Final = {
    ExitCode.CONFORMANT: "brightgreen",
    ExitCode.NOT_CONFORMANT: "red",
    ExitCode.COULD_NOT_TELL: "lightgrey",
}


class Badge:
    """Writes the file when the run ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._label = ""

    def handle(self, event: Event) -> None:
        """Take one event."""
        match event:
            case RunStarted():
                self._label = f"OpAMP {event.specification}"
            case RunFinished():
                failed = sum(event.verdicts.get(verdict, 0) for verdict in (Verdict.FAILED, Verdict.BLOCKED))
                message = SUMMARIES[event.exit_code] + (f": {failed} failed" if failed else "")
                badge = {"schemaVersion": 1, "label": self._label, "message": message}
                self._path.write_text(json.dumps({**badge, "color": _COLOURS[event.exit_code]}), encoding="utf-8")
