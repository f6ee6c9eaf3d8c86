"""One process of a run: the state that its scenarios share, and the verdicts on them."""

import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.actions.fleet_documents import FleetDocuments
from opamp_conformance.checks.findings import Findings
from opamp_conformance.client.agent_tracker import CleanupReport
from opamp_conformance.client.client import Client
from opamp_conformance.client.run_log import RunLog
from opamp_conformance.errors import InconclusiveError, NotApplicableError, PreconditionFailedError, ViolationError
from opamp_conformance.ledger.ledger import Ledger, load_ledger
from opamp_conformance.profiles.profile import CaseExemption, Kind
from opamp_conformance.redaction import Redactor
from opamp_conformance.results.events import FindingBooked, ScenarioFinished, TargetLost
from opamp_conformance.results.transcript import transcript_of
from opamp_conformance.results.verdicts import Verdict, judge
from opamp_conformance.runner.booking import book
from opamp_conformance.runner.plan import RunPlan
from opamp_conformance.suite.catalogue import Case, Scenario
from opamp_conformance.text import printable
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.transport import Transport

_EXCUSED: Final = (Verdict.KNOWN, Verdict.FLAKY)
_FAILURES: Final = (Verdict.FAILED, Verdict.BLOCKED, Verdict.WARNED)
_STALE: Final = "it does not fail any more: remove it from the profile"
_ANSWER: Final = "response.must-respond"
# A supervisor restarts a server within this time.
_RETURN_SECONDS: Final = 10.0
_LOOK_EVERY_SECONDS: Final = 0.25


@contextmanager
def open_worker(plan: RunPlan) -> Iterator["Worker"]:
    """Connect to the target; raises InconclusiveError for unusable certificates."""
    log = RunLog(findings=Findings(plan.contracts))
    with ExitStack() as stack:
        clients = {
            transport: stack.enter_context(Client(plan.endpoint, plan.timing, transport, log, plan.run_id))
            for transport in Transport
        }
        other = stack.enter_context(_other_instance(plan, log)) if plan.endpoint.others else None
        documents = stack.enter_context(closing(FleetDocuments(plan.endpoint.fleet_agents)))
        yield Worker(plan, clients, log, documents, other)


