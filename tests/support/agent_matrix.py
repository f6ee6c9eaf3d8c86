"""Runs of the scenarios about agents against reference agents that deviate, in parallel processes.

The agents run in the process of their run, on a thread: to start a process for each scenario would take longer than all
the rest.
"""

import asyncio
import shlex
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

import opamp_mock_agent.telemetry
from opamp_conformance.client.timing import Timing
from opamp_conformance.ledger.ledger import Contract, Subject
from opamp_conformance.ledger.versions import NEWEST
from opamp_conformance.runner import agent_worker
from opamp_conformance.runner.agent_run import grade_agent
from opamp_conformance.scripted_server.driver_process import REQUEST_UID
from opamp_conformance.suite.catalogue import Scenario, load_catalogue
from opamp_conformance.suite.selection import Selection
from opamp_conformance.targets.agent import AgentCommand, AgentTarget
from opamp_conformance.wire.transport import Transport
from opamp_mock_agent import DEVIATIONS, AgentSettings, MockAgent
from opamp_mock_agent.verbs import VERBS, do
from opamp_proto import opamp_pb2 as pb
from support.matrix import Graded, Matrix, RunRecord, controls, is_nightly

AGENTS = load_catalogue(Subject.AGENT)
CONTROLS = 1
"""How many scenarios run that a deviation should not break. At night, all run, over both transports."""
POLL_SECONDS = 0.3
_LIMIT_SECONDS = 8.0
"""Longer than the waits that scenarios ask an agent for; only messages that never come take so long."""
_LIMIT_OF_A_RIGHT_AGENT = 30.0
_TELEMETRY_SECONDS = 1.0
_FEW = 6
"""A deviation that breaks more shows that only at night: each of its messages that never come takes seconds."""
_RUNS_PER_PROCESSOR = 2
"""The runs wait most of the time. More of them would make each other late."""
_NAMES = [name.removeprefix("AgentCapabilities_") for name, bit in pb.AgentCapabilities.items() if bit]


class AgentOnThread:
    """Takes the place of ``AgentProcess``, and of a driver. The command has the deviations, and the capabilities to leave out."""

    output = ""
    verbs = (*VERBS, REQUEST_UID)

    def __init__(self, command: str, url: str, state: Path) -> None:
        words = shlex.split(command)
        without = [word.removeprefix("-") for word in words if word.startswith("-")]
        self._settings = AgentSettings(
            url,
            state=state,
            poll_seconds=POLL_SECONDS,
            capabilities=[name for name in _NAMES if name not in without],
            deviations=[word for word in words if not word.startswith("-")],
        )
        self.requests_uid = False
        self._agent: MockAgent | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread()

    def prepare(self) -> None:
        """There is no other process."""

    def start(self) -> None:
        is_ready = threading.Event()

        async def run() -> None:
            settings = replace(self._settings, request_instance_uid=self.requests_uid)
            self._agent, self._loop = MockAgent(settings), asyncio.get_running_loop()
            is_ready.set()
            await self._agent.run()

        def main() -> None:
            with suppress(SystemExit):  # A deviation.
                asyncio.run(run())

        self._thread = threading.Thread(target=main, daemon=True)
        self._thread.start()
        assert is_ready.wait(10)

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def ask_to_stop(self) -> None:
        if self._agent is not None and self._loop is not None and self.is_running:
            with suppress(RuntimeError):  # It has just ended.
                self._loop.call_soon_threadsafe(self._agent.stop)

    def tell(self, verb: str, **fields: object) -> None:
        assert self._agent is not None
        assert self._loop is not None
        with suppress(RuntimeError):  # It has just ended.
            self._loop.call_soon_threadsafe(do, self._agent, verb, fields)

    def wait(self, seconds: float) -> bool:
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self.is_running

    def kill(self) -> None:
        """A thread cannot be killed; the tests stop agents only."""

    def end(self) -> None:
        self.ask_to_stop()
        self.wait(5)


