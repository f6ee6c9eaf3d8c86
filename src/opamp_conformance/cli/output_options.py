"""The options for files that are made of a run, or of the file of an earlier run."""

import os
from pathlib import Path

import click

from opamp_conformance.cli.files import FILE, require_different, require_writable
from opamp_conformance.cli.help import combine_options
from opamp_conformance.reports.badge import BadgeFile
from opamp_conformance.reports.github import GitHub
from opamp_conformance.reports.junit import JUnit
from opamp_conformance.results.events import Listener

output_options = combine_options(
    click.option("--html", type=FILE, help="Write the results as one page to this file."),
    click.option("--junit", type=FILE, help="Write JUnit XML to this file."),
    click.option("--badge", type=FILE, help="Write the verdict to this file, in the format of shields.io."),
)
"""The options of every command that writes reports."""


def outputs_of(html: Path | None, junit: Path | None, badge: Path | None, **others: Path | None) -> list[Listener]:
    """Make the outputs that options ask for; raises InconclusiveError for files that cannot be written.

    The files are written at the end, so a run that cannot begin leaves earlier reports as they are. ``others`` are
    files of other options.
    """
    require_different({"--html": html, "--junit": junit, "--badge": badge, **others})
    outputs: list[Listener] = []
    for path, output in ((html, _html), (junit, JUnit), (badge, BadgeFile)):
        if path is not None:
            require_writable(path)
            outputs.append(output(path))
    return outputs


def _html(path: Path) -> Listener:
    from opamp_conformance.reports.html import Html  # noqa: PLC0415 - it loads a template engine

    return Html(path)


def on_github() -> list[Listener]:
    """Return the output for GitHub Actions, if this runs there."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return []
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    return [GitHub(click.echo, Path(summary) if summary else None)]
