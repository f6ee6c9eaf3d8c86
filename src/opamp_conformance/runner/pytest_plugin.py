"""The suite under pytest: markers, the ``context`` fixture, and the verdict at the end of a scenario.

``pytest_options`` loads it into a session that collects the suite. In a session that ``opamp-conformance run`` started,
and in each of its workers, it follows the plan of that run.
"""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import uuid6
from pytest_bdd.parser import Scenario as BoundScenario
from pytest_bdd.parser import Step

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.client.timing import Timing
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.ledger.ledger import Contract, Level, Subject, load_ledger
from opamp_conformance.pytest_options import SUMMARIES
from opamp_conformance.results.events import ScenarioFinished
from opamp_conformance.results.verdicts import Verdict
from opamp_conformance.runner import channel, signals
from opamp_conformance.runner.judging import ScenarioEnd
from opamp_conformance.runner.plan import RunPlan
from opamp_conformance.runner.preflight import explore
from opamp_conformance.runner.worker import Worker, open_worker
from opamp_conformance.suite.catalogue import Case, Scenario, load_catalogue
from opamp_conformance.targets import Endpoint, Target, Tls
from opamp_conformance.targets.mock import MockTarget
from opamp_conformance.targets.options import ACCESS_OPTIONS, Access
from opamp_conformance.targets.url import UrlTarget
from opamp_conformance.wire.transport import Transport

if TYPE_CHECKING:
    from opamp_conformance.actions.agent_side.session import AgentSession
    from opamp_conformance.runner.agent_worker import AgentWorker

_worker = pytest.StashKey["Worker | AgentWorker"]()
_chosen = pytest.StashKey[set[str]]()


class OpampWarning(UserWarning):
    """A SHOULD is broken."""


@dataclass
class _Progress:
    """How far a scenario has come."""

    position: int
    began: float
    step: str = ""
    steps: tuple[str, ...] = ()


_progress = pytest.StashKey[_Progress]()


def pytest_configure(config: pytest.Config) -> None:
    plan = channel.received_plan(config)
    _register_markers(config, plan or channel.plan_of(config))
    if plan is not None:
        signals.defer()  # A worker completes its current scenario, and disconnects its agents.
        channel.set_plan(config, plan)


def _register_markers(config: pytest.Config, plan: RunPlan | None) -> None:
    """Register every tag of the features as a marker."""
    is_about_agents = plan is not None and plan.agent is not None
    catalogue = load_catalogue(Subject.AGENT if is_about_agents else Subject.SERVER)
    config.addinivalue_line("markers", "opamp_scenario(entry): the entry of the catalogue that a test runs")
    for level in Level:
        config.addinivalue_line("markers", f"{level}: scenarios of this level")
    for contract in Contract:
        config.addinivalue_line("markers", f"contract.{contract}: scenarios of this contract")
    for transport in Transport:
        config.addinivalue_line("markers", f"transport.{transport}: scenarios of this transport only")
    config.addinivalue_line("markers", "disruptive: scenarios that could hurt a shared server")
    config.addinivalue_line("markers", "agent: scenarios about agents")
    for requirement in load_ledger().values():
        config.addinivalue_line("markers", f"{requirement.id}: {requirement.statement}")
    for scenario in catalogue.values():
        if scenario.key not in load_ledger():
            config.addinivalue_line("markers", f"{scenario.key}: {scenario.title}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test for each transport that a scenario runs over."""
    marker = metafunc.definition.get_closest_marker("opamp_scenario")
    if marker is not None:
        metafunc.parametrize("transport", marker.args[0].transports, ids=str)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, obj: object) -> list[pytest.Item] | None:
    """Make no tests of scenarios that a run has not chosen, because that takes longer than to run a few of them."""
    plan = channel.plan_of(collector.config)
    marker = next((mark for mark in getattr(obj, "pytestmark", ()) if mark.name == "opamp_scenario"), None)
    if plan is None or plan.cases is None or marker is None:
        return None
    if _chosen not in collector.config.stash:
        collector.config.stash[_chosen] = {key for key, _ in plan.cases}
    chosen = collector.config.stash[_chosen]
    return None if any(case.key in chosen for case in marker.args[0].cases()) else []


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the scenarios that were not selected."""
    cases = [case_of(item) for item in items]
    if not any(cases):
        return
    is_wanted = _filter(config)
    kept = [item for item, case in zip(items, cases, strict=True) if case is None or is_wanted(case)]
    out = [item for item, case in zip(items, cases, strict=True) if case is not None and not is_wanted(case)]
    config.hook.pytest_deselected(items=out)
    items[:] = kept


def _filter(config: pytest.Config) -> Callable[[Case], bool]:
    plan = channel.plan_of(config)
    if plan is not None:
        chosen = set(plan.cases or ())
        return lambda case: (case.key, str(case.transport)) in chosen
    target, transport = _target(config), config.getoption("opamp_transport")
    contracts = _contracts(config, target)
    disruptive = config.getoption("opamp_disruptive") or not target.is_shared
    return lambda case: (
        case.scenario.contract in contracts
        and transport in ("all", case.transport)
        and (disruptive or not case.scenario.is_disruptive)
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Skip the rest of an interrupted run in its workers."""
    return True if channel.plan_of(item.config) is not None and signals.is_pending() else None


