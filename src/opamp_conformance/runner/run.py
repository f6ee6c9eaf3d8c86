"""A run from its options to its exit code: the suite under pytest, isolated from the user's own pytest settings."""

import math
import os
import shlex
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
import uuid6

import opamp_conformance.suite
from opamp_conformance.client.timing import DEFAULT_LIMIT_SECONDS, Timing
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.ledger.versions import DEFAULT_VERSION, SpecVersion
from opamp_conformance.profiles.profile import NO_PROFILE, Kind, Profile
from opamp_conformance.results.events import Listener
from opamp_conformance.results.verdicts import ExitCode
from opamp_conformance.runner import signals
from opamp_conformance.runner.plan import RunPlan
from opamp_conformance.runner.preflight import await_server, explore
from opamp_conformance.runner.session import RunSession
from opamp_conformance.runner.walking import OF_EACH_RUN, WalkOptions, are_asked_for, go_walks
from opamp_conformance.suite.catalogue import load_catalogue
from opamp_conformance.suite.selection import Selection
from opamp_conformance.targets import Target
from opamp_proto import opamp_pb2 as pb

_DISABLED_PLUGINS: Final = (
    *("terminal", "cacheprovider", "logging", "warnings", "faulthandler"),
    *("unraisableexception", "threadexception", "debugging", "doctest", "unittest", "subtests", "junitxml"),
    *("pastebin", "setuponly", "setupplan", "stepwise", "legacypath"),
)
"""Plugins of pytest that print, write files, listen to signals, or are for other tests."""
_SAFE_PATH: Final = {"PYTHONSAFEPATH": "1"}
"""Without it, workers would import modules such as token.py from the current folder."""
_WORKERS_FOR_A_SLOW_SERVER: Final = 16
"""Scenarios of a slow server run in parallel: they wait more than they work."""
_CASES_FOR_A_WORKER: Final = 6
"""To start a worker takes as long as it takes to run some scenarios."""


def grade(
    target: Target,
    selection: Selection,
    *,
    timing: Timing,
    strict: bool = False,
    assumed: Sequence[str] = (),
    workers: int | None = None,
    profile: Profile = NO_PROFILE,
    version: str | None = None,
    walks: WalkOptions = OF_EACH_RUN,
    spec_version: SpecVersion = DEFAULT_VERSION,
    wait: float = 0.0,
    say: Callable[[str], None] = lambda line: None,
    listeners: Sequence[Listener] = (),
) -> ExitCode:
    """Grade a target by the selected scenarios; raises InconclusiveError if that cannot begin.

    ``assumed`` are names of server capabilities that are checked even if the server does not announce them. ``workers``
    is a number of processes; by default, it depends on how slow the target's first answers are. ``version`` is that of
    the server, for a profile that differs by version; some targets know their version. ``spec_version`` is that of the
    specification. Before, it waits for up to ``wait`` seconds until the server answers, and ``say`` so. After the
    scenarios, agents go random ``walks``; a walk that is replayed takes the place of the scenarios. An interrupted run
    still disconnects its agents.
    """
    run_id = uuid6.uuid7().hex
    with target.start() as endpoint:
        if wait:
            await_server(endpoint, selection.transports[0], timing, wait, say)
        enrolls = Contract.FLEET in selection.contracts
        hint = "" if wait else "; --wait 60s waits for a server that is just starting"
        found = explore(endpoint, selection.transports, run_id, timing, enrolls=enrolls, hint=hint)
        cases = [] if walks.replay else selection.choose(load_catalogue().cases(), found.served, spec_version)
        if workers is None:  # Workers would only wait for each other's turns.
            most = _WORKERS_FOR_A_SLOW_SERVER if found.is_slow and not timing.interval else 1
            workers = min(most, math.ceil(len(cases) / _CASES_FOR_A_WORKER))
        workers = max(1, min(len(cases), workers))
        known = profile.at(version or endpoint.version)
        plan = RunPlan(
            endpoint=endpoint,
            run_id=run_id,
            timing=replace(timing, interval=timing.interval * workers),
            served=found.served,
            absent=tuple(transport for transport in selection.transports if transport not in found.served),
            contracts=tuple(selection.contracts),
            spec_version=spec_version,
            default_contracts=tuple(target.contracts),
            arguments=(
                *target.arguments,
                *profile_arguments(profile, version),
                *_timing_arguments(timing),
                *_assume(assumed),
                *([] if spec_version is DEFAULT_VERSION else [f"--spec-version {spec_version}"]),
            ),
            strict=strict,
            assumed=sum(pb.ServerCapabilities.Value(f"ServerCapabilities_{name}") for name in assumed),
            cases=tuple((case.key, str(case.transport)) for case in cases),
            exemptions=tuple(known.exempt(cases)),
            known_findings=known.findings(Kind.KNOWN),
            flaky_findings=known.findings(Kind.FLAKY),
            unsupported_signs=known.unsupported_signs(),
        )
        is_whole = not selection.only and not selection.skip and not walks.replay
        session = RunSession(plan, listeners, found.cleanup, profile.name, is_whole=is_whole)
        session.start(target, selection, workers)
        try:
            if cases:
                run_suite(session, workers)
            if session.can_go_on and are_asked_for(plan, walks, is_whole=is_whole):
                session.add_walks(go_walks(plan, walks, session.broken, is_own=not target.is_shared))
        except KeyboardInterrupt:  # Where pytest does not expect one: before its scenarios, and after them.
            signals.ignore()  # A second one must not keep the run from its end.
            session.interrupt()
        with signals.ignored():
            return session.finish()


