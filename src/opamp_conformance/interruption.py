"""SIGINT and SIGTERM: each interrupts what is under way, and none is lost.

A CI that gives up sends SIGTERM: a run takes leave of its target then, as after Ctrl-C.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_CAN_HOLD: Final = hasattr(signal, "pthread_sigmask")

_before = sys.unraisablehook
_has_come = False
"""Whether a signal has come that ended nothing yet."""


def attend() -> None:
    """Have SIGTERM do what SIGINT does: asyncio has that end the task it runs, instead of any odd place."""
    signal.signal(signal.SIGTERM, _interrupt)
    sys.unraisablehook = _catch


def check() -> None:
    """Raise KeyboardInterrupt if it was raised before where nobody could catch it: in a destructor, or a callback."""
    if _has_come:
        raise KeyboardInterrupt


def defer() -> None:
    """Only take note of signals from now on: has_come() tells, and whoever asks ends what is under way by itself."""
    for number in _SIGNALS:
        signal.signal(number, _take_note)
    if _CAN_HOLD:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def has_come() -> bool:
    """Tell whether a signal was taken note of."""
    return _has_come


def ignore() -> None:
    """Take no notice of signals from now on: there is nothing left to interrupt, or somebody else minds them."""
    if threading.current_thread() is threading.main_thread():  # Python lets nobody else say.
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def held() -> Iterator[None]:
    """Hold signals back in the ``with`` block; processes that are started in it go on with that until they defer()."""
    if not _CAN_HOLD:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def ignored() -> Iterator[None]:
    """Take no notice of signals in the ``with`` block, which must be short."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    ignore()
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)


def _interrupt(*_: Any) -> None:
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # As of a job in the background, which may be terminated.
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


def _take_note(*_: Any) -> None:
    global _has_come  # noqa: PLW0603 # a signal is the process's
    _has_come = True


def _catch(unraisable: Any) -> None:
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        _take_note()
    else:
        _before(unraisable)
