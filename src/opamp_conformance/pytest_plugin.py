"""The suite under pytest: options, the ``scene`` fixture, and what becomes of a scenario's end.

In a session that does not collect the suite it adds its options and markers, and nothing else.
In one that ``opamp-conformance run`` has begun, and in each of its workers, it goes by the Briefing of that run.
"""

import json
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
import uuid6
from pytest_bdd.parser import Scenario as BoundScenario
from pytest_bdd.parser import Step

from opamp_conformance import interruption
from opamp_conformance.catalogue import Case, Scenario, with_values
from opamp_conformance.errors import CannotTell, NotApplicable
from opamp_conformance.events import ScenarioFinished, as_json
from opamp_conformance.examination import Briefing, Examination, open_examination
from opamp_conformance.ledger import Contract, Level, load
from opamp_conformance.options import headers_from_environment, merged, parse_headers
from opamp_conformance.preflight import explore
from opamp_conformance.scene import Scene
from opamp_conformance.targets import Target, Tls
from opamp_conformance.targets.mock import MockTarget
from opamp_conformance.targets.url import UrlTarget
from opamp_conformance.transports import Transport
from opamp_conformance.verdicts import Verdict

BRIEFING = pytest.StashKey[Briefing]()
"""What a session of ``opamp-conformance run`` is to do."""
ENDING = pytest.StashKey[str]()
"""What such a session has to say at its end, as JSON: findings, and what it left behind."""
WORKER_INPUT = "opamp_briefing"
WORKER_OUTPUT = "opamp_ending"

_EXAMINATION = pytest.StashKey[Examination]()


class OpampWarning(UserWarning):
    """A SHOULD is broken."""


@dataclass
class _Progress:
    """How far a scenario has come."""

    first_exchange: int
    began: float
    step: str = ""
    steps: tuple[str, ...] = ()


