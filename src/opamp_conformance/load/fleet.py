"""The agents of one process, in as few bytes as will do, and which of them is due when."""

import heapq
import random
from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import Any, Final

import uuid6

from opamp_conformance import messages
from opamp_conformance.agent import REQUEST_INSTANCE_UID, Agent, configuration
from opamp_conformance.load.behaviour import Behaviour
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
"""The share by which intervals and waits vary, so that agents do not fall into step."""
_FIRST_BACKOFF: Final = 1.0
_FIRST_THROTTLED_BACKOFF: Final = 30.0
"""The shortest wait that the specification recommends (Throttling)."""
_LONGEST_BACKOFF: Final = 300.0


class FleetAgent:
    """One agent. ``line`` is its own WebSocket, if it has one, and ``watcher`` tells when the server speaks on it.

    ``interval`` is one that the server has set; ``is_busy`` says that its answer is waited for.
    """

    __slots__ = (
        *("uid", "sequence_num", "due", "asks", "is_enrolled", "has_arrived", "owes_report"),
        *("failures", "interval", "line", "watcher", "is_busy"),
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
        self.line: Any = None
        self.watcher: Any = None
        self.is_busy = False


class Messages:
    """What agents say. All but instance_uid and sequence_num is the same for all, and is encoded once."""

    def __init__(self, run: str) -> None:
        agent = Agent(run, capabilities=CAPABILITIES)
        changed = agent.check_in()
        changed.effective_config.config_map.config_map[""].CopyFrom(configuration("receivers: {otlp: {}}"))
        self.enrollment = _rest(agent.full_status(flags=REQUEST_INSTANCE_UID))
        self.report = _rest(agent.full_status())
        self.check_in = _rest(agent.check_in())
        self.changes: Sequence[bytes] = (
            _rest(messages.degraded(agent)),
            _rest(messages.unhealthy(agent)),
            _rest(changed),
        )
        self.farewell = _rest(agent.disconnect())


def _rest(message: pb.AgentToServer) -> bytes:
    """Encode what follows instance_uid and sequence_num."""
    message.ClearField("instance_uid")
    message.ClearField("sequence_num")
    return message.SerializeToString()


def compose(agent: FleetAgent, rest: bytes) -> bytes:
    """Encode the next message of an agent: protobuf's fields simply follow each other."""
    agent.sequence_num = number = agent.sequence_num + 1
    if number < 128:
        return b"\n\x10%b\x10%c%b" % (agent.uid, number, rest)
    return b"\n\x10%b\x10%b%b" % (agent.uid, varint(number), rest)


class Fleet:
    """The share of a fleet that one process plays: each ``of``-th agent of ``agents``, from the ``index``-th on.

    Its time begins when it is started, as it takes a while to make.
    """

    def __init__(
        self,
        agents: int,
        behaviour: Behaviour,
        *,
        ramp: float = 0.0,
        interval: float = 30.0,
        seed: str | None = None,
        index: int = 0,
        of: int = 1,
    ) -> None:
        self.behaviour = behaviour
        self.interval = interval
        # Not for secrets: load that can be had again.
        self.random = random.Random(None if seed is None else f"{seed}/{index}")  # noqa: S311
        asks = behaviour.asks
        self.agents = [
            FleetAgent(ramp * number / agents, asks=asks >= 1 or self.random.random() < asks)
            for number in range(index, agents, of)
        ]
        # Sorted, and so a heap already.
        self._schedule = [(agent.due, number, agent) for number, agent in enumerate(self.agents)]
        self._number = len(self.agents)
        self._called: deque[FleetAgent] = deque()
        self._began = monotonic()

    def start(self) -> None:
        """Have its time begin now."""
        self._began = monotonic()

    def now(self) -> float:
        """Return the seconds since it was started."""
        return monotonic() - self._began

    def __len__(self) -> int:
        return len(self.agents)

    def called(self) -> FleetAgent | None:
        """Take an agent that something has happened to, if there is one. Its turn comes all the same."""
        return self._called.popleft() if self._called else None

    def take(self, now: float) -> FleetAgent | None:
        """Take the agent whose turn has come, if there is one; whoever takes it puts it back."""
        schedule = self._schedule
        if schedule and schedule[0][0] <= now:
            return heapq.heappop(schedule)[2]
        return None

    def next_due(self) -> float | None:
        """Return when the next agent is due, None if none ever will be."""
        return self._schedule[0][0] if self._schedule else None

    def put(self, agent: FleetAgent, due: float) -> None:
        """Have an agent's turn come at a time."""
        agent.due = due
        self._number += 1
        heapq.heappush(self._schedule, (due, self._number, agent))

    def call(self, agent: FleetAgent) -> None:
        """Have an agent looked after out of turn: something has happened to it."""
        self._called.append(agent)

    def put_next(self, agent: FleetAgent, now: float) -> None:
        """Have an agent's turn come after its interval."""
        interval = self.interval if agent.interval is None else agent.interval
        self.put(agent, now + interval * self._about_one())

    def put_off(self, agent: FleetAgent, now: float, wait: float | None, *, is_throttled: bool) -> float:
        """Have an agent try again after the ``wait`` it was asked for, or else after longer and longer ones.

        Returns the seconds.
        """
        if wait is None:
            first = _FIRST_THROTTLED_BACKOFF if is_throttled else _FIRST_BACKOFF
            wait = min(_LONGEST_BACKOFF, first * 2 ** min(agent.failures, 16))
        agent.failures += 1
        # Never sooner than it was asked for.
        seconds = wait * (1 + _JITTER * self.random.random())
        self.put(agent, now + seconds)
        return seconds

    def lose_connections(self, now: float) -> int:
        """Have every enrolled agent report again at once, as after an outage; returns how many they are."""
        for agent in self.agents:
            agent.owes_report = agent.is_enrolled
        waiting = {id(entry[2]) for entry in self._schedule}
        self._schedule.clear()
        for agent in self.agents:
            is_silent = agent.is_enrolled and not agent.is_busy  # The server may have told it to send no heartbeats.
            if id(agent) in waiting or is_silent:
                self.put(agent, now if agent.is_enrolled else agent.due)
        return sum(agent.owes_report for agent in self.agents)

    def name(self, agent: FleetAgent) -> None:
        """Give an agent an instance_uid of its own making, and let it count from the start."""
        agent.uid = uuid6.uuid7().bytes
        agent.sequence_num = 0

    def _about_one(self) -> float:
        return 1 + _JITTER * (2 * self.random.random() - 1)
