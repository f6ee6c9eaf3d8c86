"""The command line, as a user runs it."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from opamp_conformance.cli import run_command_line
from support.forked_command import run_forked


def interruptible() -> None:
    """Let a child process be interrupted, even if this process ignores SIGINT, as in some CI systems."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "this never became true"
        time.sleep(0.01)


def handles_signals(process: subprocess.Popen[str]) -> bool:
    """Return whether the command line has started far enough to handle SIGTERM."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        time.sleep(1)  # Only Linux tells.
        return True
    caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


@dataclass
class Cli:
    """``opamp-conformance`` as a process of its own."""

    env: dict[str, str] = field(default_factory=lambda: {**os.environ})

    def __call__(
        self, *arguments: object, env: Mapping[str, str] | None = None, timeout: float = 600
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end. With variables of its own, it imports everything anew."""
        words = [str(argument) for argument in arguments]
        if env is None:
            result = run_forked(words, self.env, timeout)
        else:
            result = subprocess.run(
                [sys.executable, "-m", "opamp_conformance", *words],
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
                env={**self.env, **env},
            )
        assert "Traceback" not in result.stdout + result.stderr
        return result

    def in_process(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a command that starts no server and no run, in this process: that takes a tenth of the time."""
        words = ["opamp-conformance", *map(str, arguments)]
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setattr(sys, "argv", words)
            code = run_command_line()
        return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())

    def start(self, *arguments: str, **options: Any) -> tuple[subprocess.Popen[str], str]:
        """Start ``serve`` on a free port; return the process, which the caller has to end, and its URL.

        The contract is Fleet Server's, unless the arguments name one.
        """
        contract = () if "--contract" in arguments else ("--contract", "fleet")
        command = [sys.executable, "-m", "opamp_conformance", "serve", "--port", "0", *contract, *arguments]
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
