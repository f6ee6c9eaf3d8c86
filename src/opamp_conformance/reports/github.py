"""The run on GitHub Actions: failures as annotations, and a table of the reasons in the job summary."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from opamp_conformance.reports.closing_summary import Group, Reason, summary_of
from opamp_conformance.reports.run_record import RunRecord
from opamp_conformance.results.events import Event, FindingBooked, RunFinished, ScenarioFinished, TargetLost
from opamp_conformance.results.verdicts import Verdict

_KINDS: Final = {
    Verdict.FAILED: "error",
    Verdict.BLOCKED: "error",
    Verdict.ERROR: "error",
    Verdict.WARNED: "warning",
}
_MOST: Final = 10
"""GitHub shows no more annotations of one kind per step."""
_MOST_ROWS: Final = 200
"""GitHub drops a summary of more than 1 MiB."""


class GitHub:
    """Writes workflow commands with ``say``, and appends Markdown to the file of the summary, if there is one."""

    def __init__(self, say: Callable[[str], None], summary: Path | None) -> None:
        self._say = say
        self._summary = summary
        self._events: list[Event] = []
        self._annotations = dict.fromkeys(_KINDS.values(), 0)

    def handle(self, event: Event) -> None:
        """Take one event."""
        self._events.append(event)
        match event:
            case ScenarioFinished() | FindingBooked() if event.verdict in _KINDS:
                self._annotate(event)
            case TargetLost():
                self._say(f"::error title=The server stopped answering::{_data(event.because)}")
            case RunFinished() if self._summary is not None:
                with self._summary.open("a", encoding="utf-8") as file:
                    file.write(_markdown(RunRecord.of(self._events)))

    def _annotate(self, event: ScenarioFinished | FindingBooked) -> None:
        kind = _KINDS[event.verdict]
        self._annotations[kind] += 1
        if self._annotations[kind] > _MOST:
            return
        link = event.links[0] if isinstance(event, ScenarioFinished) else event.link
        self._say(f"::{kind} title={_property(f'{event.level} {_name(event)}')}::{_data(f'{event.because} ({link})')}")


def _name(event: ScenarioFinished | FindingBooked) -> str:
    if isinstance(event, FindingBooked):
        return f"{event.requirement}, in {event.count} messages"
    return f"{event.key} ({event.transport}): {event.title}"


def _markdown(record: RunRecord) -> str:
    started = record.started
    lines = [f"## OpAMP {started.specification}: {record.verdict}", ""]
    lines += [f"{_cell(started.target)}, contracts {', '.join(started.contracts)}", ""]
    for loss in record.losses:
        lines += [f"**{_cell(loss.because)}**", ""]
    shown = [verdict for verdict in Verdict if record.finished.verdicts.get(verdict)]
    lines += [f"| chapter | {' | '.join(shown)} |", f"|---|{'---|' * len(shown)}"]
    for chapter, counts in record.counts("chapter").items():
        lines.append(f"| {chapter} | {' | '.join(str(counts[verdict] or '') for verdict in shown)} |")
    rows = [
        _row(group, reason)
        for group in summary_of([*record.scenarios, *record.findings]).groups()
        for reason in group.worst()
    ]
    if rows:
        lines += ["", "| verdict | level | requirement | why | how often | again |", "|---|---|---|---|---|---|"]
    lines += rows[:_MOST_ROWS]
    if len(rows) > _MOST_ROWS:
        lines += ["", f"and {len(rows) - _MOST_ROWS} other reasons"]
    return "\n".join([*lines, "", ""])


def _row(group: Group, reason: Reason) -> str:
    level = "blocked by" if group.verdict is Verdict.BLOCKED else group.level
    again = f"`{_cell(reason.reproduce)}`" if reason.reproduce else ""
    return (
        f"| {' | '.join(map(_cell, (group.verdict, level, group.requirement, reason.text, reason.count)))} | {again} |"
    )


def _cell(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
    return " ".join(escaped.split())


def _data(text: str) -> str:
    """Escape the message of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape a property of a workflow command."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