@pytest.fixture(scope="session")
def opamp_worker(request: pytest.FixtureRequest) -> "Iterator[Worker | AgentWorker]":
    """This session's part of a run: by the plan of the run, or against the target of pytest's options."""
    config = request.config
    with ExitStack() as stack:
        try:
            worker = stack.enter_context(_open(channel.plan_of(config) or _own_plan(config, stack)))
        except InconclusiveError as error:
            pytest.exit(str(error), returncode=2)
        config.stash[_worker] = worker
        yield worker
        channel.set_summary(config, worker.end())


@pytest.fixture
def context(opamp_worker: Worker, transport: Transport, request: pytest.FixtureRequest) -> Iterator[ScenarioContext]:
    """The actions that a scenario can use on the target, over its transport."""
    case = case_of(request.node)
    if case is not None:
        opamp_worker.require_applicable(case)
    yield opamp_worker.contexts[transport]
    opamp_worker.clients[transport].close_websockets()


@pytest.fixture
def agent_session(opamp_worker: "AgentWorker", request: pytest.FixtureRequest) -> "Iterator[AgentSession]":
    """The agent that a scenario grades, over its transport. It ends with the scenario."""
    case = case_of(request.node)
    assert case is not None
    with opamp_worker.open_session(case) as session:
        yield session


def _open(plan: RunPlan) -> "AbstractContextManager[Worker | AgentWorker]":
    if plan.agent is None:
        return open_worker(plan)
    from opamp_conformance.runner.agent_worker import open_agent_worker  # noqa: PLC0415 - it loads another server

    return open_agent_worker(plan)


def pytest_bdd_before_scenario(request: pytest.FixtureRequest, scenario: BoundScenario) -> None:
    worker = request.config.stash.get(_worker, None)
    position = 0 if worker is None else worker.position()
    request.node.stash[_progress] = _Progress(
        position, time.monotonic(), steps=tuple(f"{step.keyword} {step.name}" for step in scenario.steps)
    )


