"""The options that say which files a run, or the stream of one, becomes."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO, TypeVar

import click

from opamp_conformance.errors import CannotTell
from opamp_conformance.events import Listener
from opamp_conformance.reports.badge import Badge
from opamp_conformance.reports.github import GitHub
from opamp_conformance.reports.html import Html
from opamp_conformance.reports.junit import JUnit

F = TypeVar("F", bound=Callable[..., Any])

FILE: Final = click.Path(path_type=Path)

_OPTIONS: Final = (
    click.option("--html", type=FILE, help="Write the run as one page to this file."),
    click.option("--junit", type=FILE, help="Write JUnit XML to this file."),
    click.option("--badge", type=FILE, help="Write the verdict to this file, as shields.io reads it."),
)


def output_options(command: F) -> F:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@contextmanager
def opened(
    html: Path | None, junit: Path | None, badge: Path | None, **others: Path | None
) -> Iterator[list[Listener]]:
    """Open the files to write before anything is sent, so that a run's outcome is never lost to a path.

    ``others`` are files that somebody else writes; raises CannotTell.
    """
    require_different({"--html": html, "--junit": junit, "--badge": badge, **others})
    outputs: list[Listener] = []
    for path, output in ((html, Html), (junit, JUnit), (badge, Badge)):
        if path is not None:
            writable(path).close()
            outputs.append(output(path))
    yield outputs


def on_github() -> list[Listener]:
    """Return what tells GitHub Actions, if this runs there."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return []
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    return [GitHub(click.echo, Path(summary) if summary else None)]


def require_different(files: Mapping[str, Path | None]) -> None:
    """Raise CannotTell if two options name the same file."""
    seen: dict[Path, str] = {}
    for option, path in files.items():
        if path is None:
            continue
        if path.resolve() in seen:
            raise CannotTell(f"{seen[path.resolve()]} and {option} name the same file")
        seen[path.resolve()] = option


def writable(path: Path) -> TextIO:
    """Open a file to write; raises CannotTell."""
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise CannotTell(f"cannot write {path}: {error.strerror}") from error
