"""The command line, as a user runs it."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


def interruptible() -> None:
    """Let a child process be interrupted, even if this process ignores SIGINT, as in some CI systems."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass
class Cli:
    """``opamp-conformance`` as a process of its own."""

    env: dict[str, str] = field(default_factory=lambda: {**os.environ})

    def __call__(
        self, *arguments: object, env: Mapping[str, str] | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [sys.executable, "-m", "opamp_conformance", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**self.env, **(env or {})},
        )
        assert "Traceback" not in result.stdout + result.stderr
        return result

    def start(self, *arguments: str, **options: Any) -> tuple[subprocess.Popen[str], str]:
        """Start ``serve`` on a free port; return the process, which the caller has to end, and its URL."""
        command = [sys.executable, "-m", "opamp_conformance", "serve", "--port", "0", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
        assert process.stdout is not None
        return process, process.stdout.readline().strip().rpartition(" ")[2]

    @contextlib.contextmanager
    def serve(self, *arguments: str) -> Iterator[str]:
        """Run ``serve`` on a free port; yield its URL."""
        process, url = self.start(*arguments)
        with process:
            try:
                yield url
            finally:
                process.terminate()
                process.wait(10)


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]
