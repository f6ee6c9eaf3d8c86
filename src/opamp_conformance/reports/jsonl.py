"""The stream of events as JSON Lines: one object per event."""

from pathlib import Path
from typing import TextIO

from opamp_conformance.results.events import Event, RunFinished, as_json


class JsonLines:
    """Writes each event to a file as it comes. The first event creates the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: TextIO | None = None

    def handle(self, event: Event) -> None:
        """Write one event."""
        if self._stream is None:
            self._stream = self._path.open("w", encoding="utf-8")
        self._stream.write(f"{as_json(event)}\n")
        self._stream.flush()
        if isinstance(event, RunFinished):
            self._stream.close()
