"""The result of a load test: measures, the verdict on them, and the summary as text and JSON."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from opamp_conformance.ledger.ledger import load_ledger
from opamp_conformance.load.conditions import IN_SECONDS, Condition
from opamp_conformance.load.counts import Counts, Histogram
from opamp_conformance.profiles.profile import Excuse
from opamp_conformance.results.verdicts import ExitCode
from opamp_conformance.text import printable_lines

_PERCENTILES: Final = {"p50": 50, "p90": 90, "p95": 95, "p99": 99, "p999": 99.9}


@dataclass(frozen=True)
class Result:
    """The result of a load test of ``scenario`` at ``url``. Times are in seconds.

    ``starts`` says how the agents started, and ``facts`` have what somebody needs to repeat the test, by name.
    ``failed`` are the conditions that hold, ``unmeasured`` those that could not be measured. ``known`` are requirements
    that the server is known to break, with the reasons: their violations are shown, and do not count.
    """

    scenario: str
    url: str
    agents: int
    starts: str
    transport: str
    counts: Counts
    measures: Mapping[str, float | None]
    failed: Sequence[Condition]
    unmeasured: Sequence[Condition]
    lost_workers: Sequence[str] = ()
    known: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> ExitCode:
        """2 if no OpAMP message came back, or a condition was not measured; 1 if a condition holds, else 0."""
        if not self.counts.answered or self.unmeasured:
            return ExitCode.COULD_NOT_TELL
        return ExitCode.NOT_CONFORMANT if self.failed else ExitCode.CONFORMANT

    @property
    def verdict(self) -> str:
        """The verdict in one line."""
        if not self.counts.messages:
            return "could not tell: nothing was sent"
        if not self.counts.answered:
            reasons = self.counts.failures.most_common(1)
            return f"could not tell: no OpAMP reply came{f' ({reasons[0][0]})' if reasons else ''}"
        if self.unmeasured:
            return f"could not tell: not measured: {', '.join(condition.text for condition in self.unmeasured)}"
        if self.failed:
            return f"failed: {', '.join(map(self._with_value, self.failed))}"
        return "passed"

    def _with_value(self, condition: Condition) -> str:
        value = self.measures[condition.measure]
        if value is None:
            return f"{condition.text} (never)"
        is_time = condition.measure in IN_SECONDS
        return f"{condition.text} ({shown_seconds(value) if is_time else f'{value:,.6g}'})"

    def text(self) -> str:
        """Return the summary for people."""
        counts = self.counts
        lines, rows = [self.headline(), ""], self.rows()
        width = max(len(name) for name, _ in rows) + 1
        for name, value in rows:
            lines.append(f"{name:<{width}} {value}")
        lines += ["", *(f"{name:<{width}} {value}" for name, value in self.facts.items())] if self.facts else []
        for reason, count in counts.failures.most_common(5):
            lines.append(f"  failed: {count:,} × {reason}")
        for requirement, finding in counts.findings.items():
            entry = load_ledger()[requirement]
            lines += ["", f"{finding.count:,} × {entry.level} {requirement}: {entry.statement}", f"  {entry.link}"]
            if requirement in self.known:
                lines.append(f"  known: {self.known[requirement]}")
                continue
            lines += [f"  {line}" for line in finding.sample.splitlines()]
        lines += [f"lost: {worker}" for worker in self.lost_workers]
        return printable_lines("\n".join([*lines, "", self.verdict]))

    def json(self) -> str:
        """Return everything for programs."""
        counts = self.counts
        findings = {
            requirement: {
                "level": load_ledger()[requirement].level.value,
                "count": finding.count,
                "sample": finding.sample,
                "known_because": self.known.get(requirement, ""),
            }
            for requirement, finding in counts.findings.items()
        }
        result: dict[str, Any] = {
            "schema": 1,
            "scenario": self.scenario,
            "url": self.url,
            "agents": self.agents,
            "starts": self.starts,
            "facts": dict(self.facts),
            "transport": self.transport,
            "verdict": self.verdict,
            "exit_code": int(self.exit_code),
            "measures": dict(self.measures),
            "enrolled": counts.arrived,
            "enrollments": counts.enrollments,
            "messages": counts.messages,
            "throttled_waits_seconds": counts.waited,
            "bounds_used": dict(counts.bounds),
            "recoveries_seconds": counts.recoveries,
            "failures": dict(counts.failures),
            "violations": findings,
            "lost_workers": list(self.lost_workers),
            "kinds": {kind: self._kind(times) for kind, times in sorted(counts.kinds.items())},
            "seconds": [self._second(number) for number in sorted(counts.seconds)],
        }
        return json.dumps(result, indent=1)

    def _kind(self, times: Histogram) -> dict[str, float | None]:
        percentiles = {name: times.percentile(percent) for name, percent in _PERCENTILES.items()}
        return {"count": len(times), **percentiles, "max": times.longest}

    def _second(self, number: int) -> dict[str, float | None]:
        second = self.counts.seconds[number]
        return {
            "at": number - int(self.counts.started_at or number),
            "messages": second.messages,
            "enrollments": second.enrollments,
            "throttled": second.throttled,
            "failures": second.failures,
            "p50": second.latency.percentile(50),
            "p99": second.latency.percentile(99),
            "lateness_p99": second.lateness.percentile(99),
        }

    def headline(self) -> str:
        """Return one line about the test."""
        return f"{self.scenario} at {self.url}: {self.agents:,} agents, {self.starts}, over {self.transport}"

    def rows(self) -> list[tuple[str, str]]:
        """Return the summary as names and values."""
        counts, measures = self.counts, self.measures
        whole = measures["enrolled_in"]
        enrolled = f"{counts.arrived:,} of {self.agents:,} agents"
        rate = measures["enrollment_rate"]
        enrolled += f", the last after {shown_seconds(whole)}" if whole is not None else ""
        enrolled += f" ({rate:,.0f} per second)" if rate else ""
        rows = [
            ("enrolled", enrolled),
            ("enrollments", f"{counts.enrollments:,}"),
            ("messages", f"{counts.messages:,}, {measures['rate'] or 0:,.0f} per second"),
            (
                "throttled",
                f"{counts.throttled:,}" + (f", asked to wait {counts.waited:,.0f} s in total" * bool(counts.waited)),
            ),
            *(("bounded", f"{count:,} {bound}") for bound, count in sorted(counts.bounds.items())),
            ("failures", f"{counts.failures.total():,}"),
            (
                "violations",
                f"{measures['violations'] or 0:,.0f}, and {measures['warnings'] or 0:,.0f} of SHOULD requirements",
            ),
            ("latency", self._percentiles(*_PERCENTILES, "max")),
            *((f"  {kind}", self._times(times)) for kind, times in sorted(counts.kinds.items())),
            ("lateness", f"p99 {shown_seconds(measures['lateness_p99'])}"),
        ]
        if counts.whole_at is not None and counts.last_at is not None and counts.last_at > counts.whole_at + 1:
            rows.append(("lasted", f"{shown_seconds(counts.last_at - counts.whole_at)} with the whole fleet"))
        if counts.recoveries:
            back = ", ".join(map(shown_seconds, counts.recoveries))
            rows.append(("outages", f"the whole fleet came back after {back}"))
        return rows

    def _times(self, times: Histogram) -> str:
        shown = ", ".join(f"{name} {shown_seconds(times.percentile(_PERCENTILES[name]))}" for name in ("p50", "p99"))
        return f"{len(times):,}: {shown}, max {shown_seconds(times.longest)}"

    def _percentiles(self, *names: str) -> str:
        return ", ".join(f"{name} {shown_seconds(self.measures[name])}" for name in names)


def result_of(
    scenario: str,
    url: str,
    *,
    agents: int,
    starts: str,
    transport: str,
    counts: Counts,
    conditions: Sequence[Condition],
    lost_workers: Sequence[str] = (),
    known: Mapping[str, Excuse] | None = None,
    facts: Mapping[str, str] | None = None,
) -> Result:
    """Compute the measures from the counts, and judge them by the conditions; ``known`` violations do not count."""
    excused = {
        requirement: excuse.because
        for requirement, excuse in (known or {}).items()
        if requirement in counts.findings and excuse.is_shown_by(counts.findings[requirement].sample)
    }
    measures = _measures(counts, agents, len(lost_workers), excused)
    failed = [condition for condition in conditions if condition.holds(measures)]
    unmeasured = [condition for condition in conditions if condition.holds(measures) is None]
    return Result(
        scenario,
        url,
        agents,
        starts,
        transport,
        counts,
        measures,
        failed,
        unmeasured,
        lost_workers,
        excused,
        facts or {},
    )


def _measures(counts: Counts, agents: int, lost_workers: int, known: Collection[str]) -> dict[str, float | None]:
    latency, lateness = Histogram(), Histogram()
    for second in counts.seconds.values():
        latency += second.latency
        lateness += second.lateness
    findings = {name: finding.count for name, finding in counts.findings.items() if name not in known}
    binding = sum(count for name, count in findings.items() if load_ledger()[name].is_binding)
    began = counts.started_at
    whole = None if began is None or counts.whole_at is None else max(counts.whole_at - began, 1e-3)
    lasted = None if began is None or counts.last_at is None else max(counts.last_at - began, 1e-3)
    failures, messages = counts.failures.total(), max(1, counts.messages)
    return {
        "violations": binding,
        "warnings": sum(findings.values()) - binding,
        "failures": failures,
        "failures_percent": 100 * failures / messages,
        "throttled": counts.throttled,
        "throttled_percent": 100 * counts.throttled / messages,
        "not_enrolled": agents - counts.arrived,
        "lost_workers": lost_workers,
        **{name: latency.percentile(percent) for name, percent in _PERCENTILES.items()},
        "max": latency.longest if latency.longest else None,
        "lateness_p99": lateness.percentile(99),
        "enrolled_in": whole if counts.arrived >= agents else None,
        "rate": None if lasted is None else counts.messages / lasted,
        "enrollment_rate": 0.0 if whole is None else counts.arrived / whole,
    }


def shown_seconds(seconds: float | None) -> str:
    """Write a time with three digits and a unit."""
    if seconds is None:
        return "-"
    if seconds >= 1:
        return f"{seconds:.3g} s" if seconds < 1000 else f"{seconds:,.0f} s"
    return f"{seconds * 1000:.3g} ms"