@dataclass
class Worker:
    """Scenarios use its ``contexts``; the pytest plugin reports to it how they ended."""

    plan: RunPlan
    clients: dict[Transport, Client]
    log: RunLog
    documents: FleetDocuments
    other: Client | None = None
    ledger: Ledger = field(default_factory=load_ledger)

    def __post_init__(self) -> None:
        self.contexts = {
            transport: ScenarioContext.of(client, self.plan.run_id, self.documents, self.other, self.plan.assumed)
            for transport, client in self.clients.items()
        }
        self._redactor = Redactor(self.plan.endpoint.secrets)
        self._exemptions = {(exemption.key, exemption.transport): exemption for exemption in self.plan.exemptions}
        self._losses: dict[Transport, TargetLost] = {}
        self._is_in_scenario = False
        self._silent_at_end: list[Transport] = []

    def require_applicable(self, case: Case) -> None:
        """Raise an error if a case cannot begin.

        NotApplicableError: the target does not serve or support what it is about. PreconditionFailedError: the target
        is gone. InconclusiveError: the run has no time left.
        """
        self._is_in_scenario = True
        if self.plan.timing.is_over():
            raise InconclusiveError("not run, because the --deadline of the run has passed")
        if case.transport not in self.plan.served and not case.scenario.is_about_reachability:
            raise NotApplicableError(f"the target does not serve the transport {case.transport}")
        exemption = self._exemption(case)
        if exemption is not None and exemption.kind is Kind.UNSUPPORTED:
            raise NotApplicableError(exemption.because)
        if case.transport in self._losses:
            raise PreconditionFailedError(_ANSWER, f"not run: {self._losses[case.transport].because}")

    def find_loss(self, case: Case, exchanges: Sequence[Exchange]) -> TargetLost | None:
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
        message = transcript_of([lost], self._redactor)[0].request_message
        loss = TargetLost(case.key, case.transport, message, round(time.monotonic() - began, 3), has_returned)
        if not has_returned:
            self._losses[case.transport] = loss
        return loss

    def judge_scenario(
        self,
        case: Case,
        error: BaseException | None,
        step: str,
        exchanges: Sequence[Exchange],
        seconds: float,
        steps: Sequence[str],
        loss: TargetLost | None,
    ) -> ScenarioFinished:
        """Judge how a scenario ended: ``error`` ended it in ``step``, one of ``steps``; keywords come first.

        If the target was lost in it, it has failed, because an answer that never comes breaks a MUST.
        """
        self._is_in_scenario = False
        scenario = case.scenario
        verdict = judge(error, step.startswith("Given"), scenario.requirements, self.ledger, strict=self.plan.strict)
        expected, actual = _sides(error)
        if loss is not None:
            verdict, expected, actual = Verdict.FAILED, f"an answer to every message ({_ANSWER})", loss.because
        exemption = self._exemption(case)
        if exemption is not None and exemption.kind is Kind.KNOWN:
            if verdict is Verdict.PASSED and exemption.has_to_fail:
                verdict, expected, actual = Verdict.FAILED, f"a known failure: {exemption.because}", _STALE
            elif verdict in _FAILURES:
                verdict = Verdict.KNOWN
        elif exemption is not None and exemption.kind is Kind.FLAKY and verdict in _FAILURES:
            verdict = Verdict.FLAKY
        blocked_by = error.requirement if isinstance(error, PreconditionFailedError) else ""
        if verdict is Verdict.BLOCKED and blocked_by:
            actual = f"blocked by {blocked_by}: {actual}"
        is_clean = verdict is Verdict.PASSED
        shows_transcript = not is_clean and verdict is not Verdict.NOT_APPLICABLE
        return ScenarioFinished(
            key=case.key,
            title=case.title,
            chapter=scenario.chapter,
            feature=scenario.feature,
            steps=tuple(steps),
            contract=scenario.contract,
            transport=case.transport,
            level=scenario.level,
            is_in_development=scenario.is_in_development,
            requirements=tuple(requirement.id for requirement in scenario.requirements),
            links=tuple(requirement.link for requirement in scenario.requirements),
            verdict=verdict,
            seconds=round(seconds, 6),
            step="" if is_clean else step,
            expected=self._redactor.text(expected),
            actual=self._redactor.text(actual),
            transcript=transcript_of(exchanges, self._redactor) if shows_transcript else (),
            reproduce="" if is_clean else self._reproduce(scenario, case),
            known_because=exemption.because if exemption is not None and verdict in _EXCUSED else "",
            blocked_by=blocked_by if verdict is Verdict.BLOCKED else "",
        )

    def findings(self) -> list[FindingBooked]:
        """Give each requirement that messages broke, independently of the scenarios, its own verdict."""
        booked = [book(finding, self.plan, self._redactor) for finding in self.log.findings]
        if self._silent_at_end:
            over = " and ".join(self._silent_at_end)
            expected, actual = "an answer to a new agent after the last scenario", f"none over {over}"
            requirement = self.ledger[_ANSWER]
            booked.append(
                FindingBooked(_ANSWER, requirement.level, requirement.link, Verdict.FAILED, 1, expected, actual, ())
            )
        return booked

    def clean_up(self) -> CleanupReport:
        """Close the connections to the target, look whether it still answers, and disconnect the run's agents."""
        for transport, client in self.clients.items():
            client.close_websockets()
            if client.was_answered and transport not in self._losses and not self._is_in_scenario and not client.look():
                self._silent_at_end.append(transport)
            client.close_websockets()
        return self.clients[self.plan.served[0]].disconnect_agents()

    def _exemption(self, case: Case) -> CaseExemption | None:
        return self._exemptions.get((case.key, str(case.transport)))

    def _reproduce(self, scenario: Scenario, case: Case) -> str:
        arguments = list(self.plan.arguments)
        if scenario.contract not in self.plan.default_contracts:
            arguments += ["--contract", scenario.contract]
        if len(scenario.transports) > 1:
            arguments += ["--transport", case.transport]
        if scenario.is_disruptive and arguments:
            arguments.append("--disruptive")
        if self.plan.strict:
            arguments.append("--strict")
        return " ".join(["opamp-conformance run", *arguments, "--only", shlex.quote(case.key)])


def _other_instance(plan: RunPlan, log: RunLog) -> Client:
    """Make the client of another instance of the target."""
    endpoint = replace(plan.endpoint, url=plan.endpoint.others[0], others=())
    return Client(endpoint, plan.timing, Transport.HTTP, log, plan.run_id)


def _sides(error: BaseException | None) -> tuple[str, str]:
    """Return what was expected and what came; an error that knows only the latter leaves the former empty."""
    if error is None:
        return "", ""
    if isinstance(error, ViolationError):
        return printable(error.violation.expected), printable(error.violation.actual)
    return "", printable(str(error) or type(error).__name__)