def run_suite(session: RunSession, workers: int, suite: str = "test_opamp.py") -> None:
    """Run the scenarios of a run under pytest, in some processes."""
    # A worker that crashed is not replaced: an incomplete run says nothing.
    in_parallel = ["-p", "xdist.plugin", "-n", str(workers), "--max-worker-restart", "0"]
    with _isolated(suite) as arguments:
        pytest.main([*arguments, *(in_parallel if workers > 1 else [])], plugins=[session])


def profile_arguments(profile: Profile, version: str | None) -> Iterator[str]:
    """Yield the options that choose a profile again."""
    if profile is not NO_PROFILE:
        yield f"--profile {shlex.quote(profile.name)}"
    if version is not None:
        yield f"--server-version {shlex.quote(version)}"


def _assume(assumed: Sequence[str]) -> list[str]:
    return [f"--assume {','.join(assumed)}"] if assumed else []


def _timing_arguments(timing: Timing) -> Iterator[str]:
    """Yield the options that set the same times again; the deadline does not matter for one scenario."""
    if timing.limit != DEFAULT_LIMIT_SECONDS:
        yield f"--timeout {timing.limit:g}"
    if timing.interval:
        yield f"--rate {1 / timing.interval:g}"


@contextmanager
def _isolated(name: str) -> Iterator[list[str]]:
    """Make pytest's arguments for a session that uses nothing of the user's folder, plugins or variables."""
    suite = Path(opamp_conformance.suite.__file__).parent
    variables = {"PYTEST_ADDOPTS": "", "PYTEST_PLUGINS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **_SAFE_PATH}
    with tempfile.TemporaryDirectory() as folder, _environment(variables):
        settings = Path(folder, "pytest.ini")
        settings.write_text("[pytest]\n", encoding="utf-8")
        yield [
            f"--config-file={settings}",
            f"--rootdir={suite}",
            "--noconftest",
            "--import-mode=importlib",
            "--strict-markers",
            *("-p", "pytest_bdd.plugin", "-p", "opamp_conformance.pytest_options"),
            *("-p", "opamp_conformance.runner.pytest_plugin"),
            *(f"-pno:{plugin}" for plugin in _DISABLED_PLUGINS),
            "--capture=no",
            str(suite / name),
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