def pytest_bdd_before_step(request: pytest.FixtureRequest, step: Step) -> None:
    request.node.stash[_progress].step = f"{step.type.capitalize()} {step.name}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    case, worker = case_of(item), item.config.stash.get(_worker, None)
    has_ended = call.when == "call" or (call.when == "setup" and call.excinfo is not None)
    if case is None or worker is None or not has_ended:
        return report
    error = call.excinfo.value if call.excinfo else None
    progress = item.stash.get(_progress, _Progress(0, time.monotonic()))
    end = ScenarioEnd(error, progress.step, progress.steps or case.scenario.steps, time.monotonic() - progress.began)
    events = worker.judge_scenario(case, end, progress.position)
    if channel.plan_of(item.config) is not None:
        for event in events:
            channel.tell(item.config, report, event)
        report.longrepr = None
    else:
        for event in events:
            if isinstance(event, ScenarioFinished):
                _apply_to_report(event, item, report)
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send the summary of a run to its main session, or keep that of a session of the user."""
    config = session.config
    if channel.plan_of(config) is not None:
        channel.send_summary(config)
    elif _worker in config.stash:
        config.stash[SUMMARIES].append(_summarize(config.stash[_worker]))


def case_of(item: pytest.Item) -> Case | None:
    """Return the case that a test runs, None for a test that is not part of the suite."""
    marker = item.get_closest_marker("opamp_scenario")
    if marker is None:
        return None
    scenario: Scenario = marker.args[0]
    parameters = item.callspec.params  # type: ignore[attr-defined]
    return scenario.case(parameters.get("_pytest_bdd_example", {}), parameters["transport"])


def _own_plan(config: pytest.Config, stack: ExitStack) -> RunPlan:
    """Start the target of the options, and look which transports it serves; raises InconclusiveError."""
    target, run_id = _target(config), uuid6.uuid7().hex
    endpoint, timing = stack.enter_context(target.start()), Timing(config.getoption("opamp_timeout"))
    transport = config.getoption("opamp_transport")
    asked = tuple(Transport) if transport == "all" else (Transport(transport),)
    found = explore(endpoint, asked, run_id, timing)
    return RunPlan(
        endpoint=endpoint,
        run_id=run_id,
        timing=timing,
        served=found.served,
        contracts=_contracts(config, target),
        default_contracts=tuple(target.contracts),
        arguments=tuple(target.arguments),
        strict=config.getoption("opamp_strict"),
    )


def _contracts(config: pytest.Config, target: Target) -> tuple[Contract, ...]:
    contract = config.getoption("opamp_contract")
    return tuple(target.contracts if contract is None else Contract if contract == "all" else [Contract(contract)])


def _target(config: pytest.Config) -> Target:
    url, control = config.getoption("opamp_url"), config.getoption("opamp_control")
    try:
        access = Access.of({option.dest: config.getoption(f"opamp_{option.dest}") for option in ACCESS_OPTIONS})
        if url is not None:
            return UrlTarget(Endpoint(url, access.headers, access.tls, control=control))
        if access.headers or access.tls != Tls() or control:
            raise InconclusiveError("headers, certificates and a control plane need a server at a URL; add --opamp-url")
        return MockTarget()
    except InconclusiveError as error:
        raise pytest.UsageError(str(error)) from error


def _summarize(worker: "Worker | AgentWorker") -> tuple[bool, list[str]]:
    """Return whether findings fail the session, and the lines for its end."""
    findings = worker.findings()
    lines = [
        f"{finding.verdict}: {finding.requirement}, in {finding.count} messages: {finding.because} ({finding.link})"
        for finding in findings
    ]
    lines.append(f"run {worker.plan.run_id} {worker.created()}")
    return any(finding.verdict is Verdict.FAILED for finding in findings), lines


def _apply_to_report(event: ScenarioFinished, item: pytest.Item, report: pytest.TestReport) -> None:
    """Make pytest's outcome agree with the verdict."""
    because = event.because
    match event.verdict:
        case Verdict.WARNED:
            try:
                item.warn(OpampWarning(f"{event.title}: {because} ({event.links[0]})"))
            except OpampWarning as warning:  # The session turns warnings into errors.
                report.longrepr = str(warning)
            else:
                report.outcome, report.longrepr = "passed", None
        case Verdict.NOT_APPLICABLE | Verdict.NOT_SCORED:
            report.outcome, report.longrepr = "skipped", (str(item.path), 0, because)
        case Verdict.FAILED | Verdict.BLOCKED:
            report.longrepr = "\n".join(
                [f"{event.verdict}: {event.step}", because, *event.links, f"again: {event.reproduce}"]
            )
        case _:
            pass
