"""How far a server may set the pace of the agents of a load test. All times are in seconds."""

from dataclasses import dataclass
from typing import Final

_SHORTEST_WAIT: Final = 0.5
TOO_FREQUENT: Final = "heartbeat intervals below --shortest-interval"
TOO_LONG: Final = "waits above --longest-wait"
TOO_SHORT: Final = f"waits below {_SHORTEST_WAIT:g} s"


@dataclass(frozen=True)
class Pace:
    """The bounds. Each method returns the time that an agent keeps to, and the bound that was used, empty if none."""

    shortest_interval: float
    longest_wait: float

    def interval(self, asked: float) -> tuple[float, str]:
        """Bound a heartbeat interval; 0 means no heartbeats, which is no load."""
        if 0 < asked < self.shortest_interval:
            return self.shortest_interval, TOO_FREQUENT
        return asked, ""

    def wait(self, asked: float) -> tuple[float, str]:
        """Bound the time that the server asks to wait for."""
        if asked > self.longest_wait:
            return self.longest_wait, TOO_LONG
        if asked < _SHORTEST_WAIT:
            return _SHORTEST_WAIT, TOO_SHORT
        return asked, ""
