"""The way in: ``opamp-conformance``, or ``python -m opamp_conformance``.

Whatever goes wrong, from the first import on, ends in one line and an exit code.
"""

import os
import sys
from typing import NoReturn

from opamp_conformance import interruption

_COULD_NOT_TELL = 2


def main() -> NoReturn:
    """Run the command line."""
    code = _COULD_NOT_TELL
    try:
        interruption.attend()
        from opamp_conformance.cli import run_command_line  # noqa: PLC0415 - imports may fail or be interrupted, too

        code = run_command_line()
        interruption.ignore()
    except KeyboardInterrupt:
        _say("interrupted")
        # Not by sys.exit: CPython may have noted the interrupt in an import, and would end by the signal then.
        os._exit(_written(code))
    except OSError as error:
        _say(f"cannot write the output: {error.strerror or error}")
    except Exception as error:
        _say(f"a defect of the suite: {type(error).__name__}: {error}")
    sys.exit(_written(code))


def _written(code: int) -> int:
    """Write what is left of the output; if that fails, say so, unless something was said already."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        # What is left in buffers cannot be written, and must not be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if code != _COULD_NOT_TELL:
            _say(f"cannot write the output: {error.strerror or error}")
        return _COULD_NOT_TELL
    return code


def _say(text: str) -> None:
    line = " ".join(text.split())
    sys.stderr.write(f"opamp-conformance: {line}\n")


if __name__ == "__main__":
    main()
