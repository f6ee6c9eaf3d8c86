"""Conditions that fail a load test: ``p99>500ms``, ``violations>0``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.text import did_you_mean

MEASURES: Final = {
    "violations": "violations of MUST requirements",
    "warnings": "violations of SHOULD requirements",
    "failures": "messages without an answer, or answered by an error; with %: of all messages",
    "throttled": "messages that the server asked to send later; with %: of all messages",
    "not_enrolled": "agents of the fleet that were never enrolled",
    "lost_workers": "processes of the load test that ended unexpectedly",
    "p50": "median of the seconds until an answer",
    "p90": "90th percentile of these times",
    "p95": "95th percentile of these times",
    "p99": "99th percentile of these times",
    "p999": "99.9th percentile of these times",
    "max": "the longest of these times",
    "lateness_p99": "99th percentile of the seconds by which messages were sent too late",
    "enrolled_in": "seconds until the whole fleet was enrolled",
    "rate": "messages per second",
    "enrollment_rate": "enrollments per second, until the last one",
}
"""The measures that a condition can use, by name."""

IN_SECONDS: Final = {"p50", "p90", "p95", "p99", "p999", "max", "lateness_p99", "enrolled_in"}
_IN_PERCENT: Final = {"failures", "throttled"}
_UNITS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_CONDITION: Final = re.compile(r"\s*(\w+)\s*(<=|>=|<|>)\s*(\d+(?:\.\d+)?)\s*(\w+|%|)\s*")


@dataclass(frozen=True)
class Condition:
    """A comparison of one measure; the test fails if it holds. ``text`` is the user's text."""

    text: str
    measure: str
    comparison: str
    bound: float

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """Read a condition; raises InconclusiveError."""
        match = _CONDITION.fullmatch(text)
        if match is None:
            raise InconclusiveError(f"--fail-if {text!r} is not a condition: write it as 'p99>500ms' or 'violations>0'")
        measure, comparison, number, unit = match.groups()
        if measure not in MEASURES:
            raise InconclusiveError(f"--fail-if: there is no measure {measure!r}{did_you_mean(measure, MEASURES)}")
        is_percent = unit == "%"
        if measure in IN_SECONDS and unit not in _UNITS:
            raise InconclusiveError(f"--fail-if {text!r}: {measure} is a time, with a unit: us, ms, s, m or h")
        if measure not in IN_SECONDS and unit and not (is_percent and measure in _IN_PERCENT):
            raise InconclusiveError(f"--fail-if {text!r}: {measure} has no unit {unit}")
        bound = float(number) * _UNITS.get(unit, 1.0)
        return cls(text.strip(), f"{measure}_percent" if is_percent else measure, comparison, bound)

    def holds(self, measures: Mapping[str, float | None]) -> bool | None:
        """Return whether the condition holds, None if its measure is missing."""
        value = measures[self.measure]
        if value is None and self.measure == "enrolled_in":
            value = float("inf")  # The whole fleet was never enrolled.
        if value is None:
            return None
        match self.comparison:
            case ">":
                return value > self.bound
            case "<":
                return value < self.bound
            case ">=":
                return value >= self.bound
            case _:
                return value <= self.bound


DEFAULT: Final[Sequence[Condition]] = tuple(
    Condition.parse(text) for text in ("violations>0", "failures>0", "not_enrolled>0")
)
"""The conditions of a load test without other ones."""


def seconds(text: str) -> float:
    """Read a time as ``30``, ``90s``, ``500ms``, ``5m`` or ``1h``; raises InconclusiveError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(us|ms|s|m|h|)", text.strip())
    if match is None:
        raise InconclusiveError(f"{text!r} is not a time: write it as 30s, 500ms or 5m")
    return float(match[1]) * _UNITS.get(match[2], 1.0)
