"""The run on GitHub Actions: failures as annotations, and a table in the summary of the job."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from opamp_conformance.events import Event, FindingBooked, RunFinished, ScenarioFinished
from opamp_conformance.reports.recording import Recording
from opamp_conformance.verdicts import Verdict

_KINDS: Final = {
    Verdict.FAILED: "error",
    Verdict.BLOCKED: "error",
    Verdict.ERROR: "error",
    Verdict.WARNED: "warning",
}
_MOST: Final = 10
"""GitHub shows no more annotations of one kind and step."""


class GitHub:
    """Writes workflow commands by ``say``, and appends Markdown to the summary's file, if there is one."""

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
            case RunFinished() if self._summary is not None:
                with self._summary.open("a", encoding="utf-8") as file:
                    file.write(_markdown(Recording.of(self._events)))

    def _annotate(self, event: ScenarioFinished | FindingBooked) -> None:
        kind = _KINDS[event.verdict]
        self._annotations[kind] += 1
        if self._annotations[kind] > _MOST:
            return
        link = event.links[0] if isinstance(event, ScenarioFinished) else event.link
        self._say(f"::{kind} title={_property(f'{event.level} {_name(event)}')}::{_data(f'{event.because} ({link})')}")


def _name(event: ScenarioFinished | FindingBooked) -> str:
    if isinstance(event, FindingBooked):
        return f"{event.requirement}, in {event.count} replies"
    return f"{event.chapter}: {event.name} ({event.transport})"


def _markdown(recording: Recording) -> str:
    started = recording.started
    lines = [f"## OpAMP {started.specification}: {recording.verdict}", ""]
    lines += [f"{_cell(started.target)}, contracts {', '.join(started.contracts)}", ""]
    shown = [verdict for verdict in Verdict if recording.finished.verdicts.get(verdict)]
    lines += [f"| chapter | {' | '.join(shown)} |", f"|---|{'---|' * len(shown)}"]
    for chapter, counts in recording.counts("chapter").items():
        lines.append(f"| {chapter} | {' | '.join(str(counts[verdict] or '') for verdict in shown)} |")
    judged: list[ScenarioFinished | FindingBooked] = [*recording.scenarios, *recording.findings]
    trouble = [event for event in judged if event.verdict in _KINDS]
    if trouble:
        lines += ["", "| verdict | level | what | expected | actual |", "|---|---|---|---|---|"]
    for event in trouble:
        cells = (event.verdict, event.level, _name(event), event.expected, event.actual)
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    return "\n".join([*lines, "", ""])


def _cell(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
    return " ".join(escaped.split())


def _data(text: str) -> str:
    """Escape the message of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape a property of a workflow command."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
