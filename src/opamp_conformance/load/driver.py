"""One turn of one agent: what it sends, how it reacts to the reply, and when its next turn is."""

import time
from collections.abc import Callable
from typing import Final

import gevent

from opamp_conformance.errors import ConformanceError
from opamp_conformance.load.connections import (
    Answer,
    Connection,
    ConnectionBrokenError,
    Destination,
    HttpConnection,
    WebSocketConnection,
)
from opamp_conformance.load.counts import Counts
from opamp_conformance.load.fleet import Fleet, FleetAgent, Messages, compose
from opamp_conformance.load.pace import Pace
from opamp_conformance.load.replies import UNIQUE, MessageStatus, ReplyInterpreter, ReplyOutcome
from opamp_conformance.wire.transport import Transport
from opamp_proto import INSTANCE_UID_BYTES

Fire = Callable[..., None]
"""Locust's event of a request."""

# Between two looks at an empty schedule.
_IDLE_SECONDS: Final = 1.0
_RETURN_AFTER: Final = 0.1
"""The longest absence of an agent that disconnected, as a share of an interval."""


class LoadContext:
    """The state that the drivers of a process share: the fleet, its messages, their destination, and the counts."""

    def __init__(
        self,
        fleet: Fleet,
        messages: Messages,
        destination: Destination,
        interpreter: ReplyInterpreter,
        counts: Counts,
        fire: Fire,
        pace: Pace,
    ) -> None:
        self.fleet = fleet
        self.messages = messages
        self.destination = destination
        self.interpreter = interpreter
        self.counts = counts
        self.pace = pace
        self._fire = fire
        self.handed_out: set[bytes] = set()
        self.shared_connections: set[HttpConnection] = set()
        self._still_away = 0
        self._lost_at = 0.0

    def report(self, name: str, seconds: float, length: int = 0, exception: Exception | None = None) -> None:
        """Report to Locust an exchange that took ``seconds`` and returned ``length`` bytes."""
        self._fire(
            request_type="OpAMP",
            name=name,
            response_time=seconds * 1000,  # Locust counts milliseconds.
            response_length=length,
            exception=exception,
            context={},
        )

    def lose_connections(self) -> None:
        """Close every connection, and let the whole fleet come back at once."""
        for connection in self.shared_connections:
            connection.lose()
        for agent in self.fleet.agents:
            if not agent.is_busy:
                self.interpreter.followed.close_connection(agent.uid)
                close_connection(agent)
        self._lost_at = now = self.fleet.now()
        self._still_away = self.fleet.lose_connections(now)

    def note_recovery(self) -> None:
        """Note that one agent has come back."""
        if self._still_away:
            self._still_away -= 1
            if not self._still_away:
                self.counts.recoveries.append(self.fleet.now() - self._lost_at)


