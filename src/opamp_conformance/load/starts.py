"""When the agents of a fleet start: all at once, along a ramp, by an arrival rate, or in stages."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.load.conditions import seconds

_PER: Final = {"s": 1.0, "min": 60.0, "h": 3600.0}


class Point(NamedTuple):
    """At a time, so many agents have started."""

    seconds: float
    agents: int


@dataclass(frozen=True)
class Starts:
    """How a fleet grows: from nothing, evenly to each point after the other. ``text`` says so to people."""

    points: Sequence[Point]
    text: str

    @property
    def _legs(self) -> Iterator[tuple[Point, Point]]:
        return pairwise([Point(0.0, 0), *self.points])

    @property
    def agents(self) -> int:
        """The whole fleet."""
        return self.points[-1].agents

    @property
    def seconds(self) -> float:
        """The time until the last agent starts, or until the last stage ends."""
        return self.points[-1].seconds

    @property
    def most_per_second(self) -> float:
        """The highest rate of starts."""
        return max(
            (after.agents - before.agents) / max(1.0, after.seconds - before.seconds) for before, after in self._legs
        )

    def at(self, number: int) -> float:
        """Return when an agent starts, by its number from 0 on."""
        for before, after in self._legs:
            if number < after.agents:
                share = (number - before.agents) / (after.agents - before.agents)
                return before.seconds + share * (after.seconds - before.seconds)
        return self.seconds


def along_ramp(agents: int, ramp: float) -> Starts:
    """Let agents start evenly within some seconds, or all at once."""
    return Starts((Point(ramp, agents),), f"along a ramp of {ramp:g} s" if ramp else "all at once")


def by_rate(agents: int, text: str) -> Starts:
    """Let agents start at a rate, such as 200/s; raises InconclusiveError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)/(s|min|h)", text.strip())
    rate = float(found[1]) / _PER[found[2]] if found else 0.0
    if rate <= 0:
        raise InconclusiveError(f"--arrivals {text!r} is not a rate: write it as 200/s or 500/min")
    return Starts((Point(agents / rate, agents),), f"at {text.strip()}")


def in_stages(text: str) -> Starts:
    """Let a fleet grow to some sizes, each within a time: ``1000@60s,1000@5m,10000@5m``; raises InconclusiveError."""
    points: list[Point] = []
    for stage in text.split(","):
        found = re.fullmatch(r"\s*(\d{1,9})@(\S+)\s*", stage)
        if found is None:
            raise InconclusiveError(f"--stages {text!r}: write a stage as AGENTS@TIME, such as 1000@60s")
        before, agents = points[-1] if points else Point(0.0, 0), int(found[1])
        if agents < before.agents:
            raise InconclusiveError(f"--stages {text!r}: a fleet cannot become smaller; --duration ends the test")
        points.append(Point(before.seconds + seconds(found[2]), agents))
    if points[-1].agents == 0:
        raise InconclusiveError(f"--stages {text!r}: there are no agents")
    return Starts(tuple(points), f"in stages: {text.strip()}")
