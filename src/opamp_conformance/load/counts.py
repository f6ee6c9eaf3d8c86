"""What is counted of a load test: each process has its own, and they add up."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import log2
from typing import Any, Final

_STEPS: Final = 8
"""How many buckets a histogram has for each doubling: a value is off by a twelfth at most."""
_SMALLEST: Final = 1e-6


_MOST_REASONS: Final = 50
_OTHERS: Final = "other reasons"


class Histogram:
    """How often which times were seen, in seconds."""

    def __init__(self, buckets: Mapping[int, int] | None = None, longest: float = 0.0) -> None:
        self.buckets: Counter[int] = Counter(buckets or {})
        self.longest = longest

    def add(self, seconds: float) -> None:
        bucket = int(log2(seconds / _SMALLEST) * _STEPS) if seconds > _SMALLEST else 0
        self.buckets[bucket] += 1
        self.longest = max(self.longest, seconds)

    def __add__(self, other: "Histogram") -> "Histogram":
        return Histogram(self.buckets + other.buckets, max(self.longest, other.longest))

    def __len__(self) -> int:
        return self.buckets.total()

    def percentile(self, percent: float) -> float | None:
        """Return what so many percent were below, None if there are none."""
        rank, total = self.buckets.total() * percent / 100, 0
        for bucket, count in sorted(self.buckets.items()):
            total += count
            if total >= rank:
                return min(self.longest, _SMALLEST * 2 ** ((bucket + 1) / _STEPS))
        return None

    def wire(self) -> list[Any]:
        return [list(self.buckets.items()), self.longest]

    @classmethod
    def unwire(cls, wire: list[Any]) -> "Histogram":
        return cls(dict(map(tuple, wire[0])), wire[1])


@dataclass
class Second:
    """One second of the test: what was answered in it."""

    messages: int = 0
    enrollments: int = 0
    throttled: int = 0
    failures: int = 0
    latency: Histogram = field(default_factory=Histogram)
    lateness: Histogram = field(default_factory=Histogram)

    def merge(self, other: "Second") -> None:
        self.messages += other.messages
        self.enrollments += other.enrollments
        self.throttled += other.throttled
        self.failures += other.failures
        self.latency += other.latency
        self.lateness += other.lateness

    def wire(self) -> list[Any]:
        numbers = [self.messages, self.enrollments, self.throttled, self.failures]
        return [*numbers, self.latency.wire(), self.lateness.wire()]

    @classmethod
    def unwire(cls, wire: list[Any]) -> "Second":
        messages, enrollments, throttled, failures, latency, lateness = wire
        histograms = Histogram.unwire(latency), Histogram.unwire(lateness)
        return cls(messages, enrollments, throttled, failures, *histograms)


@dataclass
class Violation:
    """Breaches of one requirement: how many, and the first of them as text for people."""

    count: int
    sample: str


@dataclass
class Counts:
    """All that is counted. ``seconds`` are by the time of day, so that those of several machines fall together.

    ``arrived`` are agents that were enrolled for the first time; ``whole_at`` is when the last of this process was.
    ``handed_out`` are the instance_uids that the server chose, 16 bytes each. ``recoveries`` are the seconds that the
    fleet took to come back from each outage. ``answered`` counts OpAMP messages from the server, errors too.
    """

    arrived: int = 0
    enrollments: int = 0
    messages: int = 0
    answered: int = 0
    throttled: int = 0
    waited: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)
    violations: dict[str, Violation] = field(default_factory=dict)
    seconds: dict[int, Second] = field(default_factory=dict)
    handed_out: bytearray = field(default_factory=bytearray)
    recoveries: list[float] = field(default_factory=list)
    started_at: float | None = None
    whole_at: float | None = None
    last_at: float | None = None

    def second(self, now: float) -> Second:
        """Return the second that a time of day falls into."""
        number = int(now)
        second = self.seconds.get(number)
        if second is None:
            second = self.seconds[number] = Second()
        return second

    def fail(self, reason: str, now: float) -> None:
        self.failures[reason if reason in self.failures or len(self.failures) < _MOST_REASONS else _OTHERS] += 1
        self.second(now).failures += 1

    def violate(self, requirement: str, sample: str, count: int = 1) -> None:
        """Count breaches of a requirement; the first sample is kept."""
        known = self.violations.setdefault(requirement, Violation(0, sample))
        known.count += count

    def merge(self, other: "Counts") -> None:
        """Add what another process has counted."""
        for name in ("arrived", "enrollments", "messages", "answered", "throttled", "waited"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.failures += other.failures
        for requirement, violation in other.violations.items():
            self.violate(requirement, violation.sample, violation.count)
        for number, second in other.seconds.items():
            self.second(number).merge(second)
        self.handed_out += other.handed_out
        self.recoveries += other.recoveries
        self.started_at = _first(self.started_at, other.started_at)
        self.whole_at = _last(self.whole_at, other.whole_at)
        self.last_at = _last(self.last_at, other.last_at)

    def wire(self) -> dict[str, Any]:
        """Return it as what msgpack, which Locust's processes speak, can carry."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        return {
            **plain,
            "failures": dict(self.failures),
            "violations": {name: [violation.count, violation.sample] for name, violation in self.violations.items()},
            "seconds": [[number, second.wire()] for number, second in self.seconds.items()],
            "handed_out": bytes(self.handed_out),
        }

    @classmethod
    def unwire(cls, wire: dict[str, Any]) -> "Counts":
        return cls(
            **{name: wire[name] for name in _PLAIN},
            failures=Counter(wire["failures"]),
            violations={name: Violation(*violation) for name, violation in wire["violations"].items()},
            seconds={number: Second.unwire(second) for number, second in wire["seconds"]},
            handed_out=bytearray(wire["handed_out"]),
        )


_PLAIN: Final = (
    *("arrived", "enrollments", "messages", "answered", "throttled", "waited"),
    *("recoveries", "started_at", "whole_at", "last_at"),
)


def uids_in(handed_out: bytes | bytearray) -> Iterator[bytes]:
    """Take instance_uids apart that were put together."""
    for first in range(0, len(handed_out), 16):
        yield bytes(handed_out[first : first + 16])


def _first(one: float | None, other: float | None) -> float | None:
    return min((time for time in (one, other) if time is not None), default=None)


def _last(one: float | None, other: float | None) -> float | None:
    return max((time for time in (one, other) if time is not None), default=None)
