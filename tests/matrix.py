"""Runs of the suite against a mock server that deviates, side by side in processes."""

import multiprocessing
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from opamp_conformance.catalogue import Scenario, load_catalogue
from opamp_conformance.events import Event, FindingBooked, ScenarioFinished
from opamp_conformance.ledger import Contract
from opamp_conformance.run import examine
from opamp_conformance.selection import Selection
from opamp_conformance.targets.mock import MockTarget
from opamp_conformance.verdicts import ExitCode, Verdict
from opamp_mock_server import DEVIATIONS, Settings

BROKEN = (Verdict.FAILED, Verdict.WARNED)
CONTROLS = 20
"""How many scenarios that a deviation should not touch run beside those that it should."""
# Long enough for a busy machine; only what is never answered waits for it.
TIMEOUT = 3.0


@dataclass
class Record:
    """What a run said."""

    scenarios: list[ScenarioFinished] = field(default_factory=list)
    findings: list[FindingBooked] = field(default_factory=list)

    def handle(self, event: Event) -> None:
        match event:
            case ScenarioFinished():
                self.scenarios.append(event)
            case FindingBooked():
                self.findings.append(event)
            case _:
                pass

    def ended(self, *verdicts: Verdict) -> list[ScenarioFinished]:
        return [event for event in self.scenarios if event.verdict in verdicts]


class Graded(NamedTuple):
    """The outcome of one run: scenarios with their verdicts, requirements of findings."""

    code: ExitCode
    record: Record

    @property
    def findings(self) -> set[str]:
        return {finding.requirement for finding in self.record.findings}

    def broken(self) -> list[ScenarioFinished]:
        return self.record.ended(*BROKEN)


def is_nightly() -> bool:
    """Whether every deviation runs all scenarios, which takes some minutes."""
    return os.environ.get("OPAMP_NIGHTLY") == "1"


def scenarios_for(deviation: str, turn: int) -> list[Scenario]:
    """Choose those that the deviation could break, and others as controls, by turns so that all have theirs."""
    everything = list(load_catalogue().values())
    if is_nightly():
        return everything
    broken = set(DEVIATIONS[deviation].breaks)
    affected = [s for s in everything if broken & {requirement.id for requirement in s.requirements}]
    others = [s for s in everything if s not in affected]
    first = turn * CONTROLS % len(others)
    return affected + (others + others)[first : first + CONTROLS]


def grade(deviations: Sequence[str], scenarios: Iterable[Scenario] = ()) -> Graded:
    """Run scenarios, or all there are, against a mock server with some deviations."""
    record = Record()
    target = MockTarget(Settings(deviations=tuple(DEVIATIONS[deviation] for deviation in deviations)))
    selection = Selection(tuple(Contract), only=[scenario.name for scenario in scenarios])
    code = examine(target, selection, timeout=TIMEOUT, workers=1, listeners=[record])
    return Graded(code, record)


def grade_in_turn(deviation: str, turn: int) -> Graded:
    return grade([deviation], scenarios_for(deviation, turn))


def grade_all() -> dict[str, Graded]:
    """Grade every deviation, as many at once as there are processors."""
    turns = range(len(DEVIATIONS))
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        return dict(zip(DEVIATIONS, pool.map(grade_in_turn, DEVIATIONS, turns), strict=True))
