"""The entry point: ``opamp-conformance``, or ``python -m opamp_conformance``.

Every problem, from the first import on, ends in one line and an exit code.
"""

import io
import os
import sys
from typing import NoReturn

from opamp_conformance.runner import signals

_COULD_NOT_TELL = 2


def main() -> NoReturn:
    """Run the command line."""
    code = _COULD_NOT_TELL
    try:
        signals.install()
        _escape_what_cannot_be_encoded()
        from opamp_conformance.cli import run_command_line  # noqa: PLC0415 - imports can fail or be interrupted, too

        code = run_command_line()
        signals.ignore()
    except KeyboardInterrupt:
        _end_interrupted(code)
    except OSError as error:
        _print_error(f"cannot write the output: {error.strerror or error}")
    except Exception as error:
        if isinstance(error.__cause__, KeyboardInterrupt):  # Python 3.11 wraps one that comes while a class is made.
            _end_interrupted(code)
        _print_error(f"a defect of the suite: {type(error).__name__}: {error}")
    _forget_interrupts()
    sys.exit(_flushed(code))


def _escape_what_cannot_be_encoded() -> None:
    """Let no text fail a run: titles and replies may have characters that the user's terminal does not have."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _end_interrupted(code: int) -> NoReturn:
    signals.ignore()
    _print_error("interrupted")
    # Not sys.exit, which waits for the threads.
    os._exit(_flushed(code))


def _forget_interrupts() -> None:
    """Let the exit code count, even after an interrupt that was handled, by pytest for example.

    CPython notes an interrupt in code that it executes from a string, as for a dataclass, and would end by that signal.
    The next such code removes the note.
    """
    exec("")  # noqa: S102 - there is no other way


def _flushed(code: int) -> int:
    """Write the rest of the output, and return the exit code; a failure is reported, unless another error was."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        # The rest in the buffers cannot be written, and must not be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if code != _COULD_NOT_TELL:
            _print_error(f"cannot write the output: {error.strerror or error}")
        return _COULD_NOT_TELL
    return code


def _print_error(text: str) -> None:
    line = " ".join(text.split())
    sys.stderr.write(f"opamp-conformance: {line}\n")


if __name__ == "__main__":
    main()
