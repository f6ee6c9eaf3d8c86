"""The results of graded runs: of one run, and of a run for each deviation, in parallel processes."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple, Self
from zlib import crc32

from opamp_conformance.results.events import Event, FindingBooked, ScenarioFinished, TargetLost
from opamp_conformance.results.verdicts import ExitCode, Verdict
from opamp_conformance.suite.catalogue import Scenario

BROKEN = (Verdict.FAILED, Verdict.WARNED)


def is_nightly() -> bool:
    """Tell whether every deviation runs all scenarios, which takes some minutes."""
    return os.environ.get("OPAMP_NIGHTLY") == "1"


def controls(deviation: str, others: Sequence[Scenario], count: int) -> list[Scenario]:
    """Choose some scenarios that a deviation does not break: at random, but the same ones whatever else is added."""
    return sorted(others, key=lambda scenario: crc32(f"{deviation} {scenario.key}".encode()))[:count]


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

    def noticed(self) -> set[str]:
        """Return the requirements of scenarios that did not pass, and of findings."""
        return {requirement for event in self.broken() for requirement in event.requirements} | self.findings

    def broken(self) -> list[ScenarioFinished]:
        return self.record.ended(*BROKEN)


def _end_with(parent: int) -> None:
    """Let this process end soon after its parent: a pool whose parent was killed would wait forever."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class Matrix(Mapping[str, Graded]):
    """The results of deviations. Runs wait a part of their time, so several share a processor."""

    def __init__(self, runs_per_processor: float) -> None:
        processes = round(runs_per_processor * (os.cpu_count() or 1))
        spawn = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(processes, spawn, initializer=_end_with, initargs=(os.getpid(),))
        self._results: dict[str, Future[Graded]] = {}

    def start(self, grade_one: Callable[[str], Graded], deviations: Iterable[str]) -> Self:
        """Let runs of deviations begin."""
        self._results |= {deviation: self.pool.submit(grade_one, deviation) for deviation in deviations}
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown(cancel_futures=True)

    def __getitem__(self, deviation: str) -> Graded:
        return self._results[deviation].result()

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)
