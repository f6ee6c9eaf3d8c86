"""How long a run waits for answers, and how fast it sends."""

import math
import time
from dataclasses import dataclass
from typing import Final

DEFAULT_LIMIT_SECONDS: Final = 10.0
AGENT_LIMIT_SECONDS: Final = 45.0
"""How long to wait for a message of an agent that is graded: it may poll every 30 seconds."""

# A server that has answered quickly so far gets this much more time before a message counts as unanswered.
_FACTOR: Final = 20
_LEAST_SECONDS: Final = 1.0
# After this many silences, waiting longer than the shorter time has shown nothing new.
_MANY_SILENCES: Final = 5
_LEAST_SECONDS_AFTER_MANY: Final = 0.3
# A large message may take much longer than the others.
_ORDINARY_BYTES: Final = 16 * 1024


@dataclass
class Timing:
    """The times of one process of a run, all in seconds. The clients of the process share it.

    ``limit`` bounds each exchange. ``slowest`` is the time of the slowest answer to an ordinary message, and
    ``silences`` counts the messages without an answer. Over WebSocket, the client sends a message only after a pause of
    ``quiet`` in the messages of the server. ``interval`` is the least time between two messages, and ``next_free`` the
    time of the monotonic clock at which the next one may be sent. ``deadline`` is the end of the run, in seconds of the
    epoch.
    """

    limit: float
    slowest: float = 0.0
    silences: int = 0
    quiet: float = 0.0
    interval: float = 0.0
    deadline: float = math.inf
    next_free: float = 0.0

    def patience(self, size: int) -> float:
        """Return how long to wait for the answer to a message of ``size`` bytes.

        The first silence is waited out. From then on, the wait depends on the answers so far.
        """
        if self.silences == 0 or size > _ORDINARY_BYTES:
            return self.limit
        least = _LEAST_SECONDS if self.silences < _MANY_SILENCES else _LEAST_SECONDS_AFTER_MANY
        return min(self.limit, max(least, _FACTOR * self.slowest))

    def is_over(self, seconds: float = 0.0) -> bool:
        """Return whether the deadline passes within some seconds."""
        return time.time() + seconds >= self.deadline

    def next_turn(self) -> float:
        """Take the next turn to send, and return how long to wait for it."""
        now = time.monotonic()
        turn = max(now, self.next_free)
        self.next_free = turn + self.interval
        return turn - now
