"""The counts of a load test: each process has its own, and they are added up."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import log2
from typing import Any, Final

_STEPS: Final = 8
"""How many buckets a histogram has for each doubling: the error of a value is at most a twelfth."""
_SMALLEST: Final = 1e-6


# Reasons contain texts of the server, so their number needs a bound.
_MAX_REASONS: Final = 50
_OTHERS: Final = "other reasons"


class Histogram:
    """A histogram of times, in seconds."""

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
        """Return the value below which ``percent`` of the values are, None without values."""
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
    """The messages that were answered in one second of the test."""

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
class Finding:
    """Violations of one requirement: their number, and the first of them as text for people."""

    count: int
    sample: str


@dataclass
class Counts:
    """All counts. ``seconds`` are by the time of day, so that those of several machines match.

    ``kinds`` has the times until an answer by what the agent did, such as "check-in" or "check-in (throttled)".

    ``arrived`` counts agents that were enrolled for the first time; ``whole_at`` is the time of the last of them.
    ``handed_out`` has the instance_uids that the server chose, 16 bytes each. ``recoveries`` are the seconds until the
    fleet was back after each outage. ``answered`` counts OpAMP messages of the server, including errors.
    ``bounds`` says how often a bound was used instead of a time that the server asked for.
    """

    arrived: int = 0
    enrollments: int = 0
    messages: int = 0
    answered: int = 0
    throttled: int = 0
    waited: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)
    bounds: Counter[str] = field(default_factory=Counter)
    findings: dict[str, Finding] = field(default_factory=dict)
    seconds: dict[int, Second] = field(default_factory=dict)
    kinds: dict[str, Histogram] = field(default_factory=dict)
    handed_out: bytearray = field(default_factory=bytearray)
    recoveries: list[float] = field(default_factory=list)
    started_at: float | None = None
    whole_at: float | None = None
    last_at: float | None = None

    def second(self, now: float) -> Second:
        """Return the second of a time of day."""
        number = int(now)
        second = self.seconds.get(number)
        if second is None:
            second = self.seconds[number] = Second()
        return second

    def took(self, kind: str, seconds: float) -> None:
        """Count the time of an exchange by its kind."""
        times = self.kinds.get(kind)
        if times is None:
            times = self.kinds[kind] = Histogram()
        times.add(seconds)

    def fail(self, reason: str, now: float) -> None:
        self.failures[reason if reason in self.failures or len(self.failures) < _MAX_REASONS else _OTHERS] += 1
        self.second(now).failures += 1

    def violate(self, requirement: str, sample: str, count: int = 1) -> None:
        """Count violations of a requirement, and keep the first sample."""
        known = self.findings.setdefault(requirement, Finding(0, sample))
        known.count += count

    def merge(self, other: "Counts") -> None:
        """Add the counts of another process."""
        for name in ("arrived", "enrollments", "messages", "answered", "throttled", "waited"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.failures += other.failures
        self.bounds += other.bounds
        for requirement, finding in other.findings.items():
            self.violate(requirement, finding.sample, finding.count)
        for number, second in other.seconds.items():
            self.second(number).merge(second)
        for kind, times in other.kinds.items():
            self.kinds[kind] = self.kinds.get(kind, Histogram()) + times
        self.handed_out += other.handed_out
        self.recoveries += other.recoveries
        self.started_at = _first(self.started_at, other.started_at)
        self.whole_at = _last(self.whole_at, other.whole_at)
        self.last_at = _last(self.last_at, other.last_at)

    def wire(self) -> dict[str, Any]:
        """Return the counts in types of msgpack, which Locust's processes use between them."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        return {
            **plain,
            "failures": dict(self.failures),
            "bounds": dict(self.bounds),
            "findings": {name: [finding.count, finding.sample] for name, finding in self.findings.items()},
            "seconds": [[number, second.wire()] for number, second in self.seconds.items()],
            "kinds": {kind: times.wire() for kind, times in self.kinds.items()},
            "handed_out": bytes(self.handed_out),
        }

    @classmethod
    def unwire(cls, wire: dict[str, Any]) -> "Counts":
        return cls(
            **{name: wire[name] for name in _PLAIN},
            failures=Counter(wire["failures"]),
            bounds=Counter(wire["bounds"]),
            findings={name: Finding(*finding) for name, finding in wire["findings"].items()},
            seconds={number: Second.unwire(second) for number, second in wire["seconds"]},
            kinds={kind: Histogram.unwire(times) for kind, times in wire["kinds"].items()},
            handed_out=bytearray(wire["handed_out"]),
        )


_PLAIN: Final = (
    *("arrived", "enrollments", "messages", "answered", "throttled", "waited"),
    *("recoveries", "started_at", "whole_at", "last_at"),
)


def uids_in(handed_out: bytes | bytearray) -> Iterator[bytes]:
    """Split joined instance_uids."""
    for first in range(0, len(handed_out), 16):
        yield bytes(handed_out[first : first + 16])


def _first(one: float | None, other: float | None) -> float | None:
    return min((time for time in (one, other) if time is not None), default=None)


def _last(one: float | None, other: float | None) -> float | None:
    return max((time for time in (one, other) if time is not None), default=None)
