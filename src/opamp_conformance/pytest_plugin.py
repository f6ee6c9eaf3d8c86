"""The suite under pytest: options, the ``scene`` fixture, and what becomes of a scenario's end.

In a session that does not collect the suite it adds its options, markers and fixtures, and nothing else.
"""

import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uuid6
from pytest_bdd.parser import Step

from opamp_conformance.catalogue import Scenario
from opamp_conformance.errors import CannotTell
from opamp_conformance.events import ScenarioFinished
from opamp_conformance.examination import Examination
from opamp_conformance.ledger import Contract, Level, load
from opamp_conformance.options import headers_from_environment, merged, parse_headers
from opamp_conformance.preflight import open_client
from opamp_conformance.scene import Scene
from opamp_conformance.targets import Target, Tls
from opamp_conformance.targets.mock import MockTarget
from opamp_conformance.targets.url import UrlTarget
from opamp_conformance.verdicts import Verdict

EXAMINATION = pytest.StashKey[Examination]()
"""Where the run that a session belongs to is kept; ``opamp-conformance run`` puts its own there."""


class OpampWarning(UserWarning):
    """A SHOULD is broken."""


@dataclass
class _Progress:
    """How far a scenario has come."""

    first_exchange: int
    began: float
    step: str = ""


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
    group.addoption("--opamp-timeout", type=_seconds, default=10.0, metavar="SECONDS", help="limit of each exchange")
    group.addoption("--opamp-strict", action="store_true", help="a broken SHOULD fails its scenario")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_SUMMARY] = []
    config.addinivalue_line("markers", "opamp_scenario(entry): the entry of the catalogue that a test stands for")
    for level in Level:
        config.addinivalue_line("markers", f"{level}: scenarios of this level")
    for contract in Contract:
        config.addinivalue_line("markers", f"contract.{contract}: scenarios of this contract")
    for requirement in load().values():
        config.addinivalue_line("markers", f"{requirement.id}: {requirement.statement}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the scenarios of a contract that was not asked for."""
    if EXAMINATION in config.stash or not any(scenario_of(item) for item in items):
        return
    asked = config.getoption("opamp_contract")
    contracts = _target(config).contracts if asked is None else list(Contract) if asked == "all" else [asked]
    kept: list[pytest.Item] = []
    out: list[pytest.Item] = []
    for item in items:
        scenario = scenario_of(item)
        (kept if scenario is None or scenario.contract in contracts else out).append(item)
    config.hook.pytest_deselected(items=out)
    items[:] = kept


@pytest.fixture(scope="session")
def examination(request: pytest.FixtureRequest) -> Iterator[Examination]:
    """The run of this session, against the target of the options."""
    config = request.config
    if EXAMINATION in config.stash:
        yield config.stash[EXAMINATION]
        return
    target, run = _target(config), uuid6.uuid7().hex
    with ExitStack() as stack:
        try:
            endpoint = stack.enter_context(target.start())
            client = stack.enter_context(open_client(endpoint, run, config.getoption("opamp_timeout")))
        except CannotTell as error:
            pytest.exit(str(error), returncode=2)
        examination = Examination(target, endpoint, client, run, strict=config.getoption("opamp_strict"))
        config.stash[EXAMINATION] = examination
        yield examination
        client.leave()


@pytest.fixture
def scene(examination: Examination) -> Scene:
    """What a scenario can do on the target."""
    return examination.scene


def pytest_bdd_before_scenario(request: pytest.FixtureRequest) -> None:
    examination = request.config.stash.get(EXAMINATION, None)
    exchanges = 0 if examination is None else len(examination.client.exchanges)
    request.node.stash[_PROGRESS] = _Progress(exchanges, time.monotonic())


def pytest_bdd_before_step(request: pytest.FixtureRequest, step: Step) -> None:
    request.node.stash[_PROGRESS].step = f"{step.type.capitalize()} {step.name}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    scenario, examination = scenario_of(item), item.config.stash.get(EXAMINATION, None)
    ended = call.when == "call" or (call.when == "setup" and call.excinfo is not None)
    if scenario is None or examination is None or not ended:
        return report
    error = call.excinfo.value if call.excinfo else None
    progress = item.stash.get(_PROGRESS, _Progress(0, time.monotonic()))
    exchanges = examination.client.exchanges[progress.first_exchange :]
    seconds = time.monotonic() - progress.began
    event = examination.conclude(scenario, name_of(item), error, progress.step, exchanges, seconds)
    del examination.client.exchanges[:]
    if item.config.pluginmanager.has_plugin("terminalreporter"):
        _tell_pytest(event, item, report)
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let findings fail a session; a worker of pytest-xdist hands them to the session it works for."""
    config = session.config
    if EXAMINATION in config.stash:
        config.stash[_SUMMARY].append(_summary(config.stash[EXAMINATION]))
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


def scenario_of(item: pytest.Item) -> Scenario | None:
    """Return the entry of the catalogue that a test stands for, None for a test of somebody else's."""
    marker = item.get_closest_marker("opamp_scenario")
    return None if marker is None else marker.args[0]


def name_of(item: pytest.Item) -> str:
    """Name a test as its scenario, with the values of its example."""
    scenario = scenario_of(item)
    name = item.name if scenario is None else scenario.name
    callspec = getattr(item, "callspec", None)
    for key, value in (callspec.params["_pytest_bdd_example"] if callspec else {}).items():
        name = name.replace(f"<{key}>", value)
    return name


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
            return UrlTarget(url, headers, tls)
        if headers or tls != Tls():
            raise CannotTell("headers and certificates are for a server at a URL; add --opamp-url")
        return MockTarget()
    except CannotTell as error:
        raise pytest.UsageError(str(error)) from error


def _summary(examination: Examination) -> tuple[bool, list[str]]:
    """Tell whether findings fail the session, and what there is to say at its end."""
    findings = examination.findings()
    left = examination.client.guests.left_behind()
    lines = [
        f"{finding.verdict}: {finding.requirement}, in {finding.count} replies: "
        f"expected {finding.expected}; got {finding.actual} ({finding.link})"
        for finding in findings
    ]
    lines.append(f"run {examination.run} left {left.agents} agents behind, {left.still_connected} not disconnected")
    return any(finding.verdict is Verdict.FAILED for finding in findings), lines


def _tell_pytest(event: ScenarioFinished, item: pytest.Item, report: pytest.TestReport) -> None:
    """Make pytest's outcome agree with the verdict."""
    because = f"expected {event.expected}; got {event.actual}" if event.expected else event.actual
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
