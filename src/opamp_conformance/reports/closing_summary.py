"""The end of a run for people: what is broken, grouped by requirement and reason, the worst first."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from opamp_conformance.results.events import FindingBooked, ScenarioFinished
from opamp_conformance.results.verdicts import Verdict
from opamp_conformance.text import counted

_ORDER: Final = (Verdict.ERROR, Verdict.FAILED, Verdict.BLOCKED, Verdict.WARNED)
_NUMBER: Final = re.compile(r"(0x)?[0-9a-f]{6,}|\d+", re.IGNORECASE)
_MOST_REASONS: Final = 5
"""How many reasons are shown for one requirement."""


@dataclass
class Reason:
    """One reason why a requirement is broken: as it first came, how often, and the command that shows it again."""

    text: str
    reproduce: str
    scenarios: int = 0
    messages: int = 0

    @property
    def count(self) -> str:
        """How often, in words."""
        parts = [counted(self.scenarios, "scenario")] if self.scenarios else []
        return " and ".join([*parts, *([counted(self.messages, "message")] if self.messages else [])])


@dataclass
class Group:
    """A requirement with one verdict, and the different reasons for it."""

    verdict: Verdict
    level: str
    requirement: str
    reasons: dict[str, Reason] = field(default_factory=dict)

    def worst(self) -> list[Reason]:
        """Return the reasons, the most frequent first."""
        return sorted(self.reasons.values(), key=lambda reason: -reason.scenarios)

    @property
    def size(self) -> int:
        return sum(reason.scenarios + bool(reason.messages) for reason in self.reasons.values())


class ClosingSummary:
    """Collects what did not pass."""

    def __init__(self) -> None:
        self._groups: dict[tuple[Verdict, str], Group] = {}

    def add(self, event: ScenarioFinished | FindingBooked) -> None:
        """Take one verdict."""
        if event.verdict not in _ORDER:
            return
        if isinstance(event, FindingBooked):
            again = "" if event.walk else event.reproduce  # The report of the finding has the steps of the walk.
            self._reason(event.verdict, event.level, event.requirement, event.because, again).messages += event.count
        else:
            requirement = event.blocked_by or event.requirements[0]
            self._reason(event.verdict, event.level, requirement, event.because, event.reproduce).scenarios += 1

    def groups(self) -> list[Group]:
        """Return the groups, the worst first: errors, failures, what they block, and warnings."""
        return sorted(self._groups.values(), key=lambda group: (_ORDER.index(group.verdict), -group.size))

    def lines(self) -> Iterator[str]:
        """Yield the summary as lines."""
        for group in self.groups():
            blocks = "blocked by" if group.verdict is Verdict.BLOCKED else group.level
            yield f"{group.verdict:<8}{blocks:<11}{group.requirement}"
            reasons = group.worst()
            for reason in reasons[:_MOST_REASONS]:
                yield f"    {reason.text} ({reason.count})"
                if reason.reproduce:
                    yield f"    again: {reason.reproduce}"
            if len(reasons) > _MOST_REASONS:
                yield f"    and {len(reasons) - _MOST_REASONS} other reasons"

    def _reason(self, verdict: Verdict, level: str, requirement: str, because: str, reproduce: str) -> Reason:
        group = self._groups.setdefault((verdict, requirement), Group(verdict, level, requirement))
        # The same reason often differs only in numbers and ids.
        return group.reasons.setdefault(_NUMBER.sub("N", because), Reason(because, reproduce))


def summary_of(events: Iterable[ScenarioFinished | FindingBooked]) -> ClosingSummary:
    """Return the summary of some verdicts."""
    summary = ClosingSummary()
    for event in events:
        summary.add(event)
    return summary
