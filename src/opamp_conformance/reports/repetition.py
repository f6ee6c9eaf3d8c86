"""Several runs of the same scenarios: which of them came out differently."""

from collections import Counter
from collections.abc import Iterator

from opamp_conformance.results.events import Event, FindingBooked, ScenarioFinished
from opamp_conformance.results.verdicts import Verdict


class Repetition:
    """Collects the verdicts of several runs."""

    def __init__(self) -> None:
        self._verdicts: dict[str, Counter[Verdict]] = {}
        self._findings: Counter[str] = Counter()

    def handle(self, event: Event) -> None:
        """Take one event."""
        match event:
            case ScenarioFinished():
                self._verdicts.setdefault(f"{event.key} ({event.transport})", Counter())[event.verdict] += 1
            case FindingBooked():
                self._findings[event.requirement] += 1
            case _:
                pass

    def differences(self, runs: int) -> Iterator[str]:
        """Return one line for each scenario with several verdicts, and for each finding of only some of the runs."""
        for name, verdicts in self._verdicts.items():
            if len(verdicts) > 1:
                yield f"{name}: " + ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
        for requirement, count in self._findings.items():
            if count < runs:
                yield f"{requirement} (every message): broken in {count} of {runs} runs"
