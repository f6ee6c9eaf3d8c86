"""SIGINT and SIGTERM: each interrupts the work in progress, and none is lost.

A CI server that cancels a job sends SIGTERM. Then a run disconnects its agents, as it does after Ctrl-C.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_CAN_BLOCK: Final = hasattr(signal, "pthread_sigmask")

_original_hook = sys.unraisablehook
_is_pending = False
"""Whether a signal arrived that has not interrupted anything yet."""


def install() -> None:
    """Let SIGTERM do what SIGINT does: asyncio then ends its current task, and not the code at any other place."""
    signal.signal(signal.SIGTERM, _interrupt)
    sys.unraisablehook = _catch


def raise_if_interrupted() -> None:
    """Raise KeyboardInterrupt if an earlier one was raised where no code can catch it, such as in a destructor."""
    if _is_pending:
        raise KeyboardInterrupt


def defer() -> None:
    """From now on, only note signals: ``is_pending`` reports them, and its callers end their work themselves."""
    for number in _SIGNALS:
        signal.signal(number, _note)
    if _CAN_BLOCK:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def is_pending() -> bool:
    """Return whether a signal was noted."""
    return _is_pending


def ignore() -> None:
    """From now on, ignore signals: no work is left to interrupt, or other code handles them."""
    if threading.current_thread() is threading.main_thread():  # Python allows it nowhere else.
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def blocked() -> Iterator[None]:
    """Block signals in the ``with`` block. Processes that it starts keep them blocked until they call defer()."""
    if not _CAN_BLOCK:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def ignored() -> Iterator[None]:
    """Ignore signals in the ``with`` block, which must be short."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    ignore()
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)


def _interrupt(*_: Any) -> None:
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # A background job ignores SIGINT, and must obey SIGTERM.
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


def _note(*_: Any) -> None:
    global _is_pending  # noqa: PLW0603 # signals belong to the process
    _is_pending = True


def _catch(unraisable: Any) -> None:
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        _note()
    else:
        _original_hook(unraisable)
