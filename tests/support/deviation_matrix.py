"""Runs of the suite against mock servers that deviate, in parallel processes."""

import multiprocessing
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from opamp_conformance.client.timing import Timing
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.results.events import Event, FindingBooked, ScenarioFinished, TargetLost
from opamp_conformance.results.verdicts import ExitCode, Verdict
from opamp_conformance.runner.run import grade as grade_target
from opamp_conformance.suite.catalogue import Scenario, load_catalogue
from opamp_conformance.suite.selection import Selection
from opamp_conformance.targets.elasticsearch import ElasticsearchAccess
from opamp_conformance.targets.mock import MockTarget
from opamp_mock_server import DEVIATIONS, ElasticsearchSettings, Settings

BROKEN = (Verdict.FAILED, Verdict.WARNED)
CONTROLS = 10
"""How many scenarios run that a deviation should not break."""
# Long enough for a busy machine; only messages without an answer wait for so long.
TIMEOUT = 6.0
_RUNS_PER_PROCESSOR = 2


@dataclass
class RunRecord:
    """The events of a run."""

    scenarios: list[ScenarioFinished] = field(default_factory=list)
    findings: list[FindingBooked] = field(default_factory=list)
    losses: list[TargetLost] = field(default_factory=list)

    def handle(self, event: Event) -> None:
        match event:
            case TargetLost():
                self.losses.append(event)
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
    record: RunRecord

    @property
    def findings(self) -> set[str]:
        return {finding.requirement for finding in self.record.findings}

    def broken(self) -> list[ScenarioFinished]:
        return self.record.ended(*BROKEN)


def is_nightly() -> bool:
    """Tell whether every deviation runs all scenarios, which takes some minutes."""
    return os.environ.get("OPAMP_NIGHTLY") == "1"


def scenarios_for(deviation: str) -> list[Scenario]:
    """Choose the scenarios that the deviation could break, and some others as controls.

    Deviations take their controls in turn, so that each scenario is a control of some.
    """
    everything = list(load_catalogue().values())
    if is_nightly():
        return everything
    broken = set(DEVIATIONS[deviation].breaks)
    affected = [s for s in everything if broken & {requirement.id for requirement in s.requirements}]
    others = [s for s in everything if s not in affected]
    first = list(DEVIATIONS).index(deviation) * CONTROLS % len(others)
    return affected + (others + others)[first : first + CONTROLS]


def elasticsearch() -> str | None:
    """Return the URL of an Elasticsearch for tests, None if there is none."""
    return os.environ.get("ELASTICSEARCH_URL")


@contextmanager
def index() -> Iterator[ElasticsearchSettings]:
    """Use indices of Elasticsearch for one server in the ``with`` block, and delete them afterwards."""
    url = elasticsearch()
    assert url is not None
    store = ElasticsearchSettings(url, f"opamp-test-{secrets.token_hex(6)}")
    try:
        yield store
    finally:
        names = (store.index, store.desired_state_index, store.instances_index)
        with ElasticsearchAccess(url).client() as client:
            client.indices.delete(index=list(names), ignore_unavailable=True)
            for name in names:
                client.options(ignore_status=404).indices.delete_index_template(name=name)


def grade(
    deviations: Sequence[str], scenarios: Iterable[Scenario] = (), store: ElasticsearchSettings | None = None
) -> Graded:
    """Run scenarios, or all scenarios, against a mock server with some deviations."""
    record = RunRecord()
    target = MockTarget(Settings(deviations=tuple(DEVIATIONS[deviation] for deviation in deviations), store=store))
    selection = Selection(tuple(Contract), only=[scenario.key for scenario in scenarios])
    code = grade_target(target, selection, timing=Timing(TIMEOUT), workers=1, listeners=[record])
    return Graded(code, record)


def grade_deviation(deviation: str) -> Graded:
    if not DEVIATIONS[deviation].needs_elasticsearch:
        return grade([deviation], scenarios_for(deviation))
    with index() as store:
        return grade([deviation], scenarios_for(deviation), store)


def can_be_graded(deviation: str) -> bool:
    return not DEVIATIONS[deviation].needs_elasticsearch or elasticsearch() is not None


class Matrix(Mapping[str, Graded]):
    """The results of deviations, which are graded in parallel, several for each processor, because they mostly wait."""

    def __init__(self, deviations: Iterable[str]) -> None:
        processes = _RUNS_PER_PROCESSOR * (os.cpu_count() or 1)
        self._pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"))
        self._results = {
            deviation: self._pool.submit(grade_deviation, deviation)
            for deviation in deviations
            if can_be_graded(deviation)
        }

    def __enter__(self) -> "Matrix":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __getitem__(self, deviation: str) -> Graded:
        return self._results[deviation].result()

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)
