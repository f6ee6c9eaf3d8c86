"""Waits for answers, and looks whether a server that does not answer one agent answers another."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from opamp_conformance.client.agent import Agent
from opamp_conformance.client.timing import Timing
from opamp_conformance.wire.http import HttpResponse
from opamp_conformance.wire.transport import NoResponseError
from opamp_conformance.wire.websocket import ReceivedMessage
from opamp_proto import opamp_pb2 as pb

Answer = Coroutine[Any, Any, HttpResponse | ReceivedMessage]


class Lookout:
    """Decides how long to wait for an answer.

    Its agent reports by ``report``, on a connection of its own, and only shows whether the server answers at all.
    """

    def __init__(
        self, timing: Timing, run_id: str, report: Callable[[pb.AgentToServer], Coroutine[Any, Any, bool]]
    ) -> None:
        self._timing = timing
        self._agent = Agent(run_id)
        self._report = report
        self._looking = asyncio.Lock()
        self.is_lost = False
        """Whether the server answered nobody at the last look."""

    async def await_answer(self, size: int, answer: Answer) -> HttpResponse | ReceivedMessage:
        """Wait for the answer to a message of ``size`` bytes; raises NoResponseError.

        A message is unanswered if another agent gets its answer meanwhile. If no other agent does, the server may only
        pause, so the wait lasts until the limit of the exchange.
        """
        waiting, began = asyncio.ensure_future(answer), time.monotonic()
        waiting.add_done_callback(_retrieve)
        try:
            is_in_time = await self._comes_in_time(waiting, self._timing.patience(size))
            response = await waiting
        except NoResponseError as error:
            self._timing.silences += error.close_code is None
            raise
        finally:
            waiting.cancel()
        self.is_lost = False
        if not is_in_time:
            self._timing.slowest = max(self._timing.slowest, time.monotonic() - began)
        return response

    async def look(self) -> bool:
        """Return whether the server answers the agent of the lookout."""
        self.is_lost = False
        self.is_lost = not await self._answers_another()
        return not self.is_lost

    async def _comes_in_time(self, waiting: asyncio.Future[Any], patience: float) -> bool:
        """Return whether an answer comes in time; raises NoResponseError if only another agent gets one."""
        await asyncio.wait({waiting}, timeout=patience)
        if waiting.done() or patience >= self._timing.limit:
            return waiting.done()
        self.is_lost = not await self._answers_another()
        if not self.is_lost:
            await asyncio.wait({waiting}, timeout=patience)
            if not waiting.done():
                raise NoResponseError(f"no answer within {2 * patience:g} seconds, while another agent got one")
        return False

    async def _answers_another(self) -> bool:
        async with self._looking:  # Several messages may be unanswered at the same time.
            return not self.is_lost and await self._report(self._agent.full_status())


def _retrieve(waiting: asyncio.Future[Any]) -> None:
    """Take the error of an answer that nobody awaits any more, so that asyncio does not report it."""
    if not waiting.cancelled():
        waiting.exception()
