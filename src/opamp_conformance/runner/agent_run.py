"""A run about an agent, from its options to its exit code."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import uuid6

from opamp_conformance.client.agent_tracker import CleanupReport
from opamp_conformance.client.timing import AGENT_LIMIT_SECONDS, Timing
from opamp_conformance.errors import InconclusiveError, PreconditionFailedError
from opamp_conformance.ledger.ledger import Subject
from opamp_conformance.ledger.versions import DEFAULT_VERSION, SpecVersion
from opamp_conformance.profiles.profile import NO_PROFILE, Kind, Profile
from opamp_conformance.results.events import Listener
from opamp_conformance.results.verdicts import ExitCode
from opamp_conformance.runner import signals
from opamp_conformance.runner.agent_worker import agent_at, listening
from opamp_conformance.runner.plan import RunPlan
from opamp_conformance.runner.run import profile_arguments, run_suite
from opamp_conformance.runner.session import RunSession
from opamp_conformance.scripted_server.records import MessageReceived, Opened
from opamp_conformance.suite.catalogue import load_catalogue
from opamp_conformance.suite.selection import Selection
from opamp_conformance.targets.agent import AgentCommand, AgentTarget
from opamp_conformance.text import printable, shortened
from opamp_conformance.wire.transport import Transport

_SLOW_SECONDS: Final = 1.5
_WORKERS: Final = 6
_CASES_FOR_A_WORKER: Final = 3
"""To start a worker takes as long as it takes to run some scenarios."""
_WORKERS_FOR_A_SLOW_AGENT: Final = 16
"""Scenarios of an agent that polls seldom run in parallel, each with its own agent: they wait most of the time."""


@dataclass(frozen=True)
class AgentPreflight:
    """The transports that the agent uses, and whether it comes seldom."""

    served: tuple[Transport, ...]
    is_slow: bool


def grade_agent(
    target: AgentTarget,
    selection: Selection,
    *,
    timing: Timing,
    strict: bool = False,
    workers: int | None = None,
    profile: Profile = NO_PROFILE,
    version: str | None = None,
    spec_version: SpecVersion = DEFAULT_VERSION,
    say: Callable[[str], None] = lambda line: None,
    listeners: Sequence[Listener] = (),
) -> ExitCode:
    """Grade an agent by the selected scenarios; raises InconclusiveError if that cannot begin.

    The parameters are those of ``grade``. Each scenario starts the agent anew, unless the agent was started by hand.
    """
    catalogue = load_catalogue(Subject.AGENT)
    if target.agent.port:
        say(f"waiting for an agent at {target.agent.host}:{target.agent.port}")
    found = explore_agent(target.agent, selection.transports, timing.limit, say)
    cases = selection.choose(catalogue.cases(), found.served, spec_version)
    if target.agent.port:
        workers = 1  # There is one agent only.
    elif workers is None:
        few = min(_WORKERS, math.ceil(len(cases) / _CASES_FOR_A_WORKER))
        workers = _WORKERS_FOR_A_SLOW_AGENT if found.is_slow else few
    workers = max(1, min(len(cases), workers))
    known = profile.at(version)
    with target.start() as endpoint:
        plan = RunPlan(
            endpoint=endpoint,
            run_id=uuid6.uuid7().hex,
            timing=timing,
            served=found.served,
            contracts=tuple(selection.contracts),
            spec_version=spec_version,
            default_contracts=tuple(target.contracts),
            arguments=tuple(_arguments(target, timing, profile, version, spec_version)),
            strict=strict,
            cases=tuple((case.key, str(case.transport)) for case in cases),
            exemptions=tuple(known.exempt(cases)),
            known_findings=known.findings(Kind.KNOWN),
            flaky_findings=known.findings(Kind.FLAKY),
            agent=target.agent,
        )
    is_whole = not selection.only and not selection.skip
    session = RunSession(plan, listeners, CleanupReport(0, 0), profile.name, is_whole=is_whole)
    session.start(target, selection, workers)
    try:
        run_suite(session, workers, "agent_scenarios.py")
    except KeyboardInterrupt:  # Where pytest does not expect one: before its scenarios, and after them.
        signals.ignore()
        session.interrupt()
    with signals.ignored():
        return session.finish()


def explore_agent(
    agent: AgentCommand, asked: Sequence[Transport], seconds: float, say: Callable[[str], None]
) -> AgentPreflight:
    """Let an agent report, over each transport, and ``say`` over which it does not.

    Raises InconclusiveError if it reports over none.
    """
    if agent.port:
        with listening(agent) as server:
            found = server.records.wait_for(MessageReceived, seconds, 0)
        if found is None:
            raise InconclusiveError(f"no agent has sent a message to {server.url(Transport.HTTP)} within {seconds:g} s")
        return AgentPreflight((found[0].transport,), is_slow=False)
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda transport: _first_exchange(agent, transport, seconds), asked))
    silent = {transport: answer for transport, answer in zip(asked, answers, strict=True) if isinstance(answer, str)}
    served = [transport for transport in asked if transport not in silent]
    said = "; ".join(f"{transport}: {answer}" for transport, answer in silent.items())
    if not served:
        raise InconclusiveError(f"the agent does not report: {printable(shortened(said))}")
    if silent:
        say(f"the agent does not report over each transport, and is graded without it: {printable(shortened(said))}")
    is_slow = any(isinstance(answer, float) and answer > _SLOW_SECONDS for answer in answers)
    return AgentPreflight(tuple(served), is_slow)


def _first_exchange(agent: AgentCommand, transport: Transport, seconds: float) -> float | str:
    """Start the agent, and let it report twice; return the seconds between the reports, or why none came.

    An agent that has connected uses the transport, even if it does not report.
    """
    with listening(agent) as server, agent_at(server, agent, transport, seconds) as session:
        try:
            session.start()
            began = time.monotonic()
            session.fence()
        except PreconditionFailedError as error:
            records = session.server.records
            has_connected = bool(records.of(MessageReceived)) or bool(records.of(Opened))
            return seconds if has_connected else str(error)
        return time.monotonic() - began


def _arguments(
    target: AgentTarget, timing: Timing, profile: Profile, version: str | None, spec_version: SpecVersion
) -> Iterator[str]:
    """Yield the options that grade the same agent again in the same way."""
    yield from target.arguments
    yield from profile_arguments(profile, version)
    if timing.limit != AGENT_LIMIT_SECONDS:
        yield f"--timeout {timing.limit:g}"
    if spec_version is not DEFAULT_VERSION:
        yield f"--spec-version {spec_version}"
