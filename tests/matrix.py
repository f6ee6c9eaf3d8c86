"""Runs of the suite against a mock server that deviates, side by side in processes."""

import multiprocessing
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from opamp_conformance.catalogue import Scenario, load_catalogue
from opamp_conformance.events import Event, FindingBooked, ScenarioFinished
from opamp_conformance.ledger import Contract
from opamp_conformance.run import examine
from opamp_conformance.selection import Selection
from opamp_conformance.targets.elasticsearch import Access
from opamp_conformance.targets.mock import MockTarget
from opamp_conformance.verdicts import ExitCode, Verdict
from opamp_mock_server import DEVIATIONS, Elasticsearch, Settings

BROKEN = (Verdict.FAILED, Verdict.WARNED)
CONTROLS = 10
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


def elasticsearch() -> str | None:
    """The URL of an Elasticsearch for tests, None if there is none."""
    return os.environ.get("ELASTICSEARCH_URL")


@contextmanager
def index() -> Iterator[Elasticsearch]:
    """Have indices of Elasticsearch for one server, and remove them after it."""
    url = elasticsearch()
    assert url is not None
    store = Elasticsearch(url, f"opamp-test-{secrets.token_hex(6)}")
    try:
        yield store
    finally:
        names = (store.index, store.plans_index, store.instances_index)
        with Access(url).client() as client:
            client.indices.delete(index=list(names), ignore_unavailable=True)
            for name in names:
                client.options(ignore_status=404).indices.delete_index_template(name=name)


def grade(deviations: Sequence[str], scenarios: Iterable[Scenario] = (), store: Elasticsearch | None = None) -> Graded:
    """Run scenarios, or all there are, against a mock server with some deviations."""
    record = Record()
    target = MockTarget(Settings(deviations=tuple(DEVIATIONS[deviation] for deviation in deviations), store=store))
    selection = Selection(tuple(Contract), only=[scenario.name for scenario in scenarios])
    code = examine(target, selection, timeout=TIMEOUT, workers=1, listeners=[record])
    return Graded(code, record)


def grade_in_turn(deviation: str, turn: int) -> Graded:
    if not DEVIATIONS[deviation].needs_elasticsearch:
        return grade([deviation], scenarios_for(deviation, turn))
    with index() as store:
        return grade([deviation], scenarios_for(deviation, turn), store)


def can_be_graded(deviation: str) -> bool:
    return not DEVIATIONS[deviation].needs_elasticsearch or elasticsearch() is not None


def grade_all() -> dict[str, Graded]:
    """Grade every deviation that can be graded here, as many at once as there are processors."""
    graded = [deviation for deviation in DEVIATIONS if can_be_graded(deviation)]
    turns = range(len(graded))
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        return dict(zip(graded, pool.map(grade_in_turn, graded, turns), strict=True))
