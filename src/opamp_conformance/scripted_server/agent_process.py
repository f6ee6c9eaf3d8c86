"""The agent that is graded, as a process of its own: it is started, stopped, killed, and started again."""

import os
import shlex
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, Protocol, runtime_checkable

from opamp_conformance.errors import InconclusiveError

OUTPUT_LINES: Final = 40
"""How many of the last lines that the agent has printed are kept."""
_LINE_CHARACTERS: Final = 500
_END_SECONDS: Final = 3.0


class GradedAgent(Protocol):
    """An agent that can be started and stopped. Behind a driver, it can be told to do more: see ``DriverProcess``."""

    @property
    def is_running(self) -> bool: ...

    @property
    def output(self) -> str: ...

    def start(self) -> None: ...

    def ask_to_stop(self) -> None: ...

    def wait(self, seconds: float) -> bool: ...

    def kill(self) -> None: ...

    def end(self) -> None: ...


@runtime_checkable
class DrivenAgent(GradedAgent, Protocol):
    """An agent behind a driver."""

    verbs: Collection[str]
    requests_uid: bool

    def prepare(self) -> None: ...

    def tell(self, verb: str, **fields: Any) -> None: ...


class AgentProcess:
    """One agent. ``command`` may contain ``{url}`` and ``{state}``; it gets both as environment variables, too.

    The process and its children are in a session of their own, so that all of them end together. What they print is
    kept in part: see ``output``.
    """

    def __init__(self, command: str, url: str, state: Path) -> None:
        self._arguments = [word.replace("{url}", url).replace("{state}", str(state)) for word in shlex.split(command)]
        self._environment = {**os.environ, "OPAMP_URL": url, "OPAMP_STATE_DIR": str(state)}
        self._process: subprocess.Popen[bytes] | None = None
        self._output: deque[str] = deque(maxlen=OUTPUT_LINES)

    def start(self) -> None:
        """Start the agent; raises InconclusiveError if there is no such program."""
        self._process = start_process(self._arguments, self._environment)
        assert self._process.stdout is not None
        keep_output(self._process.stdout, self._output)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def output(self) -> str:
        """The last lines that it has printed."""
        return "\n".join(self._output)

    def ask_to_stop(self) -> None:
        """Send SIGTERM, as a service manager does."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait(self, seconds: float) -> bool:
        """Wait for the end; return whether it came in time."""
        with suppress(subprocess.TimeoutExpired):
            if self._process is not None:
                self._process.wait(seconds)
        return not self.is_running

    def kill(self) -> None:
        """End the process and its children at once, by SIGKILL."""
        if self._process is not None:
            end_group(self._process)

    def end(self) -> None:
        """End the process: politely at first."""
        self.ask_to_stop()
        self.wait(_END_SECONDS)
        self.kill()


def start_process(
    arguments: list[str], environment: Mapping[str, str], *, with_input: bool = False
) -> "subprocess.Popen[bytes]":
    """Start a program in a session of its own; raises InconclusiveError."""
    try:
        return subprocess.Popen(  # noqa: S603 - the user asks for this command
            arguments,
            env=dict(environment),
            stdin=subprocess.PIPE if with_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if not with_input else subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError, IndexError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is empty or has a null character"
        name = arguments[0] if arguments else ""
        raise InconclusiveError(f"the agent {name!r} cannot be started: {reason}") from error


def keep_output(stream: IO[bytes], lines: deque[str]) -> None:
    """Read a stream to its end, on a thread of its own, and keep the last lines."""

    def read() -> None:
        with suppress(ValueError), stream:
            while line := stream.readline(_LINE_CHARACTERS):
                lines.append(line.decode(errors="replace").rstrip("\r\n"))

    threading.Thread(target=read, name="agent output", daemon=True).start()


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """End a process and its children at once."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + _END_SECONDS
    while time.monotonic() < deadline and _exists(process.pid):
        time.sleep(0.01)


def _exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
