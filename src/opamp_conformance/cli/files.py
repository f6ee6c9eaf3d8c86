"""Files that options name, and secrets in the environment."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TextIO

import click

from opamp_conformance.errors import InconclusiveError

FILE: Final = click.Path(path_type=Path)


def require_files(*paths: Path | None) -> None:
    """Raise InconclusiveError for a file that does not exist."""
    for path in paths:
        if path is not None and not path.is_file():
            raise InconclusiveError(f"cannot read {path}: there is no such file")


def secret(variable: str) -> str | None:
    """Return the secret in an environment variable, without the newline that a file of secrets ends with."""
    return (os.environ.get(variable) or "").strip() or None


def require_different(files: Mapping[str, Path | None]) -> None:
    """Raise InconclusiveError if two options name the same file."""
    seen: dict[Path, str] = {}
    for option, path in files.items():
        if path is None:
            continue
        if path.resolve() in seen:
            raise InconclusiveError(f"{seen[path.resolve()]} and {option} name the same file")
        seen[path.resolve()] = option


def require_writable(path: Path) -> None:
    """Raise InconclusiveError if a file cannot be written; its content stays."""
    is_new = not path.exists()
    try:
        path.open("a", encoding="utf-8").close()
        if is_new:
            path.unlink()
    except OSError as error:
        raise InconclusiveError(f"cannot write {path}: {error.strerror}") from error


def writable(path: Path) -> TextIO:
    """Open a file for writing; raises InconclusiveError."""
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise InconclusiveError(f"cannot write {path}: {error.strerror}") from error
