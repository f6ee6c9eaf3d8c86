"""The agent that is graded, behind a driver: a program that runs it as it is told (docs/agent-driver.md)."""

import json
import os
import queue
import shlex
import subprocess
import threading
from collections import deque
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.scripted_server.agent_process import OUTPUT_LINES, end_group, keep_output, start_process

REQUEST_UID: Final = "request-uid"
"""The verb that starts an agent, which asks the server for an instance_uid."""
_START_SECONDS: Final = 30.0
"""Some programs take long to begin, above all several at once."""
_ANSWER_SECONDS: Final = 15.0
_LINE_BYTES: Final = 64 * 1024


class DriverProcess:
    """One driver with one agent. The agent begins with ``start``, and the driver with it, unless it runs already."""

    def __init__(self, command: str, url: str, state: Path) -> None:
        self._arguments = shlex.split(command)
        self._url = url
        self._state = state
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._output: deque[str] = deque(maxlen=OUTPUT_LINES)
        self._number = 0
        self._is_started = False
        self.verbs: Collection[str] = ()
        self.requests_uid = False
        """Whether the agent is to ask the server for an instance_uid when it starts."""

    def prepare(self) -> None:
        """Start the driver, without an agent, so that its verbs are known; raises InconclusiveError."""
        if self._process is None or self._process.poll() is not None:
            self._begin()

    def start(self) -> None:
        """Start the agent; raises InconclusiveError if the driver cannot do that."""
        self.prepare()
        self.tell(REQUEST_UID if self.requests_uid else "start", url=self._url, state=str(self._state))
        self._is_started = True

    def tell(self, verb: str, **fields: Any) -> None:
        """Send a verb, and wait for the answer; raises InconclusiveError if it is refused, or does not come."""
        refusal = self.ask(verb, **fields)
        if refusal is not None:
            raise InconclusiveError(f"the driver cannot do {verb!r}: {refusal}")

    def ask(self, verb: str, **fields: Any) -> str | None:
        """Send a verb, and return why the driver refuses it, None if it does not. Raises InconclusiveError."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._number += 1
        line = json.dumps({"id": self._number, "verb": verb, **fields}) + "\n"
        with suppress(OSError):  # It has ended; then there is no answer.
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        answer = self._line(f"an answer to {verb!r}")
        if answer.get("id") != self._number or not isinstance(answer.get("ok"), bool):
            raise InconclusiveError(f"the driver's answer to {verb!r} does not have its id, and ok")
        return None if answer["ok"] else str(answer.get("error") or "it does not say why")

    @property
    def is_running(self) -> bool:
        return self._is_started and self._process is not None and self._process.poll() is None

    @property
    def output(self) -> str:
        """The last lines that the driver has printed on standard error."""
        return "\n".join(self._output)

    def ask_to_stop(self) -> None:
        """Let the driver stop the agent; raises InconclusiveError."""
        if self.is_running:
            self.tell("stop")
            self._is_started = False

    def wait(self, seconds: float) -> bool:
        """The driver has answered when the agent has stopped."""
        return not self.is_running

    def kill(self) -> None:
        """The driver goes on, to start the agent again."""

    def end(self) -> None:
        """End the driver, and its agent with it."""
        if self._process is not None:
            if self._process.stdin is not None:
                with suppress(OSError):
                    self._process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(3)
            end_group(self._process)

    def _begin(self) -> None:
        """Start the driver, and read its verbs; an unknown verb has to be refused."""
        self._process = start_process(self._arguments, os.environ, with_input=True)
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        keep_output(self._process.stderr, self._output)
        stream, answers = self._process.stdout, self._answers

        def read() -> None:
            with suppress(ValueError), stream:
                while line := stream.readline(_LINE_BYTES):
                    answers.put(line.decode(errors="replace"))
            answers.put(None)

        threading.Thread(target=read, name="driver", daemon=True).start()
        verbs = self._line("its verbs", _START_SECONDS).get("verbs")
        if not isinstance(verbs, list) or not {"start", "stop"} <= {str(verb) for verb in verbs}:
            raise InconclusiveError('the driver\'s first line is not {"verbs": […]} with start and stop')
        self.verbs = [str(verb) for verb in verbs]
        if self.ask("no-such-verb") is None:
            raise InconclusiveError("the driver accepts a verb that does not exist")

    def _line(self, expected: str, seconds: float = _ANSWER_SECONDS) -> dict[str, Any]:
        """Read a line of the driver; raises InconclusiveError."""
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            raise InconclusiveError(f"the driver does not write {expected} within {seconds:g} s") from None
        if line is None:
            raise InconclusiveError(f"the driver has ended before it wrote {expected}: {self.output or '(no output)'}")
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise InconclusiveError(f"the driver writes a line that is no JSON object: {line.strip()[:200]!r}")
        return answer