_PROGRESS = pytest.StashKey[_Progress]()
_SUMMARY = pytest.StashKey[list[tuple[bool, list[str]]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("opamp", "OpAMP conformance")
    group.addoption("--opamp-url", metavar="URL", help="the server to grade (default: the bundled mock server)")
    group.addoption(
        "--opamp-header", metavar="'NAME: VALUE'", action="append", default=[], help="a header of each request"
    )
    group.addoption(
        "--opamp-header-env",
        metavar="NAME=VARIABLE",
        action="append",
        default=[],
        help="one with its value in a variable",
    )
    for option, names in (
        ("ca", "the authorities that vouch for it"),
        ("cert", "a client certificate"),
        ("key", "its key"),
    ):
        group.addoption(f"--opamp-{option}", type=Path, metavar="FILE", help=f"PEM file of {names}")
    group.addoption("--opamp-contract", choices=[*Contract, "all"], help="what to grade by (default: by the target)")
    group.addoption("--opamp-transport", choices=[*Transport, "all"], default="all", help="over what to grade")
    group.addoption("--opamp-control", metavar="URL", help="its control plane")
    group.addoption("--opamp-disruptive", action="store_true", help="also what could hurt a shared server")
    group.addoption("--opamp-timeout", type=_seconds, default=10.0, metavar="SECONDS", help="limit of each exchange")
    group.addoption("--opamp-strict", action="store_true", help="a broken SHOULD fails its scenario")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_SUMMARY] = []
    config.addinivalue_line("markers", "opamp_scenario(entry): the entry of the catalogue that a test stands for")
    for level in Level:
        config.addinivalue_line("markers", f"{level}: scenarios of this level")
    for contract in Contract:
        config.addinivalue_line("markers", f"contract.{contract}: scenarios of this contract")
    for transport in Transport:
        config.addinivalue_line("markers", f"transport.{transport}: scenarios of this transport only")
    config.addinivalue_line("markers", "disruptive: scenarios that could hurt a shared server")
    for requirement in load().values():
        config.addinivalue_line("markers", f"{requirement.id}: {requirement.statement}")
    if WORKER_INPUT in getattr(config, "workerinput", {}):
        interruption.defer()  # What a worker has begun, it ends, and takes leave of the target.
        brief(config, Briefing.from_json(config.workerinput[WORKER_INPUT]))  # type: ignore[attr-defined]


def brief(config: pytest.Config, briefing: Briefing) -> None:
    """Have a session do its part in a run of ``opamp-conformance run``."""
    config.stash[BRIEFING] = briefing
    # Nobody reads the tracebacks there, and the other styles take longer than a scenario.
    config.option.tbstyle = "native"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each transport that a scenario runs over."""
    marker = metafunc.definition.get_closest_marker("opamp_scenario")
    if marker is not None:
        metafunc.parametrize("transport", marker.args[0].transports, ids=str)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the scenarios that were not asked for."""
    cases = [case_of(item) for item in items]
    if not any(cases):
        return
    is_asked = _asked(config)
    kept = [item for item, case in zip(items, cases, strict=True) if case is None or is_asked(case)]
    out = [item for item, case in zip(items, cases, strict=True) if case is not None and not is_asked(case)]
    config.hook.pytest_deselected(items=out)
    items[:] = kept


def _asked(config: pytest.Config) -> Callable[[Case], bool]:
    if BRIEFING in config.stash:
        chosen = set(config.stash[BRIEFING].cases or ())
        return lambda case: (case.name, str(case.transport)) in chosen
    target, contract, transport = (_target(config), *map(config.getoption, ("opamp_contract", "opamp_transport")))
    contracts = target.contracts if contract is None else list(Contract) if contract == "all" else [contract]
    disruptive = config.getoption("opamp_disruptive") or not target.is_shared
    return lambda case: (
        case.scenario.contract in contracts
        and transport in ("all", case.transport)
        and (disruptive or not case.scenario.is_disruptive)
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Pass over what is left to a worker of a run that was interrupted."""
    return True if BRIEFING in item.config.stash and interruption.has_come() else None


@pytest.fixture(scope="session")
def examination(request: pytest.FixtureRequest) -> Iterator[Examination]:
    """The part of a run that this session carries out: as it was briefed, or against the target of its options."""
    config = request.config
    with ExitStack() as stack:
        try:
            briefing = config.stash[BRIEFING] if BRIEFING in config.stash else _brief(config, stack)
            examination = stack.enter_context(open_examination(briefing))
        except CannotTell as error:
            pytest.exit(str(error), returncode=2)
        config.stash[_EXAMINATION] = examination
        yield examination
        left_behind = examination.leave()
        config.stash[ENDING] = json.dumps(
            {"findings": [as_json(finding) for finding in examination.findings()], **asdict(left_behind)}
        )


@pytest.fixture
def scene(examination: Examination, transport: Transport, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """What a scenario can do on the target, over the transport it runs on."""
    case, served = case_of(request.node), examination.briefing.served
    if transport not in served and case is not None and not case.scenario.is_about_being_there:
        raise NotApplicable(f"the target does not serve the transport {transport}")
    if case is not None:
        examination.require_supported(case)
    yield examination.scenes[transport]
    examination.clients[transport].hang_up()


def pytest_bdd_before_scenario(request: pytest.FixtureRequest, scenario: BoundScenario) -> None:
    examination = request.config.stash.get(_EXAMINATION, None)
    exchanges = 0 if examination is None else len(examination.notes.exchanges)
    request.node.stash[_PROGRESS] = _Progress(
        exchanges, time.monotonic(), steps=tuple(f"{step.keyword} {step.name}" for step in scenario.steps)
    )


def pytest_bdd_before_step(request: pytest.FixtureRequest, step: Step) -> None:
    request.node.stash[_PROGRESS].step = f"{step.type.capitalize()} {step.name}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    case, examination = case_of(item), item.config.stash.get(_EXAMINATION, None)
    ended = call.when == "call" or (call.when == "setup" and call.excinfo is not None)
    if case is None or examination is None or not ended:
        return report
    error = call.excinfo.value if call.excinfo else None
    progress = item.stash.get(_PROGRESS, _Progress(0, time.monotonic()))
    exchanges = examination.notes.exchanges[progress.first_exchange :]
    seconds, steps = time.monotonic() - progress.began, progress.steps or case.scenario.steps
    event = examination.conclude(case, error, progress.step, exchanges, seconds, steps)
    del examination.notes.exchanges[:]
    if BRIEFING in item.config.stash:
        report.user_properties.append((EVENT, as_json(event)))
        report.longrepr = None
    else:
        _tell_pytest(event, item, report)
    return report


EVENT = "opamp_event"
"""The property of a report that carries the event of its scenario, as JSON, also from a worker."""


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let findings fail a session; a worker of pytest-xdist hands them to the session it works for."""
    config = session.config
    if BRIEFING in config.stash:
        if hasattr(config, "workeroutput"):
            config.workeroutput[WORKER_OUTPUT] = config.stash.get(ENDING, "")
        return
    if _EXAMINATION in config.stash:
        config.stash[_SUMMARY].append(_summary(config.stash[_EXAMINATION]))
    if hasattr(config, "workeroutput"):
        config.workeroutput["opamp"] = config.stash[_SUMMARY]
    failed = any(findings_fail for findings_fail, _ in config.stash[_SUMMARY])
    if failed and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker of pytest-xdist has to say."""
    node.config.stash[_SUMMARY].extend(getattr(node, "workeroutput", {}).get("opamp", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    summaries = config.stash[_SUMMARY]
    if summaries:
        terminalreporter.section("OpAMP")
    for _, lines in summaries:
        for line in lines:
            terminalreporter.line(line)


def case_of(item: pytest.Item) -> Case | None:
    """Return what a test runs, None for a test of somebody else's."""
    marker = item.get_closest_marker("opamp_scenario")
    if marker is None:
        return None
    scenario: Scenario = marker.args[0]
    parameters = item.callspec.params  # type: ignore[attr-defined]
    name = with_values(scenario.name, parameters.get("_pytest_bdd_example", {}))
    return Case(scenario, name, parameters["transport"])


def _brief(config: pytest.Config, stack: ExitStack) -> Briefing:
    """Start the target of the options, and see what it serves; raises CannotTell."""
    target, run = _target(config), uuid6.uuid7().hex
    endpoint, timeout = stack.enter_context(target.start()), config.getoption("opamp_timeout")
    transport = config.getoption("opamp_transport")
    asked = tuple(Transport) if transport == "all" else (Transport(transport),)
    found = explore(endpoint, asked, run, timeout)
    return Briefing(
        endpoint,
        run,
        timeout,
        found.served,
        tuple(target.contracts),
        tuple(target.arguments),
        strict=config.getoption("opamp_strict"),
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < 3600:
        raise ValueError(text)
    return seconds


def _target(config: pytest.Config) -> Target:
    url = config.getoption("opamp_url")
    tls = Tls(*(config.getoption(f"opamp_{option}") for option in ("ca", "cert", "key")))
    try:
        headers = merged(
            parse_headers(config.getoption("opamp_header")),
            headers_from_environment(config.getoption("opamp_header_env")),
        )
        if url is not None:
            return UrlTarget(url, headers, tls, control=config.getoption("opamp_control"))
        if headers or tls != Tls() or config.getoption("opamp_control"):
            raise CannotTell("headers, certificates and a control plane are for a server at a URL; add --opamp-url")
        return MockTarget()
    except CannotTell as error:
        raise pytest.UsageError(str(error)) from error


def _summary(examination: Examination) -> tuple[bool, list[str]]:
    """Tell whether findings fail the session, and what there is to say at its end."""
    findings = examination.findings()
    left = examination.notes.guests.left_behind()
    lines = [
        f"{finding.verdict}: {finding.requirement}, in {finding.count} replies: {finding.because} ({finding.link})"
        for finding in findings
    ]
    lines.append(
        f"run {examination.briefing.run} left {left.agents} agents behind, {left.still_connected} not disconnected"
    )
    return any(finding.verdict is Verdict.FAILED for finding in findings), lines


def _tell_pytest(event: ScenarioFinished, item: pytest.Item, report: pytest.TestReport) -> None:
    """Make pytest's outcome agree with the verdict."""
    because = event.because
    match event.verdict:
        case Verdict.WARNED:
            try:
                item.warn(OpampWarning(f"{event.name}: {because} ({event.links[0]})"))
            except OpampWarning as warning:  # The session makes errors of warnings.
                report.longrepr = str(warning)
            else:
                report.outcome, report.longrepr = "passed", None
        case Verdict.NOT_APPLICABLE:
            report.outcome, report.longrepr = "skipped", (str(item.path), 0, because)
        case Verdict.FAILED | Verdict.BLOCKED:
            report.longrepr = "\n".join(
                [f"{event.verdict}: {event.step}", because, *event.links, f"again: {event.reproduce}"]
            )
        case _:
            pass
