"""A run from its beginning to its exit code: the suite under pytest, apart from whatever else pytest is used for."""

import json
import os
import shlex
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uuid6

import opamp_conformance.suite
from opamp_conformance import __version__, interruption
from opamp_conformance.catalogue import load_catalogue
from opamp_conformance.errors import CannotTell
from opamp_conformance.events import (
    SCHEMA,
    Event,
    FindingBooked,
    Listener,
    RunFinished,
    RunStarted,
    ScenarioFinished,
    event_of,
)
from opamp_conformance.examination import Briefing
from opamp_conformance.guests import LeftBehind
from opamp_conformance.ledger import load
from opamp_conformance.preflight import explore
from opamp_conformance.profiles import NO_PROFILE, Profile
from opamp_conformance.pytest_plugin import ENDING, EVENT, WORKER_INPUT, WORKER_OUTPUT, brief
from opamp_conformance.selection import Selection
from opamp_conformance.targets import Target
from opamp_conformance.validation import MAX_SAMPLES
from opamp_conformance.verdicts import ExitCode, Verdict, exit_code
from opamp_proto import SPECIFICATION_VERSION

_NOT_OURS = ("terminal", "cacheprovider", "logging", "warnings", "faulthandler", "unraisableexception")
"""Plugins of pytest that print, write or listen besides."""
_FAREWELL_SECONDS = 20.0
"""How long an interrupted run waits for its processes to take leave of the target."""
_SLOW_SECONDS = 0.2
_WORKERS_FOR_A_SLOW_SERVER = 16
"""Scenarios of a slow server wait side by side: it is their waiting that takes time, not their work."""


def examine(
    target: Target,
    selection: Selection,
    *,
    timeout: float,
    strict: bool = False,
    workers: int | None = None,
    profile: Profile = NO_PROFILE,
    version: str | None = None,
    listeners: Sequence[Listener] = (),
) -> ExitCode:
    """Grade a target by the selected scenarios; raises CannotTell if that cannot even begin.

    ``timeout`` bounds each exchange, in seconds. ``workers`` are processes side by side; by default as many
    as the target's first answers call for. ``version`` is that of the server, for a profile that differs by it;
    some targets know theirs. Interrupted, it still takes leave of the target.
    """
    run = uuid6.uuid7().hex
    with target.start() as endpoint:
        found = explore(endpoint, selection.transports, run, timeout)
        cases = selection.choose(load_catalogue().cases(), found.served)
        known = profile.at(version or endpoint.version)
        briefing = Briefing(
            endpoint,
            run,
            timeout,
            found.served,
            tuple(target.contracts),
            (*target.arguments, *_again(profile, version)),
            strict,
            tuple((case.name, str(case.transport)) for case in cases),
            tuple(known.exempt(cases)),
            known.known_findings(),
        )
        workers = min(len(cases), workers or (_WORKERS_FOR_A_SLOW_SERVER if found.seconds > _SLOW_SECONDS else 1))
        is_whole = not selection.only and not selection.skip
        name = "" if profile is NO_PROFILE else profile.name
        session = _Session(briefing, listeners, found.left_behind, name, is_whole=is_whole)
        session.start(target, selection, workers)
        with _nothing_of_the_users() as arguments:
            # A worker that has crashed is not replaced: the run can say nothing any more.
            side_by_side = ["-p", "xdist.plugin", "-n", str(workers), "--max-worker-restart", "0"]
            try:
                pytest.main([*arguments, *(side_by_side if workers > 1 else [])], plugins=[session])
            except KeyboardInterrupt:  # Where pytest does not expect one: before its scenarios, and after them.
                session.interrupted()
        with interruption.ignored():
            return session.finish()


def _again(profile: Profile, version: str | None) -> Iterator[str]:
    """Tell the options that choose a profile again."""
    if profile is not NO_PROFILE:
        yield f"--profile {shlex.quote(profile.name)}"
    if version is not None:
        yield f"--server-version {shlex.quote(version)}"


