"""A circuit breaker: after several failures, it stops all attempts for a while."""

import time
from typing import Final

from opamp_mock_server.stores.elasticsearch.settings import BREAKER_FAILURES
from opamp_mock_server.stores.store import StoreUnavailableError

_SHORTEST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 2.0


class CircuitBreaker:
    """Opens after some failures in a row. It allows one attempt after each pause, and closes after a success."""

    def __init__(self, failures: int = BREAKER_FAILURES) -> None:
        self._most_failures = failures
        self._failures = 0
        self._pause = _SHORTEST_PAUSE
        self._opens_at = 0.0

    @property
    def is_open(self) -> bool:
        return self._failures >= self._most_failures

    def check(self) -> None:
        """Raise StoreUnavailableError if no attempt is allowed now."""
        if not self.is_open:
            return
        now = time.monotonic()
        if now < self._opens_at:
            raise StoreUnavailableError("it has failed too often recently")
        self._opens_at = now + self._pause  # No other attempt until this one has a result.

    def succeeded(self) -> None:
        self._failures = 0
        self._pause = _SHORTEST_PAUSE

    def failed(self) -> None:
        self._failures += 1
        if self.is_open:
            self._opens_at = time.monotonic() + self._pause
            self._pause = min(_LONGEST_PAUSE, self._pause * 2)
