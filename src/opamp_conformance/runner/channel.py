"""The data between a run and its pytest sessions: the plan goes in; events and a summary come out.

Without workers, all of it stays in one process. With workers of pytest-xdist, it travels as JSON.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

import pytest

from opamp_conformance.client.agent_tracker import CleanupReport
from opamp_conformance.results.events import Event, FindingBooked, as_json, event_of
from opamp_conformance.runner.plan import RunPlan

_PLAN: Final = "opamp_plan"
_EVENT: Final = "opamp_event"
_SUMMARY: Final = "opamp_summary"

_plan = pytest.StashKey[RunPlan]()
_listener = pytest.StashKey[Callable[[Event], None]]()
_summary = pytest.StashKey["WorkerSummary"]()


@dataclass(frozen=True)
class WorkerSummary:
    """The summary of one process, or of the walks: the findings, and the agents that were created."""

    findings: tuple[FindingBooked, ...]
    cleanup: CleanupReport
    signs: tuple[str, ...] = ()
    """What the server has done that shows which parts of OpAMP it supports."""
    problem: str = ""
    """Why the process could not tell what the server does, empty if it could."""


# ---- the plan


def set_plan(config: pytest.Config, plan: RunPlan, listener: Callable[[Event], None] | None = None) -> None:
    """Give a session its plan; ``listener`` gets its events if it is in this process."""
    config.stash[_plan] = plan
    # No one reads tracebacks in a run, and the other styles take longer than a scenario.
    config.option.tbstyle = "native"
    if listener is not None:
        config.stash[_listener] = listener


def plan_of(config: pytest.Config) -> RunPlan | None:
    """Return the plan of a session, None for a session that ``opamp-conformance run`` did not start."""
    return config.stash.get(_plan, None)


def send_plan(node: Any, plan: RunPlan) -> None:
    """Give the plan to a worker of pytest-xdist that is about to start."""
    node.workerinput[_PLAN] = plan.as_json()


def received_plan(config: pytest.Config) -> RunPlan | None:
    """Return the plan that this process got as a worker, None if it is not a worker."""
    text = getattr(config, "workerinput", {}).get(_PLAN)
    return None if text is None else RunPlan.from_json(text)


# ---- events


def tell(config: pytest.Config, report: pytest.TestReport, event: Event) -> None:
    """Send an event to the run: directly, or by the report that a worker sends."""
    listener = config.stash.get(_listener, None)
    if listener is not None:
        listener(event)
    else:
        report.user_properties.append((_EVENT, as_json(event)))


def events_of(report: pytest.TestReport) -> list[Event]:
    """Return the events in the report of a worker; the report of a teardown repeats them."""
    texts = [str(value) for name, value in report.user_properties if name == _EVENT and report.when != "teardown"]
    return [event_of(json.loads(text)) for text in texts]


# ---- the summary


def set_summary(config: pytest.Config, summary: WorkerSummary) -> None:
    """Keep the summary of a session until its end."""
    config.stash[_summary] = summary


def summary_of(config: pytest.Config) -> WorkerSummary | None:
    """Return the summary of a session in this process, None if it has none."""
    return config.stash.get(_summary, None)


def send_summary(config: pytest.Config) -> None:
    """Send the summary of this worker to its run."""
    summary = summary_of(config)
    if summary is not None and hasattr(config, "workeroutput"):
        findings = [as_json(finding) for finding in summary.findings]
        config.workeroutput[_SUMMARY] = json.dumps({**asdict(summary), "findings": findings})


def received_summary(node: Any) -> WorkerSummary | None:
    """Return the summary of a worker that has ended, None if it sent none."""
    text = getattr(node, "workeroutput", {}).get(_SUMMARY)
    if text is None:
        return None
    fields = json.loads(text)
    events = [event_of(json.loads(finding)) for finding in fields["findings"]]
    findings = tuple(event for event in events if isinstance(event, FindingBooked))
    return WorkerSummary(findings, CleanupReport(**fields["cleanup"]), tuple(fields["signs"]), fields["problem"])