class _Session:
    """Our part in the pytest session: it carries the briefing in, and tells the listeners what comes out."""

    def __init__(
        self,
        briefing: Briefing,
        listeners: Sequence[Listener],
        left_behind: LeftBehind,
        profile: str,
        *,
        is_whole: bool,
    ) -> None:
        self._briefing = briefing
        self._profile = profile
        self._is_whole = is_whole
        self._listeners = list(listeners)
        self._left_behind = [left_behind]
        self._findings: dict[str, FindingBooked] = {}
        self._verdicts: Counter[Verdict] = Counter()
        self._in_development: Counter[Verdict] = Counter()
        self._unwritten: list[str] = []
        self._problem = ""
        self._plugins: pytest.PytestPluginManager | None = None
        self._pids: list[int] = []
        self._has_begun = False
        self._began = time.monotonic()

    def start(self, target: Target, selection: Selection, workers: int) -> None:
        """Say what begins."""
        self._emit(
            RunStarted(
                schema=SCHEMA,
                started_at=datetime.now(UTC).isoformat(timespec="seconds"),
                suite_version=__version__,
                specification=SPECIFICATION_VERSION,
                target=target.name,
                url=self._briefing.endpoint.url,
                contracts=tuple(selection.contracts),
                transports=self._briefing.served,
                only=tuple(selection.only),
                skip=tuple(selection.skip),
                strict=self._briefing.strict,
                profile=self._profile,
                scenarios=len(self._briefing.cases or ()),
                workers=workers,
                run=self._briefing.run,
            )
        )

    def finish(self) -> ExitCode:
        """Book the findings and sum up; raises CannotTell if the run did not come to its end."""
        ran, meant = sum(self._verdicts.values()), len(self._briefing.cases or ())
        if ran != meant and not self._problem:
            self._problem = f"only {ran} of {meant} scenarios came to an end"
        if self._is_whole and not self._problem:
            self._findings |= self._gone()
        for finding in self._findings.values():
            self._verdicts[finding.verdict] += 1
            self._emit(finding)
        # What did not come to its end says nothing of the target, whatever it has found so far.
        code = ExitCode.COULD_NOT_TELL if self._problem else exit_code(self._verdicts)
        self._emit(
            RunFinished(
                exit_code=code,
                verdicts={verdict: self._verdicts[verdict] for verdict in Verdict if self._verdicts[verdict]},
                in_development={v: self._in_development[v] for v in Verdict if self._in_development[v]},
                agents=sum(left.agents for left in self._left_behind),
                still_connected=sum(left.still_connected for left in self._left_behind),
                seconds=round(time.monotonic() - self._began, 3),
            )
        )
        if self._problem:
            raise CannotTell(self._problem)
        if self._unwritten:
            raise CannotTell(f"the outcome could not be written: {self._unwritten[0]}")
        return code

    def _gone(self) -> dict[str, FindingBooked]:
        """Make findings of those known ones that nothing was seen of."""
        ledger = load()
        return {
            name: FindingBooked(
                name,
                ledger[name].level,
                ledger[name].link,
                Verdict.FAILED,
                count=0,
                expected=f"a failure that is known: {because}",
                actual="no reply breaks it any more: take it off the list",
                traffic=(),
            )
            for name, because in self._briefing.known_findings.items()
            if name not in self._findings
        }

    # ---- hooks of pytest and pytest-xdist

    def pytest_configure(self, config: pytest.Config) -> None:
        self._plugins = config.pluginmanager
        brief(config, self._briefing)

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionstart(self) -> Generator[None, None, None]:
        """Have workers begin with signals held back, which they take once they know how."""
        with interruption.held():
            yield

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[WORKER_INPUT] = self._briefing.as_json()
        # xdist does not tell whom to signal.
        asked = node.gateway.remote_exec("import os; channel.send(os.getpid())")
        self._pids.append(asked.receive())
        asked.waitclose()

    def pytest_runtest_logstart(self) -> None:
        self._has_begun = True
        interruption.check()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == EVENT and report.when != "teardown":
                event = event_of(json.loads(str(value)))
                assert isinstance(event, ScenarioFinished)
                self._verdicts[event.verdict] += 1
                self._in_development[event.verdict] += event.is_in_development
                self._emit(event)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._take_leave(session.config.stash.get(ENDING, ""))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        self._take_leave(getattr(node, "workeroutput", {}).get(WORKER_OUTPUT, ""))
        if error:
            self._problem = self._problem or f"a worker ended before its time: {error}"

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._problem = f"the suite cannot be loaded: {report.longrepr}"

    def pytest_internalerror(self, excrepr: object) -> None:
        self._problem = f"the suite failed: {excrepr}"

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        is_exit = isinstance(excinfo.value, pytest.exit.Exception)
        self._problem = str(excinfo.value) if is_exit else "interrupted"
        workers = None if self._plugins is None else self._plugins.getplugin("dsession")
        if workers is not None:
            self._hear_workers_out(workers)

    def interrupted(self) -> None:
        """Take note that the run did not come to its end."""
        self._problem = self._problem or "interrupted"

    def _hear_workers_out(self, workers: Any) -> None:
        """Have workers end, and listen to what they leave behind: xdist does not listen any more when interrupted."""
        with interruption.ignored():
            for pid in self._pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + _FAREWELL_SECONDS
            with suppress(AssertionError, AttributeError, RuntimeError):  # They had not begun, or have ended already.
                workers.triggershutdown()
                while workers._active_nodes and time.monotonic() < deadline:
                    workers.loop_once()
        if getattr(workers, "_active_nodes", ()) and self._has_begun:
            self._problem += f"; {len(workers._active_nodes)} processes did not say what they leave behind"

    def _take_leave(self, ending: str) -> None:
        """Add what one process has to say at its end."""
        if not ending:
            return
        said = json.loads(ending)
        self._left_behind.append(LeftBehind(said["agents"], said["still_connected"]))
        for text in said["findings"]:
            finding = event_of(json.loads(text))
            assert isinstance(finding, FindingBooked)
            known = self._findings.get(finding.requirement)
            if known is not None:
                traffic = (*known.traffic, *finding.traffic)[:MAX_SAMPLES]
                finding = replace(known, count=known.count + finding.count, traffic=traffic)
            self._findings[finding.requirement] = finding

    def _emit(self, event: Event) -> None:
        """Tell the listeners; one that cannot write is left out from then on, and the run goes on."""
        for listener in list(self._listeners):
            try:
                listener.handle(event)
            except (OSError, ValueError) as error:
                self._listeners.remove(listener)
                self._unwritten.append(str(error) or type(error).__name__)


@contextmanager
def _nothing_of_the_users() -> Iterator[list[str]]:
    """Make pytest's arguments for a session that takes nothing from the user's folder, plugins or variables."""
    suite = Path(opamp_conformance.suite.__file__).parent
    isolated = {"PYTEST_ADDOPTS": "", "PYTEST_PLUGINS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    with tempfile.TemporaryDirectory() as folder, _environment(isolated):
        settings = Path(folder, "pytest.ini")
        settings.write_text("[pytest]\n", encoding="utf-8")
        yield [
            f"--config-file={settings}",
            f"--rootdir={suite}",
            "--noconftest",
            "--import-mode=importlib",
            "--strict-markers",
            *("-p", "pytest_bdd.plugin", "-p", "opamp_conformance.pytest_plugin"),
            *(f"-pno:{plugin}" for plugin in _NOT_OURS),
            "--capture=no",
            str(suite),
        ]


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
