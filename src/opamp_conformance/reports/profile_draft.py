"""A profile that lists what a run broke, so that the next run is conformant unless something else breaks."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from opamp_conformance.results.events import Event, FindingBooked, RunFinished, RunStarted, ScenarioFinished
from opamp_conformance.results.verdicts import Verdict

_BROKEN = (Verdict.FAILED, Verdict.WARNED, Verdict.KNOWN)
REASON_TO_DO = "TO DO: why"
_DIFFERS = re.compile(r"[0-9a-fA-F]{8,}|[0-9]+(?:\.[0-9]+)?")
"""What differs between two runs: instance_uids, ports, times and counts."""
_SPECIAL = re.compile(r"[*?\[]")
_LONGEST = 120


class ProfileDraft:
    """Writes the profile when the run ends. A person fills in the reasons."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._head = ""
        self._scenarios: dict[tuple[str, str, str], list[ScenarioFinished]] = {}
        self._findings: list[FindingBooked] = []

    def handle(self, event: Event) -> None:
        """Take one event; the last one writes the file."""
        match event:
            case RunStarted():
                self._head = f"# What {event.target} broke by OpAMP {event.specification} on {event.started_at}.\n"
            case ScenarioFinished() if event.verdict in _BROKEN:
                known = event.known_because or REASON_TO_DO
                group = event.requirements[0], known, _glob(event.actual)
                self._scenarios.setdefault(group, []).append(event)
            case FindingBooked() if event.verdict in _BROKEN and event.count:
                self._findings.append(event)
            case RunFinished():
                self._path.write_text(self._head + "".join(self._entries()), encoding="utf-8")

    def _entries(self) -> Iterator[str]:
        for (requirement, because, actual), events in self._scenarios.items():
            keys = list(dict.fromkeys(event.key for event in events))
            transports = {event.transport for event in events}
            yield f"\n[[known]]  # {requirement}: {_comment(events[0].because)}\n"
            yield f"scenarios = {json.dumps(keys, ensure_ascii=False)}\n"
            if len(transports) == 1:
                yield f'transport = "{transports.pop()}"\n'
            yield f"actual = {json.dumps(actual, ensure_ascii=False)}\n"
            yield f"because = {json.dumps(because, ensure_ascii=False)}\n"
        for finding in self._findings:
            yield f"\n[[known]]  # in {finding.count} messages: {_comment(finding.because)}\n"
            yield f"requirements = {json.dumps([finding.requirement])}\n"
            yield f"because = {json.dumps(finding.known_because or REASON_TO_DO, ensure_ascii=False)}\n"


def _glob(actual: str) -> str:
    """Return a glob of what came, which fits it in the next run, too."""
    is_long = len(actual) > _LONGEST
    constant = (_SPECIAL.sub(r"[\g<0>]", part) for part in _DIFFERS.split(actual[:_LONGEST]))
    return "*".join(constant) + ("*" if is_long else "")


def _comment(text: str) -> str:
    return " ".join(text.split())
