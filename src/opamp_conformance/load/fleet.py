"""The agents of one process, in as few bytes as possible, and when each of them is due."""

import heapq
import random
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Final

import uuid6

from opamp_conformance.client import sample_messages
from opamp_conformance.client.agent import REQUEST_INSTANCE_UID, Agent, configuration
from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.starts import Starts
from opamp_proto import opamp_pb2 as pb
from opamp_proto import varint

CAPABILITIES: Final = int(
    pb.AgentCapabilities_ReportsStatus
    | pb.AgentCapabilities_ReportsHealth
    | pb.AgentCapabilities_ReportsEffectiveConfig
    | pb.AgentCapabilities_ReportsHeartbeat
    | pb.AgentCapabilities_AcceptsOpAMPConnectionSettings
)
_JITTER: Final = 0.1
"""The share by which intervals and waits vary, so that agents do not synchronize."""
# An agent that fails once retries soon, and a fleet that keeps failing retries every few minutes.
_FIRST_BACKOFF: Final = 1.0
_FIRST_THROTTLED_BACKOFF: Final = 30.0
"""The shortest wait that the specification recommends (Throttling)."""
_LONGEST_BACKOFF: Final = 300.0


class FleetAgent:
    """One agent. ``connection`` is its WebSocket, if it has one, and ``watcher`` watches it for unsolicited messages.

    ``interval`` is the heartbeat interval that the server has set; ``is_busy`` says that the agent waits for an answer.
    """

    __slots__ = (
        *("uid", "sequence_num", "due", "asks", "is_enrolled", "has_arrived", "owes_report"),
        *("failures", "interval", "connection", "watcher", "is_busy"),
    )

    def __init__(self, due: float, *, asks: bool) -> None:
        self.uid = b""
        self.sequence_num = 0
        self.due = due
        self.asks = asks
        self.is_enrolled = False
        self.has_arrived = False
        self.owes_report = False
        self.failures = 0
        self.interval: float | None = None
        self.connection: Any = None
        self.watcher: Any = None
        self.is_busy = False


class Messages:
    """The messages of agents. All fields except instance_uid and sequence_num are the same, and are encoded once."""

    def __init__(self, run_id: str) -> None:
        agent = Agent(run_id, capabilities=CAPABILITIES)
        changed = agent.check_in()
        changed.effective_config.config_map.config_map[""].CopyFrom(configuration("receivers: {otlp: {}}"))
        self.enrollment = _rest(agent.full_status(flags=REQUEST_INSTANCE_UID))
        self.report = _rest(agent.full_status())
        self.check_in = _rest(agent.check_in())
        self.changes: Sequence[bytes] = (
            _rest(sample_messages.degraded(agent)),
            _rest(sample_messages.unhealthy(agent)),
            _rest(changed),
        )
        self.disconnect = _rest(agent.disconnect())


def _rest(message: pb.AgentToServer) -> bytes:
    """Encode the fields after instance_uid and sequence_num."""
    message.ClearField("instance_uid")
    message.ClearField("sequence_num")
    return message.SerializeToString()


def compose(agent: FleetAgent, rest: bytes) -> bytes:
    """Encode the next message of an agent: the fields of protobuf are simply joined."""
    agent.sequence_num = number = agent.sequence_num + 1
    if number < 128:
        return b"\n\x10%b\x10%c%b" % (agent.uid, number, rest)
    return b"\n\x10%b\x10%b%b" % (agent.uid, varint(number), rest)


class Fleet:
    """The part of a fleet that one process drives: each ``of``-th agent, beginning with the ``index``-th.

    ``interval`` is in seconds. Its time begins with start(), because it takes a while to create. ``clock`` returns the
    time in seconds.
    """

    def __init__(
        self,
        starts: Starts,
        behaviour: Behaviour,
        *,
        interval: float = 30.0,
        seed: str | None = None,
        index: int = 0,
        of: int = 1,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.behaviour = behaviour
        self.interval = interval
        # Not for secrets, but for load that can be repeated.
        self.random = random.Random(None if seed is None else f"{seed}/{index}")  # noqa: S311
        asks = behaviour.asks
        self.agents = [
            FleetAgent(starts.at(number), asks=asks >= 1 or self.random.random() < asks)
            for number in range(index, starts.agents, of)
        ]
        # It is sorted, so it is a heap.
        self._schedule = [(agent.due, number, agent) for number, agent in enumerate(self.agents)]
        self._number = len(self.agents)
        self._woken: deque[FleetAgent] = deque()
        self._clock = clock
        self._began = clock()

    def start(self) -> None:
        """Let its time begin now."""
        self._began = self._clock()

    def now(self) -> float:
        """Return the seconds since start()."""
        return self._clock() - self._began

    def __len__(self) -> int:
        return len(self.agents)

    def take_woken(self) -> FleetAgent | None:
        """Take an agent that was woken, if there is one. It keeps its turn in the schedule."""
        return self._woken.popleft() if self._woken else None

    def take_due(self, now: float) -> FleetAgent | None:
        """Take the agent that is due, if there is one; the caller has to schedule it again."""
        schedule = self._schedule
        if schedule and schedule[0][0] <= now:
            return heapq.heappop(schedule)[2]
        return None

    def next_due(self) -> float | None:
        """Return when the next agent is due, None if no agent is scheduled."""
        return self._schedule[0][0] if self._schedule else None

    def schedule(self, agent: FleetAgent, due: float) -> None:
        """Schedule the next turn of an agent."""
        agent.due = due
        self._number += 1
        heapq.heappush(self._schedule, (due, self._number, agent))

    def wake(self, agent: FleetAgent) -> None:
        """Let a driver look at an agent out of turn, because the server sent it something."""
        self._woken.append(agent)

    def schedule_next(self, agent: FleetAgent, now: float) -> None:
        """Schedule the next turn of an agent after its interval."""
        interval = self.interval if agent.interval is None else agent.interval
        self.schedule(agent, now + interval * self._about_one())

    def back_off(self, agent: FleetAgent, now: float, wait: float | None, *, is_throttled: bool) -> float:
        """Schedule a retry after the ``wait`` that the server asked for, or after exponentially growing waits.

        Returns the seconds.
        """
        if wait is None:
            first = _FIRST_THROTTLED_BACKOFF if is_throttled else _FIRST_BACKOFF
            wait = min(_LONGEST_BACKOFF, first * 2 ** min(agent.failures, 16))
        agent.failures += 1
        # Never sooner than the server asked for.
        seconds = wait * (1 + _JITTER * self.random.random())
        self.schedule(agent, now + seconds)
        return seconds

    def lose_connections(self, now: float) -> int:
        """Let every enrolled agent report again at once, as after an outage; returns their number."""
        for agent in self.agents:
            agent.owes_report = agent.is_enrolled
        waiting = {id(entry[2]) for entry in self._schedule}
        self._schedule.clear()
        for agent in self.agents:
            is_silent = agent.is_enrolled and not agent.is_busy  # The server may have asked it not to send heartbeats.
            if id(agent) in waiting or is_silent:
                self.schedule(agent, now if agent.is_enrolled else agent.due)
        return sum(agent.owes_report for agent in self.agents)

    def give_own_uid(self, agent: FleetAgent) -> None:
        """Give an agent an instance_uid that it made itself, and reset its sequence numbers."""
        agent.uid = uuid6.uuid7().bytes
        agent.sequence_num = 0

    def _about_one(self) -> float:
        return 1 + _JITTER * (2 * self.random.random() - 1)
