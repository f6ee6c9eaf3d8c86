"""The run's part in the pytest session: it brings the plan in, and passes events on to the listeners."""

import os
import signal
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from opamp_conformance import __version__
from opamp_conformance.checks.findings import MAX_SAMPLES
from opamp_conformance.client.agent_tracker import CleanupReport
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.ledger.ledger import load_ledger
from opamp_conformance.results.events import (
    SCHEMA,
    Event,
    FindingBooked,
    Listener,
    RunFinished,
    RunStarted,
    ScenarioFinished,
    TargetLost,
)
from opamp_conformance.results.verdicts import ExitCode, Verdict, exit_code
from opamp_conformance.runner import channel, signals
from opamp_conformance.runner.channel import WorkerSummary
from opamp_conformance.runner.plan import RunPlan
from opamp_conformance.runner.walking import WalkReport
from opamp_conformance.suite.selection import Selection
from opamp_conformance.targets import Target

# How long an interrupted run waits for its workers to disconnect their agents.
_CLEANUP_SECONDS: Final = 20.0
_BREACHES: Final = (Verdict.FAILED, Verdict.WARNED, Verdict.KNOWN, Verdict.FLAKY)
_STALE: Final = "it is no longer broken: remove it from the profile"


class RunSession:
    """Counts verdicts and collects findings. It is a plugin of the pytest session of the run."""

    def __init__(
        self, plan: RunPlan, listeners: Sequence[Listener], cleanup: CleanupReport, profile: str, *, is_whole: bool
    ) -> None:
        """``cleanup`` is about the agents of the preflight; ``is_whole`` says that no scenario was left out."""
        self._plan = plan
        self._ledger = load_ledger(plan.spec_version)
        self._profile = profile
        self._is_whole = is_whole
        self._listeners = list(listeners)
        self._cleanups = [cleanup]
        self._findings: dict[str, FindingBooked] = {}
        self._verdicts: Counter[Verdict] = Counter()
        self._in_development: Counter[Verdict] = Counter()
        self._newer: Counter[str] = Counter()
        self._failed = False
        self._known: set[str] = set()
        self._broken: set[str] = set()
        self._blocked: dict[str, list[ScenarioFinished]] = {}
        self._unwritten: list[str] = []
        self._problem = ""
        self._plugins: pytest.PytestPluginManager | None = None
        self._pids: list[int] = []
        self._has_begun = False
        self._walks = WalkReport()
        self._is_target_gone = False
        self._signs: set[str] = set()
        self._began = time.monotonic()

    def start(self, target: Target, selection: Selection, workers: int) -> None:
        """Announce the run."""
        self._emit(
            RunStarted(
                schema=SCHEMA,
                started_at=datetime.now(UTC).isoformat(timespec="seconds"),
                suite_version=__version__,
                specification=self._plan.spec_version.tag,
                target=target.name,
                url=self._plan.endpoint.url,
                contracts=tuple(selection.contracts),
                transports=self._plan.served,
                only=tuple(selection.only),
                skip=tuple(selection.skip),
                strict=self._plan.strict,
                profile=self._profile,
                scenarios=len(self._plan.cases or ()),
                workers=workers,
                run_id=self._plan.run_id,
            )
        )

    def finish(self) -> ExitCode:
        """Report the findings and sum up; raises InconclusiveError if the run did not complete."""
        ran, planned = sum(self._verdicts.values()), len(self._plan.cases or ())
        if ran != planned and not self._problem:
            self._problem = f"only {ran} of {planned} scenarios were completed"
        if self._is_whole and not self._problem:
            self._findings |= self._stale_findings()
        if not self._failed:  # A run that is not conformant has to say what the target breaks.
            self._findings = self._causes_of_blocking() | self._findings
        for finding in self._findings.values():
            self._verdicts[finding.verdict] += 1
            self._emit(finding)
        # An incomplete run says nothing about the target, even if it has found failures.
        is_fine_walk = not self._verdicts and self._walks.walks > 0
        told = ExitCode.CONFORMANT if is_fine_walk else exit_code(self._verdicts)
        code = ExitCode.COULD_NOT_TELL if self._problem else told
        self._emit(
            RunFinished(
                exit_code=code,
                verdicts={verdict: self._verdicts[verdict] for verdict in Verdict if self._verdicts[verdict]},
                in_development={v: self._in_development[v] for v in Verdict if self._in_development[v]},
                agents=sum(cleanup.agents for cleanup in self._cleanups),
                still_connected=sum(cleanup.still_connected for cleanup in self._cleanups),
                seconds=round(time.monotonic() - self._began, 3),
                walks=self._walks.walks,
                walk_messages=self._walks.messages,
                seed=self._walks.seed,
                newer=dict(self._newer),
            )
        )
        if self._problem:
            raise InconclusiveError(self._problem)
        if self._unwritten:
            raise InconclusiveError(f"the outcome could not be written: {self._unwritten[0]}")
        return code

    def add_walks(self, report: WalkReport) -> None:
        """Add what random walks found."""
        self._walks = report
        self._add(report.summary)
        if report.is_interrupted:
            self.interrupt()

    def interrupt(self) -> None:
        """Note that the run was interrupted."""
        self._problem = self._problem or "interrupted"

    def _causes_of_blocking(self) -> dict[str, FindingBooked]:
        """Make a failed finding of each requirement that blocked scenarios."""
        return {
            requirement: replace(
                self._failed_finding(requirement, self._ledger[requirement].statement, blocked[0].actual),
                count=len(blocked),
                transcript=blocked[0].transcript,
            )
            for requirement, blocked in self._blocked.items()
        }

    def _stale_findings(self) -> dict[str, FindingBooked]:
        """Make a failed finding of each entry of the profile that is outdated.

        These are known requirements that neither a message nor a scenario breaks any more, and unsupported parts whose
        capability the server announces, or that it uses.
        """
        supported = {
            requirement: self._failed_finding(
                requirement,
                f"a server that does not support it: {because}",
                f"the server {sign}: remove the entry from the profile",
            )
            for sign, (requirement, because) in self._plan.unsupported_signs.items()
            if sign in self._signs and self._is_due(requirement)
        }
        return supported | {
            requirement: self._failed_finding(requirement, f"a known failure: {excuse.because}", _STALE)
            for requirement, excuse in self._plan.known_findings.items()
            if requirement not in self._findings and requirement not in self._known and self._is_due(requirement)
        }

    def _is_due(self, requirement: str) -> bool:
        """Return whether the version of the run has a requirement."""
        known = self._ledger.get(requirement)
        return known is not None and not known.is_newer_than(self._plan.spec_version)

    @property
    def broken(self) -> set[str]:
        """The requirements that a scenario or a message has shown to be broken so far."""
        return {*self._broken, *self._findings}

    @property
    def can_go_on(self) -> bool:
        """Whether nothing has gone wrong so far, and the target still answers."""
        return not self._problem and not self._is_target_gone

    # ---- hooks of pytest and pytest-xdist

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        self._plugins = config.pluginmanager
        channel.set_plan(config, self._plan, self._take)

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionstart(self) -> Generator[None, None, None]:
        """Start workers with signals blocked; they unblock them once they can handle them."""
        with signals.blocked():
            yield

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        channel.send_plan(node, self._plan)
        # xdist does not report the process ids of its workers.
        asked = node.gateway.remote_exec("import os; channel.send(os.getpid())")
        self._pids.append(asked.receive())
        asked.waitclose()

    def pytest_runtest_logstart(self) -> None:
        self._has_begun = True
        signals.raise_if_interrupted()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for event in channel.events_of(report):
            self._take(event)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._add(channel.summary_of(session.config))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        self._add(channel.received_summary(node))
        if error:
            self._problem = self._problem or f"a worker ended unexpectedly: {error}"

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._problem = f"the suite cannot be loaded: {report.longrepr}"

    def pytest_internalerror(self, excrepr: object) -> None:
        self._problem = f"the suite failed: {excrepr}"

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        signals.ignore()  # A second one must not keep the run from its end.
        is_exit = isinstance(excinfo.value, pytest.exit.Exception)
        self._problem = str(excinfo.value) if is_exit else "interrupted"
        workers = None if self._plugins is None else self._plugins.getplugin("dsession")
        if workers is not None:
            self._end_workers(workers)

    # ---- what comes in

    def _end_workers(self, workers: Any) -> None:
        """Terminate the workers, and wait for their summaries: an interrupted xdist does not listen to them."""
        with signals.ignored():
            for pid in self._pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + _CLEANUP_SECONDS
            with suppress(AssertionError, AttributeError, RuntimeError):  # They had not begun, or have ended already.
                workers.triggershutdown()
                while workers._active_nodes and time.monotonic() < deadline:
                    workers.loop_once()
        if getattr(workers, "_active_nodes", ()) and self._has_begun:
            self._problem += f"; {len(workers._active_nodes)} workers did not report the agents that they created"

    def _take(self, event: Event) -> None:
        """Count a verdict, and pass its event on."""
        if isinstance(event, ScenarioFinished):
            self._verdicts[event.verdict] += 1
            self._in_development[event.verdict] += event.is_in_development and not event.outcome
            if event.outcome:
                self._newer[event.outcome] += 1
            self._failed |= event.verdict is Verdict.FAILED
            if event.verdict is Verdict.KNOWN:
                self._known.update(event.requirements)
            if event.verdict in _BREACHES:
                self._broken.update(event.requirements)
            if event.blocked_by:
                self._blocked.setdefault(event.blocked_by, []).append(event)
        elif isinstance(event, TargetLost):
            self._is_target_gone |= not event.has_returned
        self._emit(event)

    def _add(self, summary: WorkerSummary | None) -> None:
        """Add the summary of one process."""
        if summary is None:
            return
        self._cleanups.append(summary.cleanup)
        self._signs.update(summary.signs)
        self._problem = self._problem or summary.problem
        for finding in summary.findings:
            earlier = self._findings.get(finding.requirement)
            self._findings[finding.requirement] = finding if earlier is None else _merged(earlier, finding)

    def _failed_finding(self, requirement: str, expected: str, actual: str) -> FindingBooked:
        entry = self._ledger[requirement]
        return FindingBooked(requirement, entry.level, entry.link, Verdict.FAILED, 0, expected, actual, ())

    def _emit(self, event: Event) -> None:
        """Pass an event on; a listener that cannot write gets no more events, and the run continues."""
        for listener in list(self._listeners):
            try:
                listener.handle(event)
            except (OSError, ValueError) as error:
                self._listeners.remove(listener)
                self._unwritten.append(str(error) or type(error).__name__)


def _merged(first: FindingBooked, second: FindingBooked) -> FindingBooked:
    """Make one finding of those of two processes; it is excused if both are."""
    if first.known_because and not second.known_because:
        first, second = second, first
    samples = first.transcript if second.known_because else (*first.transcript, *second.transcript)
    return replace(
        first,
        count=first.count + second.count,
        transcript=samples[:MAX_SAMPLES],
        walk=first.walk or second.walk,
        reproduce=first.reproduce or second.reproduce,
    )
