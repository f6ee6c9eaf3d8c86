"""A recording of what passed between agents and a server: JSON Lines, one for each part of a stream.

A line is ``{"at": 1.25, "connection": 3, "from": "client", "data": "…"}``: seconds since the watch began, the bytes in
base64. Empty data is the end of a stream; a line from ``nobody`` is the end of a connection. The first line names the
format and the path of the endpoint. Credentials in HTTP headers are replaced by as many asterisks.
"""

import base64
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TextIO

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.watch.relay import Tap

_FORMAT: Final = "opamp-conformance-recording"
_VERSION: Final = 1
_MOST_BYTES: Final = 1024 * 1024 * 1024
"""A recording ends with this size."""
_OWNER_ONLY: Final = 0o600
_LONGEST_HEADER: Final = 64 * 1024
_NAMES: Final = (b"authorization:", b"proxy-authorization:", b"cookie:", b"set-cookie:")
_CREDENTIAL: Final = re.compile(rb"(?im)^(" + b"|".join(_NAMES) + rb")([ \t]*)([^\r\n]*)")


class Recorder:
    """Writes a recording; its readers are only the user and the administrator. ``say`` gets a line if it ends early."""

    def __init__(self, path: Path, endpoint_path: str, now: Callable[[], float], say: Callable[[str], None]) -> None:
        """Begin the file; raises InconclusiveError if it cannot be written."""
        self._now = now
        self._say = say
        self._path = path
        self._count = 0
        self._left = _MOST_BYTES
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
            if path.is_file():  # It may have been there, and a device keeps its mode.
                path.chmod(_OWNER_ONLY)
            # Each line is written at once, so that a watch that is killed leaves what it has seen.
            self._file: TextIO | None = os.fdopen(descriptor, "w", 1, encoding="ascii")
            self._file.write(json.dumps({"format": _FORMAT, "version": _VERSION, "path": endpoint_path}) + "\n")
        except OSError as error:
            raise InconclusiveError(f"cannot write {path}: {error.strerror}") from error

    def tap(self, inner: Tap) -> Tap:
        """Return a tap that records a new connection, and shows everything to another tap."""
        self._count += 1
        return _RecordingTap(self, self._count, inner)

    def note(self, connection: int, source: str, data: bytes) -> None:
        """Write a part of a stream."""
        encoded = base64.b64encode(data).decode()
        self._write({"at": round(self._now(), 6), "connection": connection, "from": source, "data": encoded})

    def close(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # It was told already that the file cannot be written.
                self._file.close()
            self._file = None

    def _write(self, entry: dict[str, Any]) -> None:
        if self._file is None:
            return
        line = json.dumps(entry) + "\n"
        self._left -= len(line)
        try:
            if self._left < 0:
                raise OSError(0, f"it has reached {_MOST_BYTES} bytes")
            self._file.write(line)
        except OSError as error:
            self._say(f"the recording {self._path} ends: {error.strerror}")
            self.close()


class _RecordingTap:
    def __init__(self, recorder: Recorder, number: int, inner: Tap) -> None:
        self._recorder = recorder
        self._number = number
        self._inner = inner
        self._masks = {"client": _Mask(), "server": _Mask()}

    def from_client(self, data: bytes) -> None:
        self._note("client", data)
        self._inner.from_client(data)

    def from_server(self, data: bytes) -> None:
        self._note("server", data)
        self._inner.from_server(data)

    def closed(self) -> None:
        self._recorder.note(self._number, "nobody", b"")
        self._inner.closed()

    def _note(self, source: str, data: bytes) -> None:
        for part in self._masks[source].masked(data):
            self._recorder.note(self._number, source, part)


class _Mask:
    """Replaces credentials in a stream. A header that is not complete yet waits for its rest."""

    def __init__(self) -> None:
        self._rest = b""

    def masked(self, data: bytes) -> Iterator[bytes]:
        """Yield what is complete; all of the rest for the end of the stream, which is empty data."""
        is_end, data = not data, self._rest + data
        self._rest = b""
        if not is_end:
            lines, newline, last = data.rpartition(b"\n")
            if _may_become_credential(last):
                data, self._rest = lines + newline, last
        if data:
            yield _CREDENTIAL.sub(lambda found: found[1] + found[2] + b"*" * len(found[3]), data)
        if is_end:
            yield b""


def _may_become_credential(line: bytes) -> bool:
    """Return whether an incomplete line is the beginning of a header with credentials."""
    start = line.lower()
    if not start or len(line) > _LONGEST_HEADER:
        return False
    return any(start.startswith(name) or name.startswith(start) for name in _NAMES)


def recorded_path(path: Path) -> str:
    """Return the path of the endpoint in a recording; raises InconclusiveError."""
    first = next(_entries(path), {})
    if first.get("format") != _FORMAT or first.get("version") != _VERSION or not isinstance(first.get("path"), str):
        raise InconclusiveError(f"{path} is no recording of watch")
    return str(first["path"])


def replay(path: Path, new_tap: Callable[[], Tap], go_to: Callable[[float], None]) -> None:
    """Show a recording to taps. ``go_to`` is told the time before each part. Raises InconclusiveError."""
    taps: dict[int, Tap] = {}
    entries = _entries(path)
    next(entries, None)
    for number, entry in enumerate(entries, 2):
        try:
            at, connection, source = float(entry["at"]), int(entry["connection"]), entry["from"]
            data = base64.b64decode(entry["data"], validate=True)
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise InconclusiveError(f"{path}, line {number}, is no part of a recording") from error
        go_to(at)
        tap = taps.get(connection)
        if tap is None:
            tap = taps[connection] = new_tap()
        if source == "client":
            tap.from_client(data)
        elif source == "server":
            tap.from_server(data)
        else:
            taps.pop(connection).closed()
    for tap in taps.values():
        tap.closed()


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of JSON Lines; a last line that was not written to its end is left out."""
    try:
        with path.open(encoding="ascii") as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith("\n"):
                    return
                entry = json.loads(line)
                if not isinstance(entry, dict):
                    raise InconclusiveError(f"{path}, line {number}, is no part of a recording")
                yield entry
    except OSError as error:
        raise InconclusiveError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InconclusiveError(f"{path} is no recording of watch") from error
