"""One turn of one agent: what it says, what it hears, and when its turn comes again."""

import time
from collections.abc import Callable
from typing import Final

import gevent

from opamp_conformance.load.counts import Counts
from opamp_conformance.load.fleet import Fleet, FleetAgent, Messages, compose
from opamp_conformance.load.hearing import UNIQUE, Heard, Hearing, Outcome
from opamp_conformance.load.lines import Answer, Destination, HttpLine, Line, LineBroken, WebSocketLine
from opamp_conformance.transports import Transport
from opamp_proto import INSTANCE_UID_BYTES

Fire = Callable[..., None]
"""Locust's event of a request."""

_IDLE_SECONDS: Final = 1.0
_REENROLLED_AFTER: Final = 0.1
"""The share of an interval after which an agent that has left comes back."""


class Stage:
    """What the players of a process share: the fleet, its messages, where they go, and what is counted of them."""

    def __init__(
        self, fleet: Fleet, messages: Messages, destination: Destination, hearing: Hearing, counts: Counts, fire: Fire
    ) -> None:
        self.fleet = fleet
        self.messages = messages
        self.destination = destination
        self.hearing = hearing
        self.counts = counts
        self._fire = fire
        self.handed_out: set[bytes] = set()
        self.shared_lines: set[HttpLine] = set()
        self._waiting_to_recover = 0
        self._lost_at = 0.0

    def tell(self, name: str, seconds: float, length: int = 0, exception: Exception | None = None) -> None:
        """Tell Locust of an exchange that took ``seconds`` and brought ``length`` bytes."""
        self._fire(
            request_type="OpAMP",
            name=name,
            response_time=seconds * 1000,  # Locust counts milliseconds.
            response_length=length,
            exception=exception,
            context={},
        )

    def lose_connections(self) -> None:
        """Break every connection, and have the whole fleet come back at once."""
        for shared in self.shared_lines:
            shared.lose()
        for agent in self.fleet.agents:
            if not agent.is_busy:
                hang_up(agent)
        self._lost_at = now = self.fleet.now()
        self._waiting_to_recover = self.fleet.lose_connections(now)

    def recovered(self) -> None:
        """Take note that one agent has come back."""
        if self._waiting_to_recover:
            self._waiting_to_recover -= 1
            if not self._waiting_to_recover:
                self.counts.recoveries.append(self.fleet.now() - self._lost_at)


