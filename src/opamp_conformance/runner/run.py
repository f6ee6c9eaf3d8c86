"""A run from its options to its exit code: the suite under pytest, isolated from the user's own pytest settings."""

import os
import shlex
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
import uuid6

import opamp_conformance.suite
from opamp_conformance.client.timing import DEFAULT_LIMIT_SECONDS, Timing
from opamp_conformance.profiles.profile import NO_PROFILE, Kind, Profile
from opamp_conformance.results.events import Listener
from opamp_conformance.results.verdicts import ExitCode
from opamp_conformance.runner import signals
from opamp_conformance.runner.plan import RunPlan
from opamp_conformance.runner.preflight import explore
from opamp_conformance.runner.session import RunSession
from opamp_conformance.runner.walking import OF_EACH_RUN, WalkOptions, are_asked_for, go_walks
from opamp_conformance.suite.catalogue import load_catalogue
from opamp_conformance.suite.selection import Selection
from opamp_conformance.targets import Target
from opamp_proto import opamp_pb2 as pb

_DISABLED_PLUGINS: Final = (
    *("terminal", "cacheprovider", "logging", "warnings", "faulthandler"),
    "unraisableexception",
)
"""Plugins of pytest that print, write files or listen to signals."""
_SAFE_PATH: Final = {"PYTHONSAFEPATH": "1"}
"""Without it, workers would import modules such as token.py from the current folder."""
_WORKERS_FOR_A_SLOW_SERVER: Final = 16
"""Scenarios of a slow server run in parallel: they wait more than they work."""


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
    listeners: Sequence[Listener] = (),
) -> ExitCode:
    """Grade a target by the selected scenarios; raises InconclusiveError if that cannot begin.

    ``assumed`` are names of server capabilities that are checked even if the server does not announce them. ``workers``
    is a number of processes; by default, it depends on how slow the target's first answers are. ``version``
    is that of the server, for a profile that differs by version; some targets know their version. After the scenarios,
    agents go random ``walks``; a walk that is replayed takes the place of the scenarios. An interrupted run still
    disconnects its agents.
    """
    run_id = uuid6.uuid7().hex
    with target.start() as endpoint:
        found = explore(endpoint, selection.transports, run_id, timing)
        cases = [] if walks.replay else selection.choose(load_catalogue().cases(), found.served)
        if workers is None:  # Workers would only wait for each other's turns.
            workers = _WORKERS_FOR_A_SLOW_SERVER if found.is_slow and not timing.interval else 1
        workers = max(1, min(len(cases), workers))
        known = profile.at(version or endpoint.version)
        plan = RunPlan(
            endpoint=endpoint,
            run_id=run_id,
            timing=replace(timing, interval=timing.interval * workers),
            served=found.served,
            contracts=tuple(selection.contracts),
            default_contracts=tuple(target.contracts),
            arguments=(
                *target.arguments,
                *_profile_arguments(profile, version),
                *_timing_arguments(timing),
                *_assume(assumed),
            ),
            strict=strict,
            assumed=sum(pb.ServerCapabilities.Value(f"ServerCapabilities_{name}") for name in assumed),
            cases=tuple((case.key, str(case.transport)) for case in cases),
            exemptions=tuple(known.exempt(cases)),
            known_findings=known.excused(Kind.KNOWN, load_catalogue().cases()),
            flaky_findings=known.excused(Kind.FLAKY, load_catalogue().cases()),
            expected_findings=known.findings(Kind.KNOWN),
        )
        is_whole = not selection.only and not selection.skip and not walks.replay
        session = RunSession(plan, listeners, found.cleanup, profile.name, is_whole=is_whole)
        session.start(target, selection, workers)
        # A worker that crashed is not replaced: an incomplete run says nothing.
        in_parallel = ["-p", "xdist.plugin", "-n", str(workers), "--max-worker-restart", "0"]
        try:
            if cases:
                with _isolated() as arguments:
                    pytest.main([*arguments, *(in_parallel if workers > 1 else [])], plugins=[session])
            if session.can_go_on and are_asked_for(plan, walks, is_whole=is_whole):
                session.add_walks(go_walks(plan, walks, session.broken, is_own=not target.is_shared))
        except KeyboardInterrupt:  # Where pytest does not expect one: before its scenarios, and after them.
            signals.ignore()  # A second one must not keep the run from its end.
            session.interrupt()
        with signals.ignored():
            return session.finish()


def _profile_arguments(profile: Profile, version: str | None) -> Iterator[str]:
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
def _isolated() -> Iterator[list[str]]:
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
            *("-p", "pytest_bdd.plugin", "-p", "opamp_conformance.runner.pytest_plugin"),
            *(f"-pno:{plugin}" for plugin in _DISABLED_PLUGINS),
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
