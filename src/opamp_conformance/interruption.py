"""SIGINT and SIGTERM: each interrupts what is under way, and none is lost.

A CI that gives up sends SIGTERM: a run takes leave of its target then, as after Ctrl-C.
"""

import signal
import sys
from typing import Any

_before = sys.unraisablehook
_was_lost = False


def attend() -> None:
    """Have SIGTERM do what SIGINT does: asyncio has that end the task it runs, instead of any odd place."""
    signal.signal(signal.SIGTERM, _interrupt)
    sys.unraisablehook = _note


def check() -> None:
    """Raise KeyboardInterrupt if it was raised before where nobody could catch it: in a destructor, or a callback."""
    if _was_lost:
        raise KeyboardInterrupt


def _interrupt(*_: Any) -> None:
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


def _note(unraisable: Any) -> None:
    global _was_lost  # noqa: PLW0603 # a signal is the process's
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        _was_lost = True
    else:
        _before(unraisable)