@contextmanager
def agents_on_threads() -> Iterator[None]:
    """Let runs in this process use agents on threads, until the end of the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agent_worker, "AgentProcess", AgentOnThread)
        patch.setattr(opamp_mock_agent.telemetry, "INTERVAL_SECONDS", _TELEMETRY_SECONDS)
        yield


def grade(
    command: str, scenarios: Iterable[Scenario] = (), transports: Iterable[Transport] = tuple(Transport)
) -> Graded:
    """Run scenarios, or all, against an agent: by the deviations that it has, and capabilities after a minus."""
    record = RunRecord()
    selection = Selection(
        (Contract.OPAMP,), only=[scenario.key for scenario in scenarios], transports=tuple(transports)
    )
    limit = _LIMIT_SECONDS if command.strip() else _LIMIT_OF_A_RIGHT_AGENT
    target, timing = AgentTarget(AgentCommand(command)), Timing(limit)
    with agents_on_threads():
        code = grade_agent(target, selection, timing=timing, workers=1, spec_version=NEWEST, listeners=[record])
    return Graded(code, record)


def scenarios_for(deviation: str) -> list[Scenario]:
    """Choose the scenarios about the requirement that the deviation is for, and some controls that it does not break."""
    everything = list(AGENTS.values())
    if is_nightly():
        return everything
    chosen = DEVIATIONS[deviation]
    shown = chosen.breaks if len(chosen.also) <= _FEW else chosen.breaks[:1]
    affected = [one for requirement in shown for one in AGENTS.checking(requirement)]
    if deviation in SHOWN_BY or not affected:  # Only the checks of every message find it.
        affected.append(AGENTS[SHOWN_BY.get(deviation, "flags.report-full-state.agent")])
    others = [s for s in everything if not set(chosen.breaks) & {requirement.id for requirement in s.requirements}]
    others = [s for s in others if s.transports != (Transport.HTTP,) or chosen.needs == Transport.HTTP]
    return affected + controls(deviation, others, CONTROLS)


def transports_for(deviation: str) -> tuple[Transport, ...]:
    """Return the transport that shows a deviation; at night, all."""
    needs, affected = DEVIATIONS[deviation].needs, scenarios_for(deviation)
    if is_nightly():
        return (Transport(needs),) if needs else tuple(Transport)
    if needs:
        return (Transport(needs),)
    return (Transport.WEBSOCKET,) if Transport.WEBSOCKET in affected[0].transports else (Transport.HTTP,)


def grade_deviation(deviation: str) -> Graded:
    """Grade a deviation; once more if it breaks what it should not, or does not show: on a busy machine, all are late."""
    arguments = (command_for(deviation), scenarios_for(deviation), transports_for(deviation))
    graded, breaks = grade(*arguments), set(DEVIATIONS[deviation].breaks)
    is_clean = graded.findings <= breaks and all(set(event.requirements) & breaks for event in graded.broken())
    return graded if is_clean and deviation.partition(":")[0] in graded.noticed() else grade(*arguments)


def command_for(deviation: str) -> str:
    """Return the command of an agent that deviates; some deviations show only in an agent that can do less."""
    return f"{deviation} {WITHOUT.get(deviation, '')}"


SHOWN_BY = {
    "components.hash-included": "capabilities.agent.available-components-reported.asked",
    "connection-status.error-message": "opamp-offer.report-applied",
    "custom.capability-matches": "status.no-report-without-change.own-custom-message",
    "remote-config.error-message": "capabilities.agent.remote-config-status-reported.offer",
}
"""Scenarios that bring about what the checks of every message find."""
WITHOUT = {
    "command.unsupported-ignored": "-AcceptsRestartCommand",
    "capabilities.agent.ignore-unsupported": "-AcceptsRemoteConfig -ReportsRemoteConfig",
    "capabilities.agent.ignore-unsupported:settings": "-AcceptsOpAMPConnectionSettings",
    "capabilities.agent.ignore-unsupported:packages": "-AcceptsPackages",
    "capabilities.agent.ignore-unsupported:telemetry": "-ReportsOwnLogs",
}


class AgentMatrix(Matrix):
    """The results of deviations of the reference agent; and if it is ``whole``, of the agent without deviations."""

    def __init__(self, deviations: Iterable[str], *, whole: bool) -> None:
        super().__init__(_RUNS_PER_PROCESSOR)
        self.conformant = {
            transport: self.pool.submit(grade, "", (), (transport,)) for transport in (Transport if whole else ())
        }
        """The results of the agent without deviations, over each transport. They take longest, so they begin."""
        self.start(grade_deviation, deviations)
