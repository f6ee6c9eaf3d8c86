"""Coroutines that run at once, until they have to wait."""

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


def start_eagerly(coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> "T | asyncio.Task[T]":
    """Run a coroutine until it has to wait; return its result, or the task that continues it.

    Most answers from memory never wait, so they need no task. Python 3.12 has eager tasks for the same purpose. Until
    it waits, a coroutine has no task of its own, so it cannot use asyncio.timeout.
    """
    try:
        awaited = coroutine.send(None)
    except StopIteration as ended:
        result: T = ended.value
        return result
    return loop.create_task(_continue(_StartedCoroutine(coroutine, awaited)))


async def _continue(begun: Awaitable[T]) -> T:
    return await begun


class _StartedCoroutine(Awaitable[T]):
    """A coroutine that already waits for something."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], awaited: Any) -> None:
        self._coroutine = coroutine
        self._awaited: Any = awaited

    def __await__(self) -> Generator[Any, Any, T]:
        coroutine = self._coroutine
        awaited, self._awaited = self._awaited, None
        while True:
            try:
                try:
                    sent = yield awaited
                except BaseException as error:
                    # It has the error, and the error has this frame: a cycle would keep whole messages for long.
                    awaited = None
                    awaited = coroutine.throw(error)
                else:
                    awaited = coroutine.send(sent)
            except StopIteration as ended:
                result: T = ended.value
                return result
