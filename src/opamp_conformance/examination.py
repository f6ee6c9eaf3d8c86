"""One run of the suite against one target, under way: what is shared by its scenarios, and who listens."""

import shlex
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from opamp_conformance import __version__
from opamp_conformance.catalogue import Scenario
from opamp_conformance.client import Client
from opamp_conformance.enrollment import Enrollment
from opamp_conformance.errors import Breach
from opamp_conformance.events import Event, FindingBooked, Listener, RunFinished, RunStarted, ScenarioFinished
from opamp_conformance.exchange import Exchange
from opamp_conformance.ledger import Contract, Ledger, load
from opamp_conformance.redaction import Redactor, printable
from opamp_conformance.scene import Scene
from opamp_conformance.targets import Endpoint, Target
from opamp_conformance.traffic import shown
from opamp_conformance.verdicts import ExitCode, Verdict, exit_code, judge, of_breach
from opamp_proto import SPECIFICATION_VERSION


@dataclass
class Examination:
    """A run: scenarios use its ``scene``, the pytest plugin tells it how they ended, listeners hear of it."""

    target: Target
    endpoint: Endpoint
    client: Client
    run: str
    strict: bool = False
    listeners: list[Listener] = field(default_factory=list)
    ledger: Ledger = field(default_factory=load)
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    unwritten: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scene = Scene(self.client, self.run, Enrollment(self.client, self.run))
        self.redactor = Redactor(self.endpoint.headers)
        self._began = time.monotonic()

    def start(self, contracts: Sequence[Contract], scenarios: int) -> None:
        self._emit(
            RunStarted(
                suite_version=__version__,
                specification=SPECIFICATION_VERSION,
                target=self.target.name,
                url=self.endpoint.url,
                contracts=tuple(contracts),
                scenarios=scenarios,
                run=self.run,
            )
        )

    def conclude(
        self,
        scenario: Scenario,
        name: str,
        error: BaseException | None,
        step: str,
        exchanges: Sequence[Exchange],
        seconds: float,
    ) -> ScenarioFinished:
        """Judge how a scenario ended: ``error`` ended it in ``step``, of which the keyword comes first."""
        verdict = judge(error, step.startswith("Given"), scenario.requirements, self.ledger, strict=self.strict)
        self.verdicts[verdict] += 1
        is_clean = verdict is Verdict.PASSED
        expected, actual = _sides(error)
        event = ScenarioFinished(
            name=name,
            chapter=scenario.chapter,
            contract=scenario.contract,
            level=scenario.level,
            requirements=tuple(requirement.id for requirement in scenario.requirements),
            links=tuple(requirement.link for requirement in scenario.requirements),
            verdict=verdict,
            seconds=round(seconds, 6),
            step="" if is_clean else step,
            expected=self.redactor.text(expected),
            actual=self.redactor.text(actual),
            traffic=() if is_clean or verdict is Verdict.NOT_APPLICABLE else shown(exchanges, self.redactor),
            reproduce="" if is_clean else self._reproduce(scenario, name),
        )
        self._emit(event)
        return event

    def finish(self) -> ExitCode:
        """Book the findings, take leave of the target, and sum up."""
        for finding in self.findings():
            self.verdicts[finding.verdict] += 1
            self._emit(finding)
        left_behind = self.client.leave()
        code = exit_code(self.verdicts)
        self._emit(
            RunFinished(
                exit_code=code,
                verdicts={verdict: self.verdicts[verdict] for verdict in Verdict if self.verdicts[verdict]},
                agents=left_behind.agents,
                still_connected=left_behind.still_connected,
                seconds=round(time.monotonic() - self._began, 3),
            )
        )
        return code

    def findings(self) -> list[FindingBooked]:
        """Give each requirement that replies broke, beside the scenarios, its own verdict."""
        booked = []
        for finding in self.client.findings:
            requirement = self.ledger[finding.requirement]
            verdict = of_breach(requirement.is_binding, strict=self.strict)
            booked.append(
                FindingBooked(
                    requirement=requirement.id,
                    level=requirement.level,
                    link=requirement.link,
                    verdict=verdict,
                    count=finding.count,
                    expected=finding.breach.expected,
                    actual=self.redactor.text(finding.breach.actual),
                    traffic=shown(finding.samples, self.redactor),
                )
            )
        return booked

    def _emit(self, event: Event) -> None:
        """Tell the listeners; one that cannot write is left out from then on, and the run goes on."""
        for listener in list(self.listeners):
            try:
                listener.handle(event)
            except (OSError, ValueError) as error:
                self.listeners.remove(listener)
                self.unwritten.append(str(error) or type(error).__name__)

    def _reproduce(self, scenario: Scenario, name: str) -> str:
        arguments = list(self.target.arguments)
        if scenario.contract not in self.target.contracts:
            arguments += ["--contract", scenario.contract]
        return " ".join(["opamp-conformance run", *arguments, "--only", shlex.quote(name)])


def _sides(error: BaseException | None) -> tuple[str, str]:
    """Tell what was expected and what came, where an error tells both."""
    if error is None:
        return "", ""
    if isinstance(error, Breach):
        return printable(error.expected), printable(error.actual)
    return "", printable(str(error) or type(error).__name__)