class Player:
    """Plays agents on a stage, one turn at a time."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._fleet = stage.fleet
        self._line: HttpLine | None = None
        if stage.destination.transport is Transport.HTTP:
            self._line = HttpLine(stage.destination)
            stage.shared_lines.add(self._line)

    def close(self) -> None:
        """Let go of the connection."""
        if self._line is not None:
            self._line.close()
            self._stage.shared_lines.discard(self._line)

    def play(self) -> float:
        """Play a turn; returns how long there is nothing to do, 0 if that is not so."""
        fleet = self._fleet
        called = fleet.called()
        if called is not None:
            self._attend(called)
            return 0.0
        now = fleet.now()
        agent = fleet.take(now)
        if agent is None:
            due = fleet.next_due()
            return _IDLE_SECONDS if due is None else max(due - now, 1e-4)
        try:
            self._turn(agent, now)
        except gevent.GreenletExit:
            hang_up(agent)
            self._fleet.put(agent, now)  # Another player will go on with it.
            raise
        return 0.0

    # ---- turns

    def _turn(self, agent: FleetAgent, now: float) -> None:
        behaviour, messages, chance = self._fleet.behaviour, self._stage.messages, self._fleet.random.random
        if not agent.is_enrolled:
            self._enroll(agent, now)
            return
        if agent.owes_report:
            agent.owes_report = False
            if self._say(agent, "full report", messages.report, now) is None:
                agent.owes_report = True
            else:
                self._stage.recovered()
            return
        roll = chance()
        if roll < behaviour.churn:
            self._leave(agent, now)
        elif roll < behaviour.churn + behaviour.restarts:
            agent.sequence_num = 0
            self._say(agent, "restart", messages.report, now)
        elif roll < behaviour.churn + behaviour.restarts + behaviour.changes:
            change = messages.changes[int(chance() * len(messages.changes))]
            self._say(agent, "change", change, now)
        else:
            self._say(agent, "check-in", messages.check_in, now)

    def _enroll(self, agent: FleetAgent, now: float) -> None:
        stage = self._stage
        if not agent.uid or (agent.asks and not agent.failures):
            self._fleet.name(agent)  # One that asks comes under a temporary instance_uid.
        rest = stage.messages.enrollment if agent.asks else stage.messages.report
        is_twice = self._fleet.random.random() < self._fleet.behaviour.duplicates
        data = compose(agent, rest)
        heard = self._exchange(agent, "enrollment", rest, data, now)
        if heard is not None and is_twice:
            heard = self._exchange(agent, "duplicate", rest, data, now)
        if heard is None:
            return
        agent.is_enrolled = True
        counts, at = stage.counts, time.time()
        counts.enrollments += 1
        counts.second(at).enrollments += 1
        if not agent.has_arrived:
            agent.has_arrived = True
            counts.arrived += 1
            counts.whole_at = at
        self._take_to_heart(agent, heard)
        self._next(agent)

    def _leave(self, agent: FleetAgent, now: float) -> None:
        farewell = self._stage.messages.farewell
        if self._exchange(agent, "disconnect", farewell, compose(agent, farewell), now) is None:
            return
        hang_up(agent)
        agent.is_enrolled, agent.asks, agent.uid = False, True, b""
        fleet = self._fleet
        fleet.put(agent, fleet.now() + fleet.interval * _REENROLLED_AFTER * fleet.random.random())

    def _say(self, agent: FleetAgent, name: str, rest: bytes, now: float) -> Heard | None:
        """Deliver a report, and do as the answer says; None if it was not taken."""
        heard = self._exchange(agent, name, rest, compose(agent, rest), now)
        if heard is not None:
            self._take_to_heart(agent, heard)
            self._next(agent)
        return heard

    def _next(self, agent: FleetAgent) -> None:
        now = self._fleet.now()
        if agent.owes_report:
            self._fleet.put(agent, now)
        elif self._fleet.behaviour.polls and agent.interval != 0:
            self._fleet.put_next(agent, now)

    def _take_to_heart(self, agent: FleetAgent, heard: Heard) -> None:
        if len(heard.new_instance_uid) == INSTANCE_UID_BYTES:
            agent.uid = heard.new_instance_uid
        if heard.wants_full_report:
            agent.owes_report = True
        if heard.interval is not None:
            agent.interval = heard.interval

    # ---- exchanges

    def _exchange(self, agent: FleetAgent, name: str, rest: bytes, data: bytes, now: float) -> Heard | None:
        """Deliver a message; None if it was not taken, and the agent will try again."""
        stage = self._stage
        asked = rest is stage.messages.enrollment
        line = self._line or self._websocket_of(agent)
        uid, began = agent.uid, time.perf_counter()
        agent.is_busy = True
        try:
            answer = line.exchange(data)
        except LineBroken as broken:
            self._failed(agent, name, time.perf_counter() - began, stage.hearing.shown(str(broken)))
            return None
        finally:
            agent.is_busy = False
        seconds = time.perf_counter() - began
        self._watch(agent)
        heard = stage.hearing.hear(uid, rest, data, answer, seconds, asked=asked)
        counts, at = stage.counts, time.time()
        counts.messages += 1
        counts.answered += heard.is_message
        counts.last_at = at
        breaches = self._note_breaches(heard, asked=asked)
        if heard.outcome is Outcome.THROTTLED:
            self._throttled(agent, name, seconds, heard)
            return None
        if heard.outcome is Outcome.FAILED:
            self._failed(agent, name, seconds, heard.reason, is_answered=True)
            return None
        agent.failures = 0
        second = counts.second(at)
        second.messages += 1
        second.latency.add(seconds)
        second.lateness.add(max(0.0, now - agent.due))
        stage.tell(name, seconds, len(answer.body), BrokenRequirement(breaches[0]) if breaches else None)
        return heard

    def _note_breaches(self, heard: Heard, *, asked: bool) -> list[str]:
        """Count what an answer breaks, and return the requirements."""
        counts, stage = self._stage.counts, self._stage
        new_instance_uid, breaches = heard.new_instance_uid, heard.breaches
        if asked and len(new_instance_uid) == INSTANCE_UID_BYTES:
            if new_instance_uid in stage.handed_out:
                breaches = (*breaches, (UNIQUE, f"{new_instance_uid.hex()} was handed out before"))
            stage.handed_out.add(new_instance_uid)
            counts.handed_out += new_instance_uid
        for requirement, sample in breaches:
            counts.violate(requirement, sample)
        return [requirement for requirement, _ in breaches]

    def _throttled(self, agent: FleetAgent, name: str, seconds: float, heard: Heard) -> None:
        counts = self._stage.counts
        counts.throttled += 1
        counts.second(time.time()).throttled += 1
        counts.waited += self._fleet.put_off(agent, self._fleet.now(), heard.retry_after, is_throttled=True)
        hang_up(agent)
        self._stage.tell(f"{name} (throttled)", seconds)

    def _failed(self, agent: FleetAgent, name: str, seconds: float, reason: str, *, is_answered: bool = False) -> None:
        counts, at = self._stage.counts, time.time()
        counts.messages += not is_answered
        counts.last_at = at
        counts.fail(reason, at)
        self._fleet.put_off(agent, self._fleet.now(), None, is_throttled=False)
        hang_up(agent)
        self._stage.tell(name, seconds, exception=MessageFailed(reason))

    # ---- WebSockets

    def _websocket_of(self, agent: FleetAgent) -> Line:
        if agent.line is None:
            agent.line = WebSocketLine(self._stage.destination)
        elif agent.watcher is not None:
            agent.watcher.stop()
            self._listen(agent)  # What came before its turn is not the answer to what it says now.
        return agent.line if agent.line is not None else self._websocket_of(agent)

    def _watch(self, agent: FleetAgent) -> None:
        """Have the agent called when the server says something of its own accord."""
        line = agent.line
        if not isinstance(line, WebSocketLine) or line.fileno() < 0:
            return
        if agent.watcher is None:
            agent.watcher = gevent.get_hub().loop.io(line.fileno(), 1)
        agent.watcher.start(self._call, agent)

    def _call(self, agent: FleetAgent) -> None:
        agent.watcher.stop()
        self._fleet.call(agent)

    def _attend(self, agent: FleetAgent) -> None:
        """Look after an agent whose server has something to say."""
        if not agent.is_busy:
            self._listen(agent)
            self._watch(agent)

    def _listen(self, agent: FleetAgent) -> None:
        """Hear what the server has said of its own accord."""
        line = agent.line
        if not isinstance(line, WebSocketLine):
            return
        try:
            answers = line.heard()
        except LineBroken:
            # The next message opens it again, as an agent's does; a report that is not compressed comes first.
            hang_up(agent)
            agent.owes_report = agent.is_enrolled
            return
        for answer in answers:
            self._heed(agent, answer)

    def _heed(self, agent: FleetAgent, answer: Answer) -> None:
        heard = self._stage.hearing.hear(agent.uid, b"", b"\n\x10" + agent.uid, answer, 0.0, asked=False)
        self._note_breaches(heard, asked=False)
        if heard.outcome is Outcome.ANSWERED:
            self._take_to_heart(agent, heard)


def hang_up(agent: FleetAgent) -> None:
    """Let go of an agent's WebSocket, if it has one."""
    if agent.watcher is not None:
        agent.watcher.stop()
        agent.watcher.close()
        agent.watcher = None
    if agent.line is not None:
        agent.line.close()
        agent.line = None


class BrokenRequirement(Exception):
    """An answer breaks a requirement, which is named."""


class MessageFailed(Exception):
    """A message was not answered, or by an error."""
