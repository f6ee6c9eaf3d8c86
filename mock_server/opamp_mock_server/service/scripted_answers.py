"""What a test lets the server answer, instead of its own reply or in addition to it. Each instance has its own."""

from collections import deque
from dataclasses import dataclass
from typing import Final

from opamp_mock_server.errors import MockServerError
from opamp_proto import opamp_pb2 as pb

_MOST_AGENTS: Final = 10_000
"""So many agents may wait for something; for others, a test is told to reset first."""
MOST_ANSWERS: Final = 1000
"""So many answers may wait for one agent."""


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """One answer: a message, bytes in place of a message, or a status of HTTP. Nothing of these is silence.

    ``retry_after`` is in seconds, and belongs to a status.
    """

    message: pb.ServerToAgent | None = None
    data: bytes | None = None
    status: int | None = None
    retry_after: int | None = None


class WithheldReplyError(MockServerError):
    """A message gets no ServerToAgent: ``status`` is that of the HTTP response, None for no response at all."""

    def __init__(self, status: int | None, retry_after: int | None) -> None:
        super().__init__("a test has asked for this")
        self.status = status
        self.retry_after = retry_after


class TooManyScriptsError(MockServerError):
    """Answers for too many agents are waiting."""


class ScriptedAnswers:
    """The answers that wait for the next messages of agents. Call everything here in the loop that serves."""

    def __init__(self) -> None:
        self._answers: dict[bytes, deque[ScriptedAnswer]] = {}
        self._additions: dict[bytes, pb.ServerToAgent] = {}

    def __bool__(self) -> bool:
        return bool(self._answers or self._additions)

    def enqueue(self, instance_uid: bytes, answer: ScriptedAnswer, times: int) -> None:
        """Let so many of the agent's messages get this answer, after the answers that already wait.

        Raises TooManyScriptsError.
        """
        if instance_uid not in self._answers and len(self._answers) >= _MOST_AGENTS:
            raise TooManyScriptsError(f"answers for {_MOST_AGENTS} agents are waiting")
        waiting = self._answers.get(instance_uid, deque())
        if len(waiting) + times > MOST_ANSWERS:
            raise TooManyScriptsError(f"no more than {MOST_ANSWERS} answers can wait for an agent")
        waiting.extend([answer] * times)
        self._answers[instance_uid] = waiting

    def add_fields(self, instance_uid: bytes, message: pb.ServerToAgent) -> None:
        """Let the next reply to an agent have these fields, too; raises TooManyScriptsError."""
        if instance_uid not in self._additions and len(self._additions) >= _MOST_AGENTS:
            raise TooManyScriptsError(f"messages for {_MOST_AGENTS} agents are waiting")
        self._additions.setdefault(instance_uid, pb.ServerToAgent()).MergeFrom(message)

    def forget(self, instance_uid: bytes) -> None:
        """Delete what waits for an agent."""
        self._answers.pop(instance_uid, None)
        self._additions.pop(instance_uid, None)

    def clear(self) -> None:
        """Delete everything that waits."""
        self._answers.clear()
        self._additions.clear()

    def take(self, instance_uid: bytes, *, is_http: bool) -> ScriptedAnswer | None:
        """Return the next answer for an agent, None without one. A status waits for a request over plain HTTP."""
        waiting = self._answers.get(instance_uid)
        if not waiting or (waiting[0].status is not None and not is_http):
            return None
        answer = waiting.popleft()
        if not waiting:
            del self._answers[instance_uid]
        return answer

    def addition(self, instance_uid: bytes) -> pb.ServerToAgent | None:
        """Return what to add to the reply to an agent, None for nothing."""
        return self._additions.pop(instance_uid, None)
