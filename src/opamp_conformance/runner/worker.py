"""One process of a run: the state that its scenarios share, and the verdicts on them."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from typing import Final

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.actions.fleet_documents import FleetDocuments
from opamp_conformance.checks.findings import Findings
from opamp_conformance.client.agent_tracker import CleanupReport
from opamp_conformance.client.client import Client
from opamp_conformance.client.run_log import RunLog
from opamp_conformance.errors import InconclusiveError, NotApplicableError, PreconditionFailedError
from opamp_conformance.profiles.profile import Kind
from opamp_conformance.redaction import Redactor
from opamp_conformance.results.events import Event, FindingBooked, TargetLost
from opamp_conformance.results.transcript import transcript_of
from opamp_conformance.results.verdicts import Verdict
from opamp_conformance.runner.booking import ProfileExcuses, book
from opamp_conformance.runner.channel import WorkerSummary
from opamp_conformance.runner.judging import ANSWER, ScenarioEnd, ScenarioJudge
from opamp_conformance.runner.plan import RunPlan
from opamp_conformance.runner.preflight import is_served
from opamp_conformance.suite.catalogue import Case
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.transport import Transport

# A supervisor restarts a server within this time.
_RETURN_SECONDS: Final = 10.0
_LOOK_EVERY_SECONDS: Final = 0.25


@contextmanager
def open_worker(plan: RunPlan) -> Iterator["Worker"]:
    """Connect to the target; raises InconclusiveError for unusable certificates."""
    redactor = Redactor(plan.endpoint.secrets)
    excuses = ProfileExcuses(plan, redactor)
    log = RunLog(findings=Findings(plan.contracts, excuses.excuses))
    with ExitStack() as stack:
        documents = stack.enter_context(closing(FleetDocuments(plan.endpoint.fleet_agents)))
        clients = {
            transport: stack.enter_context(
                Client(plan.endpoint, plan.timing, transport, log, plan.run_id, documents.problem)
            )
            for transport in Transport
        }
        other = stack.enter_context(_other_instance(plan, log)) if plan.endpoint.others else None
        yield Worker(plan, clients, log, documents, redactor, excuses, other)


@dataclass
class Worker:
    """Scenarios use its ``contexts``; the pytest plugin reports to it how they ended."""

    plan: RunPlan
    clients: dict[Transport, Client]
    log: RunLog
    documents: FleetDocuments
    redactor: Redactor
    excuses: ProfileExcuses
    other: Client | None = None

    def __post_init__(self) -> None:
        self.contexts = {
            transport: ScenarioContext.of(
                client,
                self.plan.run_id,
                self.documents,
                self.other,
                next(
                    (one for name, one in self.clients.items() if name in self.plan.served and one is not client), None
                ),
                self.plan.assumed,
                self.plan.spec_version,
            )
            for transport, client in self.clients.items()
        }
        self._judge = ScenarioJudge(self.plan, self.redactor)
        self._losses: dict[Transport, TargetLost] = {}
        self._is_in_scenario = False
        self.store_problem = ""
        """Why the documents of the target cannot be read any more, empty if they can."""
        self._silent_at_end: list[Transport] = []
        self._served_at_end: list[Transport] = []

    def require_applicable(self, case: Case) -> None:
        """Raise an error if a case cannot begin.

        NotApplicableError: the target does not serve or support what it is about. PreconditionFailedError: the target
        is gone. InconclusiveError: the run has no time left.
        """
        self._is_in_scenario = True
        if self.plan.timing.is_over():
            raise InconclusiveError("not run, because the --deadline of the run has passed")
        if self.store_problem:
            raise InconclusiveError(f"not run: {self.store_problem}")
        if case.transport not in self.plan.served and not case.scenario.is_about_reachability:
            raise NotApplicableError(f"the target does not serve the transport {case.transport}")
        exemption = self._judge.exemption(case)
        if exemption is not None and exemption.kind is Kind.UNSUPPORTED:
            raise NotApplicableError(exemption.excuse.because)
        self.excuses.begin(case, exemption)
        self.log.findings.where = self._judge.reproduce(case)
        if case.transport in self._losses:
            raise PreconditionFailedError(ANSWER, f"not run: {self._losses[case.transport].because}")

    def _find_loss(self, case: Case, exchanges: Sequence[Exchange]) -> TargetLost | None:
        """After a scenario with a message without any answer, look whether the target is gone, and await its return."""
        lost = next((exchange for exchange in exchanges if exchange.is_lost), None)
        if lost is None:
            return None
        client = self.clients[case.transport]
        client.close_websockets()
        began = time.monotonic()
        # A server that has never answered over this transport is not about to return.
        if not (client.is_lost and not client.was_answered) and client.look():
            return None
        has_returned, most = False, min(_RETURN_SECONDS, client.timeout) if client.was_answered else 0.0
        while not has_returned and time.monotonic() - began < most:
            time.sleep(_LOOK_EVERY_SECONDS)
            has_returned = client.look()
        client.close_websockets()
        message = transcript_of([lost], self.redactor)[0].request_message
        loss = TargetLost(case.key, case.transport, message, round(time.monotonic() - began, 3), has_returned)
        if not has_returned:
            self._losses[case.transport] = loss
        return loss

    def position(self) -> int:
        """Return how much has happened so far: a scenario begins there."""
        return len(self.log.exchanges)

    def judge_scenario(self, case: Case, end: ScenarioEnd, since: int) -> Sequence[Event]:
        """Judge a scenario that has ended, and began at a position; return its events."""
        exchanges = self.log.exchanges[since:]
        loss = self._find_loss(case, exchanges)
        self.excuses.end()
        self.log.findings.where = ""
        self._is_in_scenario = False
        event = self._judge.judge(
            case,
            end,
            lambda: transcript_of(exchanges, self.redactor),
            loss=loss,
            find_problem=lambda: self._store_problem_of(case),
        )
        self.log.end_scenario()
        return (event,) if loss is None else (event, loss)

    def _store_problem_of(self, case: Case) -> str:
        """Return why the target has no Elasticsearch any more: then its failures say nothing about itself.

        It is empty if that was known before the scenario, because then the scenario did not run.
        """
        problem = "" if self.store_problem else self.documents.problem()
        if problem:
            problem = self.store_problem = f"{problem}, since the scenario {case.key}"
        return problem

    def end(self) -> WorkerSummary:
        """Clean up, and sum up what is not about a single scenario."""
        cleanup = self._clean_up()
        problem = self.store_problem
        if self._served_at_end:
            problem = f"the target served no {' and no '.join(self._served_at_end)} at first, and does now: run again"
        return WorkerSummary(tuple(self.findings()), cleanup, tuple(sorted(self.log.findings.signs)), problem)

    def created(self) -> str:
        """Return what the run has created on the target, in a sentence."""
        report = self.log.agents.report()
        return f"created {report.agents} agents, and {report.still_connected} are still connected"

    def findings(self) -> list[FindingBooked]:
        """Give each requirement that messages broke, independently of the scenarios, its own verdict."""
        booked = [book(finding, self.plan, self.redactor, self.excuses) for finding in self.log.findings]
        if self._silent_at_end:
            over = " and ".join(self._silent_at_end)
            expected, actual = "an answer to a new agent after the last scenario", f"none over {over}"
            requirement = self._judge.ledger[ANSWER]
            booked.append(
                FindingBooked(ANSWER, requirement.level, requirement.link, Verdict.FAILED, 1, expected, actual, ())
            )
        return booked

    def _clean_up(self) -> CleanupReport:
        """Close the connections to the target, look what it still serves, and disconnect the run's agents."""
        for transport, client in self.clients.items():
            client.close_websockets()
            if client.was_answered and transport not in self._losses and not self._is_in_scenario and not client.look():
                self._silent_at_end.append(transport)
            client.close_websockets()
        for transport in self.plan.absent:
            if is_served(self.plan.endpoint, transport, self.plan.run_id, self.plan.timing):
                self._served_at_end.append(transport)
        return self.clients[self.plan.served[0]].disconnect_agents()


def _other_instance(plan: RunPlan, log: RunLog) -> Client:
    """Make the client of another instance of the target."""
    endpoint = replace(plan.endpoint, url=plan.endpoint.others[0], others=())
    return Client(endpoint, plan.timing, Transport.HTTP, log, plan.run_id)
