"""Sends a message again while the server is too busy for it (Throttling)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from opamp_conformance.client.run_log import RunLog
from opamp_conformance.client.timing import Timing
from opamp_conformance.errors import ThrottledError
from opamp_conformance.wire.exchange import Exchange

# A server that asks for a retry so often in a row is too busy to be judged.
_MAX_ATTEMPTS: Final = 4
_MAX_ATTEMPTS_IF_TOLD_WHEN: Final = 10
# Without a time for the retry, an agent waits longer each time. A server that never becomes available means it.
_BACKOFF_SECONDS: Final = (0.25, 0.5, 1.0)
_MAX_VAIN_RETRIES: Final = 3
DEFAULT_RETRY_SECONDS: Final = 1.0
"""The wait after a 429 or 503 without a Retry-After header."""


class Retries:
    """Attempts exchanges again, for all messages of one client.

    ``find_problem`` returns why there is no point in that, such as a store that is gone; empty if there is one.
    """

    def __init__(self, timing: Timing, log: RunLog, find_problem: Callable[[], str]) -> None:
        self._timing = timing
        self._log = log
        self._find_problem = find_problem
        self._vain_retries = 0

    async def exchange(self, attempt: Callable[[], Awaitable[Exchange]]) -> Exchange:
        """Return the first exchange in which the server is not too busy; raises ThrottledError."""
        attempts = 0
        while True:
            exchange = await self._until_available(attempt)
            if not exchange.is_busy:
                return exchange
            self._raise_if_in_vain()
            self._log.findings.inspect(exchange)
            attempts += 1
            told = exchange.retry_after
            if attempts >= (_MAX_ATTEMPTS if told is None else _MAX_ATTEMPTS_IF_TOLD_WHEN):
                raise ThrottledError(
                    f"the server was too busy {attempts} times in a row; try again when it is less busy"
                )
            wait = DEFAULT_RETRY_SECONDS if told is None else told
            if self._timing.is_over(wait):
                raise ThrottledError(f"the server asks to retry in {wait:g} seconds, after the --deadline of the run")
            await asyncio.sleep(wait)

    async def _until_available(self, attempt: Callable[[], Awaitable[Exchange]]) -> Exchange:
        """Try again while the server is Unavailable without a time for the retry, a few times."""
        exchange = await attempt()
        if not exchange.is_unavailable or self._vain_retries >= _MAX_VAIN_RETRIES:
            return exchange
        self._raise_if_in_vain()
        for seconds in _BACKOFF_SECONDS:
            self._log.record_unjudged(exchange)
            await asyncio.sleep(seconds)
            exchange = await attempt()
            if not exchange.is_unavailable:
                self._vain_retries = 0
                return exchange
        self._vain_retries += 1
        return exchange

    def _raise_if_in_vain(self) -> None:
        """Raise ThrottledError if the server cannot become available."""
        problem = self._find_problem()
        if problem:
            raise ThrottledError(problem)
