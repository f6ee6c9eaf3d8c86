"""The run as one page: nothing from the network, readable without scripts, printable."""

from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from opamp_conformance.events import Event, RunFinished
from opamp_conformance.reports.recording import Recording
from opamp_conformance.verdicts import Verdict

TROUBLE = (Verdict.FAILED, Verdict.BLOCKED, Verdict.ERROR, Verdict.WARNED)
"""The verdicts that a reader looks for first."""


class Html:
    """Collects a run and writes the page when it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._events: list[Event] = []

    def handle(self, event: Event) -> None:
        """Take one event; the last one writes the file."""
        self._events.append(event)
        if isinstance(event, RunFinished):
            self._path.write_text(page(Recording.of(self._events)), encoding="utf-8")


def page(recording: Recording) -> str:
    """Make the page of a run."""
    return rendered("report.html", run=recording, trouble=TROUBLE)


def rendered(template: str, **values: Any) -> str:
    """Render one of our templates."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["verdicts"] = list(Verdict)
    environment.filters["title"] = titled
    environment.filters["slug"] = lambda text: text.replace(" ", "-")
    return environment


def titled(chapter: str) -> str:
    """Name a chapter as a heading does."""
    return chapter.replace("_", " ").capitalize()
