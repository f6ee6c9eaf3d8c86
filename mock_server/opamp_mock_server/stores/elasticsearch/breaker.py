"""A circuit breaker: what fails again and again is left in peace for a while."""

import time
from typing import Final

from opamp_mock_server.stores import BREAKER_FAILURES, StoreUnavailable

_SHORTEST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 2.0


class CircuitBreaker:
    """Opens after some failures in a row; lets one attempt through after each pause, and closes with a success."""

    def __init__(self, failures: int = BREAKER_FAILURES) -> None:
        self._most_failures = failures
        self._failures = 0
        self._pause = _SHORTEST_PAUSE
        self._opens_at = 0.0

    @property
    def is_open(self) -> bool:
        return self._failures >= self._most_failures

    def check(self) -> None:
        """Raise StoreUnavailable unless an attempt may be made now."""
        if not self.is_open:
            return
        now = time.monotonic()
        if now < self._opens_at:
            raise StoreUnavailable("it has failed too often of late")
        self._opens_at = now + self._pause  # Until this one attempt has told, no others.

    def succeeded(self) -> None:
        self._failures = 0
        self._pause = _SHORTEST_PAUSE

    def failed(self) -> None:
        self._failures += 1
        if self.is_open:
            self._opens_at = time.monotonic() + self._pause
            self._pause = min(_LONGEST_PAUSE, self._pause * 2)
