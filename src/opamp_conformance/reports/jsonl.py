"""The stream of events as JSON Lines: one object an event, its kind in ``event``."""

import dataclasses
import json
from typing import TextIO

from opamp_conformance.events import Event


class JsonLines:
    """Writes each event to a stream as it comes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def handle(self, event: Event) -> None:
        """Write one event."""
        json.dump({"event": type(event).__name__, **dataclasses.asdict(event)}, self._stream, ensure_ascii=False)
        self._stream.write("\n")
        self._stream.flush()
