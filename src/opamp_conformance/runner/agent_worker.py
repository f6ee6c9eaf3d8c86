"""One process of a run about an agent: it starts the agent for each scenario, and judges how the scenario ended."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from opamp_agent_checks import AgentFinding, AgentJudge, Severity
from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.client.agent_tracker import CleanupReport
from opamp_conformance.errors import InconclusiveError, NotApplicableError, Violation
from opamp_conformance.profiles.profile import Kind
from opamp_conformance.redaction import Redactor
from opamp_conformance.results.agent_transcript import transcript_of_agent, transcript_of_messages
from opamp_conformance.results.events import Event, FindingBooked, TranscriptEntry
from opamp_conformance.results.verdicts import of_violation
from opamp_conformance.runner.booking import ProfileExcuses, book_as
from opamp_conformance.runner.channel import WorkerSummary
from opamp_conformance.runner.judging import ScenarioEnd, ScenarioJudge
from opamp_conformance.runner.plan import RunPlan
from opamp_conformance.scripted_server.agent_process import AgentProcess, GradedAgent
from opamp_conformance.scripted_server.driver_process import DriverProcess
from opamp_conformance.scripted_server.server import ScriptedServer
from opamp_conformance.suite.catalogue import Case
from opamp_conformance.targets.agent import AgentCommand
from opamp_conformance.wire.transport import Transport


@contextmanager
def open_agent_worker(plan: RunPlan) -> "Iterator[AgentWorker]":
    """Prepare to grade agents; raises InconclusiveError if the suite cannot listen."""
    assert plan.agent is not None
    with ExitStack() as stack:
        shared = None
        if plan.agent.port:
            shared = stack.enter_context(listening(plan.agent))
        yield AgentWorker(plan, plan.agent, shared)


@contextmanager
def listening(agent: AgentCommand) -> Iterator[ScriptedServer]:
    """Start a scripted server for the ``with`` block; raises InconclusiveError."""
    server = ScriptedServer(agent.host, agent.port)
    server.start()
    try:
        yield server
    finally:
        server.close()


@contextmanager
def agent_at(
    server: ScriptedServer, agent: AgentCommand, transport: Transport, seconds: float
) -> Iterator[AgentSession]:
    """Let an agent be started for the ``with`` block, with a state folder of its own."""
    with tempfile.TemporaryDirectory(prefix="opamp-agent-") as folder:
        state = Path(folder)
        url = server.url(transport)
        process: GradedAgent | None = None
        if agent.command is not None:
            process = AgentProcess(agent.command, url, state)
        elif agent.driver is not None:
            process = DriverProcess(agent.driver, url, state)
        try:
            yield AgentSession(server, transport, process, seconds, lambda: _another(agent, transport, seconds))
        finally:
            if process is not None:
                process.end()


@contextmanager
def _another(agent: AgentCommand, transport: Transport, seconds: float) -> Iterator[AgentSession]:
    """Let another agent of the same kind be started, at a server of its own."""
    if agent.port:
        raise NotApplicableError("the suite has not started the agent, so it cannot start another one")
    with listening(agent) as server, agent_at(server, agent, transport, seconds) as session:
        yield session


@dataclass
class AgentWorker:
    """Scenarios get a session of it each. The pytest plugin reports to it how they ended."""

    plan: RunPlan
    agent: AgentCommand
    shared: ScriptedServer | None = None
    _sessions: list[AgentSession] = field(default_factory=list)
    _found: dict[str, list[AgentFinding]] = field(default_factory=dict)
    _known: dict[str, list[AgentFinding]] = field(default_factory=dict)
    """Those that the agent's profile excuses."""
    _where: dict[str, str] = field(default_factory=dict)
    """The command that runs the scenario of the first finding, by requirement."""

    def __post_init__(self) -> None:
        self._redactor = Redactor({})
        self._judge = ScenarioJudge(self.plan, self._redactor)
        self._excuses = ProfileExcuses(self.plan, self._redactor)

    @contextmanager
    def open_session(self, case: Case) -> Iterator[AgentSession]:
        """Prepare the agent for a scenario, and note afterwards what its messages broke.

        Raises InconclusiveError if the run has no time left, and NotApplicableError if the case does not concern the
        agent.
        """
        self._require_applicable(case)
        self._excuses.begin(case, self._judge.exemption(case))
        with ExitStack() as stack:
            stack.callback(self._excuses.end)
            server = self.shared or stack.enter_context(listening(self.agent))
            session = stack.enter_context(agent_at(server, self.agent, case.transport, self.plan.timing.limit))
            self._sessions.append(session)
            try:
                yield session
            finally:
                self._sessions.pop()
                stack.callback(self._collect, server.judge, self._judge.reproduce(case))

    def position(self) -> int:
        """A scenario begins with a new session, so its records begin at the start."""
        return 0 if self.shared is None else self.shared.records.position()

    def judge_scenario(self, case: Case, end: ScenarioEnd, since: int) -> Sequence[Event]:
        """Judge a scenario that has ended, and began at a position; return its events."""
        session = self._sessions[-1] if self._sessions else None

        def transcript() -> tuple[TranscriptEntry, ...]:
            return () if session is None else transcript_of_agent(session.server.records.all(since), self._redactor)

        return (self._judge.judge(case, end, transcript),)

    def findings(self) -> list[FindingBooked]:
        """Give each requirement that messages broke, independently of the scenarios, its own verdict."""
        return [self._booked(requirement) for requirement in self._known | self._found]

    def end(self) -> WorkerSummary:
        """Sum up what is not about a single scenario."""
        return WorkerSummary(tuple(self.findings()), CleanupReport(0, 0))

    def created(self) -> str:
        return "graded an agent"

    def _require_applicable(self, case: Case) -> None:
        if self.plan.timing.is_over():
            raise InconclusiveError("not run, because the --deadline of the run has passed")
        if case.transport not in self.plan.served:
            raise NotApplicableError(f"the agent does not use the transport {case.transport}")
        exemption = self._judge.exemption(case)
        if exemption is not None and exemption.kind is Kind.UNSUPPORTED:
            raise NotApplicableError(exemption.excuse.because)

    def _collect(self, judge: AgentJudge, where: str) -> None:
        """Take what was found, except for what the server has provoked."""
        for finding in judge.findings:
            if not finding.provoked_by:
                is_excused = self._excuses.excuses(finding.requirement, Violation(finding.expected, finding.actual))
                drawer = self._known if is_excused else self._found
                if not is_excused and finding.requirement not in self._found:
                    self._where[finding.requirement] = where
                drawer.setdefault(finding.requirement, []).append(finding)
        judge.forget()

    def _booked(self, requirement: str) -> FindingBooked:
        found, known = self._found.get(requirement, []), self._known.get(requirement, [])
        worst = min(found or known, key=lambda finding: tuple(Severity).index(finding.severity))
        verdict, because = of_violation(worst.severity is Severity.FAILURE, strict=self.plan.strict), ""
        if not found:
            verdict, because = self._excuses.reason(requirement)
        event = book_as(
            verdict,
            requirement,
            Violation(worst.expected, worst.actual),
            sum(finding.count for finding in (*found, *known)),
            transcript_of_messages(worst.samples, self._redactor),
            self.plan,
            self._redactor,
            because=because,
        )
        return replace(event, reproduce=self._where.get(requirement, ""))