class AgentDriver:
    """Drives the agents of a load test, one turn at a time."""

    def __init__(self, context: LoadContext) -> None:
        self._context = context
        self._fleet = context.fleet
        self._shared: HttpConnection | None = None
        if context.destination.transport is Transport.HTTP:
            self._shared = HttpConnection(context.destination)
            context.shared_connections.add(self._shared)

    def close(self) -> None:
        """Close the connection."""
        if self._shared is not None:
            self._shared.close()
            self._context.shared_connections.discard(self._shared)

    def take_turn(self) -> float:
        """Take one turn; returns the seconds until the next one, 0 if it may be due already."""
        fleet = self._fleet
        woken = fleet.take_woken()
        if woken is not None:
            self._attend(woken)
            return 0.0
        now = fleet.now()
        agent = fleet.take_due(now)
        if agent is None:
            due = fleet.next_due()
            return _IDLE_SECONDS if due is None else max(due - now, 1e-4)
        try:
            self._act(agent, now)
        except gevent.GreenletExit:
            self._context.interpreter.followed.unsettle(agent.uid)  # The server may have its message.
            close_connection(agent)
            self._fleet.schedule(agent, now)  # Another driver will take its turn.
            raise
        return 0.0

    # ---- what an agent does

    def _act(self, agent: FleetAgent, now: float) -> None:
        behaviour, messages, chance = self._fleet.behaviour, self._context.messages, self._fleet.random.random
        if not agent.is_enrolled:
            self._enroll(agent, now)
            return
        if agent.owes_report:
            agent.owes_report = False
            if self._report(agent, "full report", messages.report, now) is None:
                agent.owes_report = True
            else:
                self._context.note_recovery()
            return
        roll = chance()
        if roll < behaviour.churn:
            self._disconnect(agent, now)
        elif roll < behaviour.churn + behaviour.restarts:
            agent.sequence_num = 0
            self._report(agent, "restart", messages.report, now)
        elif roll < behaviour.churn + behaviour.restarts + behaviour.changes:
            change = messages.changes[int(chance() * len(messages.changes))]
            self._report(agent, "change", change, now)
        else:
            self._report(agent, "check-in", messages.check_in, now)

    def _enroll(self, agent: FleetAgent, now: float) -> None:
        context = self._context
        if not agent.uid or (agent.asks and not agent.failures):
            self._fleet.give_own_uid(agent)  # An agent that asks for an instance_uid starts with a temporary one.
        context.interpreter.followed.follow(agent.uid)
        rest = context.messages.enrollment if agent.asks else context.messages.report
        is_twice = self._fleet.random.random() < self._fleet.behaviour.duplicates
        data = compose(agent, rest)
        outcome = self._exchange(agent, "enrollment", rest, data, now)
        if outcome is not None and is_twice:
            outcome = self._exchange(agent, "duplicate", rest, data, now)
        if outcome is None:
            return
        agent.is_enrolled = True
        counts, at = context.counts, time.time()
        counts.enrollments += 1
        counts.second(at).enrollments += 1
        if not agent.has_arrived:
            agent.has_arrived = True
            counts.arrived += 1
            counts.whole_at = at
        self._obey(agent, outcome)
        self._schedule_next(agent, rest)

    def _disconnect(self, agent: FleetAgent, now: float) -> None:
        disconnect = self._context.messages.disconnect
        if self._exchange(agent, "disconnect", disconnect, compose(agent, disconnect), now) is None:
            return
        close_connection(agent)
        self._context.interpreter.followed.leave(agent.uid)
        agent.is_enrolled, agent.asks, agent.uid = False, True, b""
        fleet = self._fleet
        fleet.schedule(agent, fleet.now() + fleet.interval * _RETURN_AFTER * fleet.random.random())

    def _report(self, agent: FleetAgent, name: str, rest: bytes, now: float) -> ReplyOutcome | None:
        """Send a report, and obey the reply; None if the message was not accepted."""
        outcome = self._exchange(agent, name, rest, compose(agent, rest), now)
        if outcome is not None:
            self._obey(agent, outcome)
            self._schedule_next(agent, rest)
        return outcome

    def _schedule_next(self, agent: FleetAgent, sent: bytes) -> None:
        """Schedule the next turn after a message.

        A server that asks for the full state after a full report gets it with the next turn: otherwise a server that
        always asks would set the rate of the test.
        """
        now, messages = self._fleet.now(), self._context.messages
        was_full = sent is messages.report or sent is messages.enrollment
        if agent.owes_report and not was_full:
            self._fleet.schedule(agent, now)
        elif self._fleet.behaviour.polls and agent.interval != 0:
            self._fleet.schedule_next(agent, now)

    def _obey(self, agent: FleetAgent, outcome: ReplyOutcome) -> None:
        if len(outcome.new_instance_uid) == INSTANCE_UID_BYTES:
            agent.uid = outcome.new_instance_uid
        if outcome.wants_full_report:
            agent.owes_report = True
        if outcome.interval is not None:
            agent.interval = self._bounded(self._context.pace.interval(outcome.interval))

    def _bounded(self, kept: tuple[float, str]) -> float:
        """Count the bound that was used, if one was, and return the time that the agent keeps to."""
        seconds, bound = kept
        if bound:
            self._context.counts.bounds[bound] += 1
        return seconds

    # ---- exchanges

    def _exchange(self, agent: FleetAgent, name: str, rest: bytes, data: bytes, now: float) -> ReplyOutcome | None:
        """Deliver a message; None if it was not accepted, and the agent will retry."""
        context = self._context
        asked = rest is context.messages.enrollment
        connection = self._shared or self._websocket_of(agent)
        uid, began = agent.uid, time.perf_counter()
        agent.is_busy = True
        try:
            answer = connection.exchange(data)
        except ConnectionBrokenError as error:
            self._fail(agent, name, time.perf_counter() - began, context.interpreter.shown(str(error)))
            return None
        finally:
            agent.is_busy = False
        seconds = time.perf_counter() - began
        self._watch(agent)
        outcome = context.interpreter.interpret(uid, rest, data, answer, seconds, asked=asked)
        counts, at = context.counts, time.time()
        counts.messages += 1
        counts.answered += outcome.is_message
        counts.last_at = at
        broken = self._count_violations(outcome, asked=asked)
        if outcome.status is MessageStatus.THROTTLED:
            self._throttle(agent, name, seconds, outcome)
            return None
        if outcome.status is MessageStatus.FAILED:
            self._fail(agent, name, seconds, outcome.reason, is_answered=True)
            return None
        agent.failures = 0
        second = counts.second(at)
        second.messages += 1
        second.latency.add(seconds)
        second.lateness.add(max(0.0, now - agent.due))
        counts.took(name, seconds)
        context.report(name, seconds, len(answer.body), BrokenRequirementError(broken[0]) if broken else None)
        return outcome

    def _count_violations(self, outcome: ReplyOutcome, *, asked: bool) -> list[str]:
        """Count the violations of a reply, and return their requirements."""
        counts, context = self._context.counts, self._context
        new_instance_uid, violations = outcome.new_instance_uid, outcome.violations
        if asked and len(new_instance_uid) == INSTANCE_UID_BYTES:
            if new_instance_uid in context.handed_out:
                violations = (*violations, (UNIQUE, f"{new_instance_uid.hex()} was announced before"))
            context.handed_out.add(new_instance_uid)
            counts.handed_out += new_instance_uid
        for requirement, sample in violations:
            counts.violate(requirement, sample)
        return [requirement for requirement, _ in violations]

    def _throttle(self, agent: FleetAgent, name: str, seconds: float, outcome: ReplyOutcome) -> None:
        counts = self._context.counts
        counts.throttled += 1
        counts.second(time.time()).throttled += 1
        asked = outcome.retry_after
        wait = None if asked is None else self._bounded(self._context.pace.wait(asked))
        counts.waited += self._fleet.back_off(agent, self._fleet.now(), wait, is_throttled=True)
        self._context.interpreter.followed.unsettle(agent.uid)
        close_connection(agent)
        counts.took(f"{name} (throttled)", seconds)
        self._context.report(f"{name} (throttled)", seconds)

    def _fail(self, agent: FleetAgent, name: str, seconds: float, reason: str, *, is_answered: bool = False) -> None:
        counts, at = self._context.counts, time.time()
        counts.messages += not is_answered
        counts.last_at = at
        counts.fail(reason, at)
        counts.took(f"{name} (failed)", seconds)
        self._context.interpreter.followed.unsettle(agent.uid)
        self._fleet.back_off(agent, self._fleet.now(), None, is_throttled=False)
        close_connection(agent)
        self._context.report(name, seconds, exception=MessageFailedError(reason))

    # ---- WebSockets

    def _websocket_of(self, agent: FleetAgent) -> Connection:
        if agent.connection is None:
            agent.connection = WebSocketConnection(self._context.destination)
        elif agent.watcher is not None:
            agent.watcher.stop()
            self._receive_unsolicited(agent)  # A message from before its turn is not an answer to its next message.
        return agent.connection if agent.connection is not None else self._websocket_of(agent)

    def _watch(self, agent: FleetAgent) -> None:
        """Wake the agent when the server sends an unsolicited message."""
        connection = agent.connection
        if not isinstance(connection, WebSocketConnection) or connection.fileno() < 0:
            return
        if agent.watcher is None:
            agent.watcher = gevent.get_hub().loop.io(connection.fileno(), 1)
        agent.watcher.start(self._wake, agent)

    def _wake(self, agent: FleetAgent) -> None:
        agent.watcher.stop()
        self._fleet.wake(agent)

    def _attend(self, agent: FleetAgent) -> None:
        """Handle the messages that the server sent to an agent out of turn."""
        if not agent.is_busy:
            self._receive_unsolicited(agent)
            self._watch(agent)

    def _receive_unsolicited(self, agent: FleetAgent) -> None:
        connection = agent.connection
        if not isinstance(connection, WebSocketConnection):
            return
        try:
            answers = connection.receive_unsolicited()
        except ConnectionBrokenError:
            # The agent's next message opens it again, and is a full report.
            self._context.interpreter.followed.close_connection(agent.uid)
            close_connection(agent)
            agent.owes_report = agent.is_enrolled
            return
        for answer in answers:
            self._interpret_unsolicited(agent, answer)

    def _interpret_unsolicited(self, agent: FleetAgent, answer: Answer) -> None:
        interpreter = self._context.interpreter
        outcome = interpreter.interpret(agent.uid, b"", b"\n\x10" + agent.uid, answer, 0.0, asked=False)
        interpreter.followed.unsettle(agent.uid)
        self._count_violations(outcome, asked=False)
        if outcome.status is MessageStatus.ANSWERED:
            self._obey(agent, outcome)


def close_connection(agent: FleetAgent) -> None:
    """Close an agent's WebSocket, if it has one."""
    if agent.watcher is not None:
        agent.watcher.stop()
        agent.watcher.close()
        agent.watcher = None
    if agent.connection is not None:
        agent.connection.close()
        agent.connection = None


class BrokenRequirementError(ConformanceError):
    """A reply breaks a requirement; the message is its id."""


class MessageFailedError(ConformanceError):
    """A message was not answered, or was answered by an error."""
