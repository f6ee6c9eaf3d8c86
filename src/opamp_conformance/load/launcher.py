"""Runs Locust for ``opamp-conformance load``, by the options of the command line only.

This file is run by its path, because Locust changes the standard library, and has to be imported before anything else.
"""

import sys
from typing import Any

from locust import argument_parser

_COULD_NOT_TELL = 2


def main() -> None:
    """Run Locust. Its own errors, and crashes, end with exit code 2: 1 means that a condition of the test holds."""
    # Locust reads locust.conf and pyproject.toml of the current folder; these defaults are where it names them.
    argument_parser.get_empty_argument_parser.__defaults__ = (True, ())
    argument_parser.get_parser.__defaults__ = ((),)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    from locust import main as locust  # noqa: PLC0415 - it takes the defaults when it is imported

    try:
        locust.main()  # type: ignore[no-untyped-call]
    except SystemExit as ended:
        sys.exit(_COULD_NOT_TELL if ended.code not in (0, None) and not _has_verdict() else ended.code)
    except Exception as error:
        sys.stderr.write(f"opamp-conformance: the load test failed: {type(error).__name__}: {error}\n")
        sys.exit(_COULD_NOT_TELL)


def _has_verdict() -> bool:
    session: Any = sys.modules.get("opamp_conformance.load.locust_session")
    return session is not None and session.LoadSession.has_verdict


if __name__ == "__main__":
    main()
