"""Reads the files that users give: text and TOML, of bounded size, also from pipes."""

import os
import tomllib
from pathlib import Path
from typing import Any, Final

from opamp_conformance.errors import InconclusiveError

_MOST_BYTES: Final = 1024 * 1024 * 1024


def read_text(path: Path) -> str:
    """Read a file of UTF-8 text, with or without a byte-order mark; raises InconclusiveError."""
    try:
        # A pipe that nobody writes into is empty: to wait for somebody would be for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            os.set_blocking(descriptor, True)
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InconclusiveError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise InconclusiveError(f"cannot read {path}: it has more than {_MOST_BYTES} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InconclusiveError(f"cannot read {path}: it is not UTF-8 text") from error


def read_toml(path: Path) -> dict[str, Any]:
    """Read a file of TOML; raises InconclusiveError."""
    try:
        return tomllib.loads(read_text(path).replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        raise InconclusiveError(f"{path} is not TOML: {error}") from error
    except RecursionError as error:
        raise InconclusiveError(f"{path} is not usable: its values are nested too deeply") from error
