"""The part of a run that one process carries out: what its scenarios share, and how they are judged."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from opamp_conformance.catalogue import Case, Scenario
from opamp_conformance.client import Client, Notes
from opamp_conformance.enrollment import Enrollment
from opamp_conformance.errors import Breach, NotApplicable
from opamp_conformance.events import FindingBooked, ScenarioFinished
from opamp_conformance.exchange import Exchange
from opamp_conformance.guests import LeftBehind
from opamp_conformance.lanes import Lanes
from opamp_conformance.ledger import Ledger, load
from opamp_conformance.offered import Offered
from opamp_conformance.operator import Operator
from opamp_conformance.profiles import Kind
from opamp_conformance.redaction import Redactor, printable
from opamp_conformance.scene import Scene
from opamp_conformance.targets import Endpoint, FleetAgents, Tls
from opamp_conformance.targets.elasticsearch import Access
from opamp_conformance.traffic import shown
from opamp_conformance.transports import Transport
from opamp_conformance.verdicts import Verdict, judge, of_breach
from opamp_conformance.witness import Witness

_FAILURES: Final = (Verdict.FAILED, Verdict.BLOCKED, Verdict.WARNED)
_GONE: Final = "it does not fail any more: take it off the list"


@dataclass(frozen=True)
class Briefing:
    """All that a process has to know to take part in a run; a worker gets it as JSON.

    ``arguments`` are the options of ``run`` that choose the target, ``contracts`` what it is graded by
    unless told otherwise. ``cases`` are names and transports, None for all. ``exemptions`` are what the
    target's profile says of cases: name, transport, kind and reason; ``known_findings`` the requirements that every
    reply may break, with reasons.
    """

    endpoint: Endpoint
    run: str
    timeout: float
    served: tuple[Transport, ...]
    contracts: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    strict: bool = False
    cases: tuple[tuple[str, str], ...] | None = None
    exemptions: tuple[tuple[str, str, str, str], ...] = ()
    known_findings: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> str:
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> "Briefing":
        fields: dict[str, Any] = json.loads(text)
        endpoint = fields.pop("endpoint")
        tls = Tls(**{name: None if path is None else Path(path) for name, path in endpoint.pop("tls").items()})
        endpoint["others"] = tuple(endpoint["others"])
        if endpoint["fleet_agents"] is not None:
            endpoint["fleet_agents"] = _fleet_agents(endpoint["fleet_agents"])
        served = tuple(Transport(transport) for transport in fields.pop("served"))
        cases = tuple((name, transport) for name, transport in fields.pop("cases"))
        exemptions = tuple(tuple(exemption) for exemption in fields.pop("exemptions"))
        return cls(Endpoint(**endpoint, tls=tls), served=served, cases=cases, exemptions=exemptions, **fields)


@contextmanager
def open_examination(briefing: Briefing) -> Iterator["Examination"]:
    """Connect to the target; raises CannotTell for certificates that cannot be used."""
    notes = Notes()
    with ExitStack() as stack:
        clients = {
            transport: stack.enter_context(Client(briefing.endpoint, briefing.timeout, transport, notes))
            for transport in Transport
        }
        elsewhere = stack.enter_context(_elsewhere(briefing, notes)) if briefing.endpoint.others else None
        witness = stack.enter_context(closing(Witness(briefing.endpoint.fleet_agents)))
        yield Examination(briefing, clients, notes, witness, elsewhere)


@dataclass
class Examination:
    """Scenarios use its ``scenes``; the pytest plugin tells it how they ended."""

    briefing: Briefing
    clients: dict[Transport, Client]
    notes: Notes
    witness: Witness
    elsewhere: Client | None = None
    ledger: Ledger = field(default_factory=load)

    def __post_init__(self) -> None:
        run = self.briefing.run
        self.scenes = {
            transport: _scene(client, run, self.witness, self.elsewhere) for transport, client in self.clients.items()
        }
        self.redactor = Redactor(self.briefing.endpoint.secrets)
        self._exemptions = {(name, on): (Kind(kind), why) for name, on, kind, why in self.briefing.exemptions}

    def require_supported(self, case: Case) -> None:
        """Raise NotApplicable if the target's profile says that it does not support what a case is about."""
        kind, because = self._exemption(case)
        if kind is Kind.UNSUPPORTED:
            raise NotApplicable(because)

    def conclude(
        self,
        case: Case,
        error: BaseException | None,
        step: str,
        exchanges: Sequence[Exchange],
        seconds: float,
        steps: Sequence[str],
    ) -> ScenarioFinished:
        """Judge how a scenario of some ``steps`` ended: ``error`` ended it in ``step``; keywords come first."""
        scenario = case.scenario
        in_given = step.startswith("Given")
        verdict = judge(error, in_given, scenario.requirements, self.ledger, strict=self.briefing.strict)
        expected, actual = _sides(error)
        kind, because = self._exemption(case)
        if kind is Kind.KNOWN and verdict is Verdict.PASSED:
            verdict, expected, actual = Verdict.FAILED, f"a failure that is known: {because}", _GONE
        elif kind is Kind.KNOWN and verdict in _FAILURES:
            verdict = Verdict.KNOWN
        is_clean = verdict is Verdict.PASSED
        return ScenarioFinished(
            name=case.name,
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
            expected=self.redactor.text(expected),
            actual=self.redactor.text(actual),
            traffic=() if is_clean or verdict is Verdict.NOT_APPLICABLE else shown(exchanges, self.redactor),
            reproduce="" if is_clean else self._reproduce(scenario, case),
            known_because=because if verdict is Verdict.KNOWN else "",
        )

    def findings(self) -> list[FindingBooked]:
        """Give each requirement that replies broke, beside the scenarios, its own verdict."""
        booked = []
        for finding in self.notes.findings:
            requirement = self.ledger[finding.requirement]
            known_because = self.briefing.known_findings.get(requirement.id, "")
            verdict = of_breach(requirement.is_binding, strict=self.briefing.strict)
            booked.append(
                FindingBooked(
                    requirement=requirement.id,
                    level=requirement.level,
                    link=requirement.link,
                    verdict=Verdict.KNOWN if known_because else verdict,
                    count=finding.count,
                    expected=finding.breach.expected,
                    actual=self.redactor.text(finding.breach.actual),
                    traffic=shown(finding.samples, self.redactor),
                    known_because=known_because,
                )
            )
        return booked

    def leave(self) -> LeftBehind:
        """Take leave of the target."""
        for client in self.clients.values():
            client.hang_up()
        return self.clients[self.briefing.served[0]].leave()

    def _exemption(self, case: Case) -> tuple[Kind | None, str]:
        return self._exemptions.get((case.name, str(case.transport)), (None, ""))

    def _reproduce(self, scenario: Scenario, case: Case) -> str:
        arguments = list(self.briefing.arguments)
        if scenario.contract not in self.briefing.contracts:
            arguments += ["--contract", scenario.contract]
        if len(scenario.transports) > 1:
            arguments += ["--transport", case.transport]
        if scenario.is_disruptive and arguments:
            arguments.append("--disruptive")
        if self.briefing.strict:
            arguments.append("--strict")
        return " ".join(["opamp-conformance run", *arguments, "--only", shlex.quote(case.name)])


def _scene(client: Client, run: str, witness: Witness, elsewhere: Client | None) -> Scene:
    operator = Operator(client, run)
    enrollment = Enrollment(client, run, witness)
    return Scene(client, run, enrollment, operator, Lanes(client), Offered(client, operator), witness, elsewhere)


def _elsewhere(briefing: Briefing, notes: Notes) -> Client:
    """Make the client of another instance."""
    endpoint = replace(briefing.endpoint, url=briefing.endpoint.others[0], others=())
    return Client(endpoint, briefing.timeout, Transport.HTTP, notes)


def _fleet_agents(fields: Mapping[str, Any]) -> FleetAgents:
    access = dict(fields["access"])
    access["ca"] = None if access["ca"] is None else Path(access["ca"])
    return FleetAgents(Access(**access), fields["index"], fields["policy_id"], fields["patience"])


def _sides(error: BaseException | None) -> tuple[str, str]:
    """Tell what was expected and what came, where an error tells both."""
    if error is None:
        return "", ""
    if isinstance(error, Breach):
        return printable(error.expected), printable(error.actual)
    return "", printable(str(error) or type(error).__name__)
