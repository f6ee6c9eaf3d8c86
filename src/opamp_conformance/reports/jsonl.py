"""The stream of events as JSON Lines: one object per event."""

from typing import TextIO

from opamp_conformance.results.events import Event, as_json


class JsonLines:
    """Writes each event to a stream as it comes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def handle(self, event: Event) -> None:
        """Write one event."""
        self._stream.write(f"{as_json(event)}\n")
        self._stream.flush()
