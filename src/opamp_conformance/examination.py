"""The part of a run that one process carries out: what its scenarios share, and how they are judged."""

import json
import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from opamp_conformance.catalogue import Case, Scenario
from opamp_conformance.client import Client, Notes
from opamp_conformance.enrollment import Enrollment
from opamp_conformance.errors import Breach
from opamp_conformance.events import FindingBooked, ScenarioFinished
from opamp_conformance.exchange import Exchange
from opamp_conformance.guests import LeftBehind
from opamp_conformance.lanes import Lanes
from opamp_conformance.ledger import Ledger, load
from opamp_conformance.offered import Offered
from opamp_conformance.operator import Operator
from opamp_conformance.redaction import Redactor, printable
from opamp_conformance.scene import Scene
from opamp_conformance.targets import Endpoint, Tls
from opamp_conformance.traffic import shown
from opamp_conformance.transports import Transport
from opamp_conformance.verdicts import Verdict, judge, of_breach


@dataclass(frozen=True)
class Briefing:
    """All that a process has to know to take part in a run; a worker gets it as JSON.

    ``arguments`` are the options of ``run`` that choose the target, ``contracts`` what it is graded by
    unless told otherwise. ``cases`` are names and transports, None for all.
    """

    endpoint: Endpoint
    run: str
    timeout: float
    served: tuple[Transport, ...]
    contracts: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    strict: bool = False
    cases: tuple[tuple[str, str], ...] | None = None

    def as_json(self) -> str:
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> "Briefing":
        fields: dict[str, Any] = json.loads(text)
        endpoint = fields.pop("endpoint")
        tls = Tls(**{name: None if path is None else Path(path) for name, path in endpoint.pop("tls").items()})
        served = tuple(Transport(transport) for transport in fields.pop("served"))
        cases = tuple((name, transport) for name, transport in fields.pop("cases"))
        return cls(Endpoint(**endpoint, tls=tls), served=served, cases=cases, **fields)


@contextmanager
def open_examination(briefing: Briefing) -> Iterator["Examination"]:
    """Connect to the target; raises CannotTell for certificates that cannot be used."""
    notes = Notes()
    with ExitStack() as stack:
        clients = {
            transport: stack.enter_context(Client(briefing.endpoint, briefing.timeout, transport, notes))
            for transport in Transport
        }
        yield Examination(briefing, clients, notes)


@dataclass
class Examination:
    """Scenarios use its ``scenes``; the pytest plugin tells it how they ended."""

    briefing: Briefing
    clients: dict[Transport, Client]
    notes: Notes
    ledger: Ledger = field(default_factory=load)

    def __post_init__(self) -> None:
        run = self.briefing.run
        self.scenes = {transport: _scene(client, run) for transport, client in self.clients.items()}
        self.redactor = Redactor(self.briefing.endpoint.headers)

    def conclude(
        self, case: Case, error: BaseException | None, step: str, exchanges: Sequence[Exchange], seconds: float
    ) -> ScenarioFinished:
        """Judge how a scenario ended: ``error`` ended it in ``step``, of which the keyword comes first."""
        scenario = case.scenario
        in_given = step.startswith("Given")
        verdict = judge(error, in_given, scenario.requirements, self.ledger, strict=self.briefing.strict)
        is_clean = verdict is Verdict.PASSED
        expected, actual = _sides(error)
        return ScenarioFinished(
            name=case.name,
            chapter=scenario.chapter,
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
        )

    def findings(self) -> list[FindingBooked]:
        """Give each requirement that replies broke, beside the scenarios, its own verdict."""
        booked = []
        for finding in self.notes.findings:
            requirement = self.ledger[finding.requirement]
            booked.append(
                FindingBooked(
                    requirement=requirement.id,
                    level=requirement.level,
                    link=requirement.link,
                    verdict=of_breach(requirement.is_binding, strict=self.briefing.strict),
                    count=finding.count,
                    expected=finding.breach.expected,
                    actual=self.redactor.text(finding.breach.actual),
                    traffic=shown(finding.samples, self.redactor),
                )
            )
        return booked

    def leave(self) -> LeftBehind:
        """Take leave of the target."""
        for client in self.clients.values():
            client.hang_up()
        return self.clients[self.briefing.served[0]].leave()

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


def _scene(client: Client, run: str) -> Scene:
    operator = Operator(client, run)
    return Scene(client, run, Enrollment(client, run), operator, Lanes(client), Offered(client, operator))


def _sides(error: BaseException | None) -> tuple[str, str]:
    """Tell what was expected and what came, where an error tells both."""
    if error is None:
        return "", ""
    if isinstance(error, Breach):
        return printable(error.expected), printable(error.actual)
    return "", printable(str(error) or type(error).__name__)
