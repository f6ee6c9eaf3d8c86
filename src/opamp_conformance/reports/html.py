"""The run as one HTML page, which loads nothing from the network, and is readable without scripts."""

from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from opamp_conformance.reports.areas import shares
from opamp_conformance.reports.closing_summary import summary_of
from opamp_conformance.reports.run_record import RunRecord
from opamp_conformance.results.events import Event, RunFinished
from opamp_conformance.results.verdicts import Verdict

PROBLEMS = (Verdict.FAILED, Verdict.BLOCKED, Verdict.ERROR, Verdict.WARNED)
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
            self._path.write_text(page(RunRecord.of(self._events)), encoding="utf-8")


def page(record: RunRecord) -> str:
    """Make the page of a run."""
    groups = summary_of([*record.findings, *record.scenarios]).groups()
    return rendered("report.html", run=record, groups=groups, areas=list(shares(record)))


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
    environment.globals["problems"] = PROBLEMS
    environment.filters["title"] = titled
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    environment.filters["slug"] = lambda text: text.replace(" ", "-")
    return environment


def titled(chapter: str) -> str:
    """Write the name of a chapter as a heading."""
    return chapter.replace("_", " ").capitalize()
