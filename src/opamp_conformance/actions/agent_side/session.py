"""One agent that is graded: it is started, the scripted server talks to it, and its messages are read.

The specification lets an agent take its time, so nothing here waits for a fixed time to show that something does not
happen. Instead, ``fence`` makes the agent speak for certain, and everything before that is looked at.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final, TypeVar

import uuid6

from opamp_agent_checks.message_checks import STATUS_PARTS
from opamp_conformance.actions.agent_side.reported import repeated_parts
from opamp_conformance.errors import NotApplicableError, PreconditionFailedError, Violation, ViolationError
from opamp_conformance.scripted_server.agent_process import DrivenAgent, GradedAgent
from opamp_conformance.scripted_server.driver_process import REQUEST_UID
from opamp_conformance.scripted_server.records import (
    ConnectionEnded,
    MessageReceived,
    Opened,
    OtherRequest,
    Record,
    ReplySent,
)
from opamp_conformance.scripted_server.replies import RawBytes, Refusal, Reply, Scripted
from opamp_conformance.scripted_server.server import ScriptedServer
from opamp_conformance.wire.transport import Transport
from opamp_proto import opamp_pb2 as pb

R = TypeVar("R", bound=Record)

FULL_STATE: Final = Reply(pb.ServerToAgent(flags=int(pb.ServerToAgentFlags_ReportFullState)))
_FIRST_REPORT: Final = "status.first-report"
_FULL_REPORT: Final = "flags.report-full-state.agent"
_POLL: Final = "http.poll"
_STOP_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.25
"""How often a wait looks whether the agent has ended."""
_MOST_ASKS: Final = 3
"""An agent that has just left its connection has not read the request."""
_FULLER_SECONDS: Final = 1.0
_SOON_SECONDS: Final = 3.0
# How long an unrequested report may come before the full one: so many times as long as the full one took.
_SETTLE_FACTOR: Final = 5
_SETTLE_SECONDS: Final = 0.5
_LONGEST_SETTLE_SECONDS: Final = 5.0


class AgentSession:
    """An agent from its start to its end.

    ``seconds`` is how long to wait for a message, at most. ``position`` is where the records begin that a Then looks
    at: behind the last thing that the server did. ``another`` lets a second agent of the same kind be started.
    """

    def __init__(
        self,
        server: ScriptedServer,
        transport: Transport,
        process: GradedAgent | None,
        seconds: float,
        another: Callable[[], "AbstractContextManager[AgentSession]"],
    ) -> None:
        self.server = server
        self.transport = transport
        self.seconds = seconds
        self.another = another
        self.position = 0
        self.first = pb.AgentToServer()
        """The first message of the last start."""
        self._process = process

    # ---- its life

    def start(self) -> None:
        """Start the agent, and wait for its first message. Raises PreconditionFailedError if none comes."""
        self.position = self.server.records.position()
        if self._process is not None:
            self._process.start()
        elif self.server.records.of(MessageReceived):  # It runs already, and its first report is over.
            self.first = self.fence()
            return
        self.first = self._expect(lambda message: True, _FIRST_REPORT, "a first message")

    def stop(self) -> None:
        """Ask the agent to stop, and end it if it does not; raises NotApplicableError if the suite cannot stop it."""
        if self._process is None:
            raise NotApplicableError("the suite has not started the agent, so it cannot stop it")
        self.position = self.server.records.position()
        self._process.ask_to_stop()
        self._process.wait(_STOP_SECONDS)
        self._process.kill()

    def restart(self) -> None:
        """End the agent, and start it again with the same state folder; wait for its first message."""
        self.stop()
        self.start()

    def require_verbs(self, *verbs: str) -> None:
        """Start the agent, if it does not run; raises NotApplicableError if no driver has some verbs."""
        driver = self._driver_with(*verbs)
        if not driver.is_running:
            self.start()

    def tell(self, verb: str, **fields: object) -> None:
        """Let the driver do something; what the agent sends counts from here. Raises NotApplicableError."""
        self.require_verbs(verb)
        self.position = self.server.records.position()
        self._driver_with(verb).tell(verb, **fields)

    def start_asking_for_uid(self) -> None:
        """Start the agent, so that it asks the server for an instance_uid; raises NotApplicableError."""
        self._driver_with(REQUEST_UID).requests_uid = True
        self.start()

    # ---- what it can do

    def has(self, capability: str) -> bool:
        return bool(self.first.capabilities & pb.AgentCapabilities.Value(f"AgentCapabilities_{capability}"))

    def require(self, capability: str) -> None:
        """Raise NotApplicableError if the agent does not announce a capability."""
        if not self.has(capability):
            raise NotApplicableError(f"the agent does not announce {capability}")

    def require_without(self, capability: str) -> None:
        """Raise NotApplicableError if the agent announces a capability, at once or with its next report."""
        bit = pb.AgentCapabilities.Value(f"AgentCapabilities_{capability}")
        if self.has(capability) or self.fence().capabilities & bit:
            raise NotApplicableError(f"the agent announces {capability}")

    # ---- what the server does

    def give(self, answer: Reply | RawBytes) -> None:
        """Send something to the agent: at once over WebSocket, with the answer to its next request over HTTP.

        Raises PreconditionFailedError if the agent does not come for it.
        """
        self.position = self.server.records.position()
        if not self.server.push(answer):
            self.server.answer(Scripted(answer))

        found = self._wait_for(ReplySent, self.seconds, lambda sent: sent.answer is answer)
        if found is None:
            raise PreconditionFailedError(_POLL, Violation("a message of the agent", self._silence()))
        self.position = found[1]

    def give_new_uid(self, **others: object) -> bytes:
        """Give the agent another instance_uid, with other fields beside it; return that instance_uid."""
        return self.give_uid(uuid6.uuid7().bytes, **others)

    def give_uid(self, uid: bytes, **others: object) -> bytes:
        """Give the agent this instance_uid, with other fields beside it; return it."""
        message = pb.ServerToAgent(agent_identification=pb.AgentIdentification(new_instance_uid=uid), **others)  # type: ignore[arg-type]
        self.give(Reply(message))
        return uid

    def answer_report_with(self, answer: Reply | RawBytes | Refusal) -> ReplySent:
        """Ask for a full report, and answer that with something; return the answer.

        A report that comes before the request is not meant. Raises PreconditionFailedError if no report comes.
        """
        begin = self.server.records.position()

        def is_asked_for(message: pb.AgentToServer) -> bool:
            has_asked = any(sent.answer is FULL_STATE for sent in self.server.records.of(ReplySent, begin))
            return has_asked and message.HasField("agent_description")

        self.server.answer(Scripted(answer, is_asked_for))
        self.give(FULL_STATE)
        found = self._wait_for(ReplySent, self.seconds, lambda sent: sent.answer is answer)
        if found is None:
            raise PreconditionFailedError(_FULL_REPORT, Violation("a full report", self._silence()))
        sent, self.position = found
        return sent

    def refuse(self, refusal: Refusal, times: int = 1) -> None:
        """Refuse the next requests, or the next openings of a WebSocket; the open one is dropped for that."""
        self.position = self.server.records.position()
        self.server.refuse(refusal, times)
        self.server.drop_websockets()

    def drop_connection(self) -> None:
        """End the WebSocket without a Close frame; over HTTP, the agent connects anew with each request anyway."""
        self.position = self.server.records.position()
        self.server.drop_websockets()

    # ---- what the agent sends

    def message(
        self, expected: str, is_wanted: Callable[[pb.AgentToServer], bool] = lambda message: True
    ) -> MessageReceived:
        """Wait for a message since ``position``; raises ViolationError if none comes before the limit."""
        found = self._message(is_wanted)
        if found is None:
            raise ViolationError(Violation(expected, self._silence()))
        return found

    def next_after(self, record: MessageReceived, expected: str) -> MessageReceived:
        """Wait for the message after another one; raises PreconditionFailedError if none comes before the limit."""
        found = self._wait_for(MessageReceived, self.seconds, lambda one: one.at > record.at)
        if found is None:
            raise PreconditionFailedError(_POLL, Violation(expected, self._silence()))
        return found[0]

    def message_after_end(self, expected: str, is_wanted: Callable[[pb.AgentToServer], bool]) -> MessageReceived:
        """Wait for a message, as ``message`` does; an agent that has ended meanwhile is started again."""
        found = self._message(is_wanted)
        if found is None and self._process is not None and self._has_ended:
            self._process.start()
            found = self._message(is_wanted)
        if found is None:
            raise ViolationError(Violation(expected, self._silence()))
        return found

    def fence(self) -> pb.AgentToServer:
        """Let the agent report its full state, and return that report; raises PreconditionFailedError."""
        since = self.position
        report = self._ask_for_full_state()
        if report is None:
            problem = Violation("a full report", self._silence())
            raise PreconditionFailedError(_FULL_REPORT, problem)
        # The report of a change may have been under way; the full one is right behind it.
        fuller = self._message(lambda message: _is_as_full(message, self.first), _FULLER_SECONDS)
        if "agent_description" in self.habits():  # Then the first full report may have been under way, too.
            time.sleep(_FULLER_SECONDS)
            fuller = self._last_report()
        self.position = since
        return report if fuller is None or fuller.message is None else fuller.message

    def _last_report(self) -> MessageReceived:
        """Return the last message since ``position`` that describes the agent; there is one."""
        reports = self.since(MessageReceived)
        return [one for one in reports if one.message and one.message.HasField("agent_description")][-1]

    def full_report(self) -> pb.AgentToServer:
        """Ask for the full state, and return the report; raises ViolationError if none comes."""
        try:
            report = self._ask_for_full_state()
        except PreconditionFailedError:
            report = None
        if report is None:
            raise ViolationError(Violation("a full report", self._silence()))
        return report

    def before_fence(self) -> Sequence[pb.AgentToServer]:
        """Let the agent report its full state, and return the messages since the last thing that the server did.

        The full report itself is not among them, and neither is the first message of a new connection. Over WebSocket,
        an unrequested report may come right before the full one, so this waits a little whether there is one more full
        report than was asked for: longer if the agent is slow.
        """
        began = time.monotonic()
        self.fence()
        if self.transport is Transport.WEBSOCKET:
            taken = time.monotonic() - began
            time.sleep(min(_LONGEST_SETTLE_SECONDS, max(_SETTLE_SECONDS, _SETTLE_FACTOR * taken)))
        messages = [record.message for record in self.beside_first() if record.message is not None]
        reports = [number for number, message in enumerate(messages) if message.HasField("agent_description")]
        return messages[: reports[-1]] if reports else messages

    def beside_first(self) -> Sequence[MessageReceived]:
        """Return the messages since ``position``, without the first message of each new connection."""
        opened = {record.connection for record in self.since(Opened)}
        messages: list[MessageReceived] = []
        for record in self.since(MessageReceived):
            if record.connection in opened:
                opened.discard(record.connection)
            else:
                messages.append(record)
        return messages

    def earlier(self) -> Sequence[pb.AgentToServer]:
        """Return the messages before ``position``."""
        later = len(self.since(MessageReceived))
        records = self.server.records.of(MessageReceived)
        return [record.message for record in records[: len(records) - later] if record.message is not None]

    def habits(self) -> set[str]:
        """Return the parts of the status that the agent had repeated before ``position``, as its habit."""
        later = self.server.records.all(self.position)
        records = self.server.records.all()
        return repeated_parts(records[: len(records) - len(later)])

    def since(self, kind: type[R]) -> Sequence[R]:
        """Return the records of a kind since ``position``."""
        return self.server.records.of(kind, self.position)

    def expect(self, kind: type[R], expected: str, wanted: Callable[[R], bool] = lambda record: True) -> R:
        """Wait for a record since ``position``; raises ViolationError if none comes before the limit."""
        found = self._wait_for(kind, self.seconds, wanted)
        if found is None:
            raise ViolationError(Violation(expected, self._silence()))
        return found[0]

    def soon(self, path: str) -> Sequence[OtherRequest]:
        """Give an agent that does what it should not some seconds, and return its requests to a path."""
        self._wait_for(OtherRequest, _SOON_SECONDS, lambda request: request.path == path)
        return [request for request in self.since(OtherRequest) if request.path == path]

    def expect_attempts(self, count: int, expected: str) -> Sequence[Opened | MessageReceived]:
        """Wait until the agent has tried to connect some times since ``position``: openings, or requests."""
        for number in range(1, count + 1):
            self.expect(self._attempt_kind, f"{expected} ({number} of {count})", self._is_number(number))
        return self.attempts()[:count]

    def attempts(self) -> Sequence[Opened | MessageReceived]:
        """Return the tries to connect since ``position``: openings of a WebSocket, or requests."""
        return self.since(self._attempt_kind)

    # ---- inside

    def _driver_with(self, *verbs: str) -> DrivenAgent:
        """Return the driver, which need not have started its agent; raises NotApplicableError without some verbs."""
        if not isinstance(self._process, DrivenAgent):
            raise NotApplicableError(f"only a driver can let the agent do {verbs[0]!r}: see docs/agent-driver.md")
        self._process.prepare()
        missing = [verb for verb in verbs if verb not in self._process.verbs]
        if missing:
            raise NotApplicableError(f"the driver does not have the verb {missing[0]!r}")
        return self._process

    @property
    def _has_ended(self) -> bool:
        return self._process is not None and not self._process.is_running

    @property
    def _attempt_kind(self) -> type[Opened] | type[MessageReceived]:
        return Opened if self.transport is Transport.WEBSOCKET else MessageReceived

    def _is_number(self, number: int) -> Callable[[Opened | MessageReceived], bool]:
        return lambda record: record in self.attempts()[number - 1 :]

    def _ask_for_full_state(self) -> pb.AgentToServer | None:
        """Ask for the full state, and wait for it; again, if the agent leaves its connection without an answer."""

        def is_end(record: Record) -> bool:
            is_report = (
                isinstance(record, MessageReceived)
                and record.message is not None
                and record.message.HasField("agent_description")
            )
            return is_report or isinstance(record, ConnectionEnded)

        for _ in range(_MOST_ASKS):
            self.give(FULL_STATE)
            found = self._wait_for(Record, self.seconds, is_end)
            if found is None:
                return None
            if isinstance(found[0], MessageReceived):
                return found[0].message
        return None

    def _message(
        self, is_wanted: Callable[[pb.AgentToServer], bool], seconds: float | None = None
    ) -> MessageReceived | None:
        def wanted(record: MessageReceived) -> bool:
            return record.message is not None and is_wanted(record.message)

        found = self._wait_for(MessageReceived, self.seconds if seconds is None else seconds, wanted)
        return None if found is None else found[0]

    def _expect(
        self, is_wanted: Callable[[pb.AgentToServer], bool], requirement: str, expected: str
    ) -> pb.AgentToServer:
        """Wait for a message that a scenario needs; raises PreconditionFailedError for a requirement without it."""
        found = self._message(is_wanted)
        if found is None or found.message is None:
            raise PreconditionFailedError(requirement, Violation(expected, self._silence()))
        return found.message

    def _silence(self) -> str:
        """Describe that nothing came, and why."""
        if self._process is not None and self._has_ended:
            return f"the agent has ended; its last lines: {self._process.output or '(none)'}"
        return f"none within {self.seconds:g} s"

    def _wait_for(
        self, kind: type[R], seconds: float, wanted: Callable[[R], bool] = lambda record: True
    ) -> tuple[R, int] | None:
        """Wait for a record since ``position``, and no longer than the agent runs."""
        deadline = time.monotonic() + seconds
        while True:
            has_ended, left = self._has_ended, deadline - time.monotonic()
            found = self.server.records.wait_for(kind, max(0.0, min(left, _LOOK_SECONDS)), self.position, wanted)
            if found is not None or left <= 0 or has_ended:
                return found


def _is_as_full(message: pb.AgentToServer, first: pb.AgentToServer) -> bool:
    """Return whether a report has each part of the first one."""
    return message.HasField("agent_description") and all(
        message.HasField(part) for part in STATUS_PARTS if first.HasField(part)
    )
