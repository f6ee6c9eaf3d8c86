"""What differs between two load tests by more than noise."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Final

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.load.summary import shown_seconds
from opamp_conformance.reading import read_text

_SAME: Final = ("scenario", "agents", "starts", "transport", "interval", "contract")
"""What two tests must have in common."""
_SERIES: Final = {"rate": "messages", "p50": "p50", "p99": "p99", "lateness_p99": "lateness_p99"}
"""Measures with a value for each second, by the names of these values."""
_COUNTS: Final = ("violations", "failures", "not_enrolled", "lost_workers")
_DEVIATIONS: Final = 2.0
"""How many standard errors two means differ by, if it is no coincidence."""
_LEAST_SHARE: Final = 0.1
"""The histograms are exact to a twelfth, so a smaller difference may be one of rounding."""


@dataclass(frozen=True)
class Difference:
    """A measure of two tests. ``noise`` is what differs by coincidence, None for what is counted."""

    measure: str
    old: float
    new: float
    noise: float | None

    @property
    def is_real(self) -> bool:
        """Whether the difference is more than noise."""
        change = abs(self.new - self.old)
        return change > (0 if self.noise is None else max(self.noise, _LEAST_SHARE * abs(self.old)))

    @property
    def is_worse(self) -> bool:
        return self.is_real and (self.new < self.old if self.measure == "rate" else self.new > self.old)

    def __str__(self) -> str:
        """Return the difference as a line for people."""
        share = f"{100 * (self.new - self.old) / self.old:+.0f} %" if self.old else ""
        noise = "" if self.noise is None else f" (noise ±{self._shown(self.noise)})"
        mark = "worse" if self.is_worse else "better" if self.is_real else "same"
        return f"{mark:<6} {self.measure:<14} {self._shown(self.old)} -> {self._shown(self.new)} {share}{noise}"

    def _shown(self, value: float) -> str:
        is_count = self.measure == "rate" or self.noise is None
        return f"{value:,.0f}" if is_count else shown_seconds(value)


def read_result(path: Path) -> Mapping[str, Any] | None:
    """Return the results of a load test from a file of --json; None if it is another file. Raises InconclusiveError."""
    try:
        found = json.loads(read_text(path))
    except (ValueError, RecursionError):
        return None
    is_result = isinstance(found, dict) and {"scenario", "facts", "measures", "seconds"} <= found.keys()
    return found if is_result else None


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """Compare two load tests, the worst first; raises InconclusiveError if they are not of one kind."""
    try:
        for name in _SAME:
            first, second = ({**one["facts"], **one}.get(name) for one in (old, new))
            if first != second:
                raise InconclusiveError(f"the tests differ in {name}: {first} and {second}")
        found = [_of_series(measure, *(_series(one, name) for one in (old, new))) for measure, name in _SERIES.items()]
        counts = [Difference(name, old["measures"][name], new["measures"][name], None) for name in _COUNTS]
    except (KeyError, TypeError) as error:
        raise InconclusiveError(f"these are not the results of a load test: {error}") from error
    all_of_them = [*(one for one in found if one is not None), *counts]
    return sorted(all_of_them, key=lambda one: (not one.is_worse, not one.is_real))


def _series(result: Mapping[str, Any], name: str) -> Sequence[float]:
    """Return the values of all seconds but the first and the last, which are not whole."""
    return [second[name] for second in result["seconds"][1:-1] if second[name] is not None]


def _of_series(measure: str, old: Sequence[float], new: Sequence[float]) -> Difference | None:
    if not old or not new:
        return None
    noise = _DEVIATIONS * sqrt(_error(old) ** 2 + _error(new) ** 2)
    return Difference(measure, fmean(old), fmean(new), noise)


def _error(values: Sequence[float]) -> float:
    """Return the standard error of the mean."""
    return stdev(values) / sqrt(len(values)) if len(values) > 1 else abs(values[0])
