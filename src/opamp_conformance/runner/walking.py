"""Random walks of a run, after its scenarios: what they found, with the shortest conversation for each breach."""

import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Final

from opamp_conformance.checks.findings import Finding
from opamp_conformance.client.client import Client
from opamp_conformance.client.run_log import RunLog
from opamp_conformance.redaction import Redactor
from opamp_conformance.results.events import FindingBooked
from opamp_conformance.runner import signals
from opamp_conformance.runner.booking import ProfileExcuses, book
from opamp_conformance.runner.channel import WorkerSummary
from opamp_conformance.runner.plan import RunPlan
from opamp_conformance.targets.url import is_on_this_machine
from opamp_conformance.walks.steps import SEED, Walk
from opamp_conformance.wire.transport import Transport

# What walks find on the bundled server, the tests know already. A slow server gets as many as fit into the time.
_WALKS_ON_OWN_TARGETS: Final = 40
_WALKS_ON_OTHERS: Final = 400
_SECONDS_OF_EACH_RUN: Final = 4.0
_MOST_WALKS: Final = 1_000_000


@dataclass(frozen=True)
class WalkOptions:
    """Which walks to go: for some ``seconds``, or one to ``replay``; otherwise the short ones of each run."""

    seconds: float | None = None
    seed: int = SEED
    replay: Walk = ()


OF_EACH_RUN: Final = WalkOptions()


@dataclass(frozen=True)
class WalkReport:
    """The numbers of walks and of their messages, and what they found."""

    walks: int = 0
    messages: int = 0
    seed: int = 0
    summary: WorkerSummary | None = None
    is_interrupted: bool = False


def are_asked_for(plan: RunPlan, options: WalkOptions, *, is_whole: bool) -> bool:
    """Return whether a run goes walks: if asked, and otherwise only on this machine, after a run of all scenarios."""
    is_local = is_on_this_machine(plan.endpoint.url)
    return options.seconds is not None or bool(options.replay) or (is_whole and is_local)


def go_walks(plan: RunPlan, options: WalkOptions, broken: Collection[str], *, is_own: bool) -> WalkReport:
    """Go the walks, and disconnect their agents. What is ``broken`` according to the scenarios is not looked for.

    ``is_own`` says that the run has started the server.
    """
    from opamp_conformance.walks.exploration import explore, replay  # noqa: PLC0415 - it is slow to load
    from opamp_conformance.walks.walker import Walker  # noqa: PLC0415

    redactor = Redactor(plan.endpoint.secrets)
    with _clients(plan) as (log, clients):
        walker = Walker(clients, log, plan.run_id, plan.contracts)
        if options.replay:
            exploration = replay(walker, options.replay)
        else:
            number, seconds = _MOST_WALKS, options.seconds
            if seconds is None:
                number = _WALKS_ON_OWN_TARGETS if is_own else _WALKS_ON_OTHERS
                seconds = _SECONDS_OF_EACH_RUN
            until = time.monotonic() + min(seconds, plan.timing.deadline - time.time())
            exploration = explore(
                walker,
                number=number,
                until=until,
                seed_number=options.seed,
                ignored=broken,
                raise_if_interrupted=signals.raise_if_interrupted,
            )
        findings = tuple(
            _booked(discovery.finding, discovery.walk, plan, redactor) for discovery in exploration.discoveries.values()
        )
        for client in clients.values():  # The last walk may have been interrupted.
            client.close_websockets()
        cleanup = clients[plan.served[0]].disconnect_agents()
    summary = WorkerSummary(findings, cleanup)
    return WalkReport(
        exploration.walks, exploration.messages, exploration.seed, summary, is_interrupted=exploration.is_interrupted
    )


def _booked(finding: Finding, walk: Walk, plan: RunPlan, redactor: Redactor) -> FindingBooked:
    again = " ".join(["opamp-conformance run", *plan.arguments, *_contract(plan), "--replay FILE"])
    excuses = ProfileExcuses(plan, redactor)
    excused = replace(finding, is_excused=excuses.excuses(finding.requirement, finding.violation))
    return replace(book(excused, plan, redactor, excuses), walk=tuple(map(str, walk)), reproduce=again)


def _contract(plan: RunPlan) -> list[str]:
    if set(plan.contracts) == set(plan.default_contracts):
        return []
    return ["--contract", "all" if len(plan.contracts) > 1 else plan.contracts[0]]


@contextmanager
def _clients(plan: RunPlan) -> Iterator[tuple[RunLog, dict[Transport, Client]]]:
    log = RunLog()
    with ExitStack() as stack:
        yield (
            log,
            {
                transport: stack.enter_context(Client(plan.endpoint, plan.timing, transport, log, plan.run_id))
                for transport in plan.served
            },
        )
