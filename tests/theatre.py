"""A small fleet of the load generator, played in the thread of a test."""

import ssl
import time
from collections import Counter
from typing import Any, ClassVar

from opamp_conformance.ledger import Contract
from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.counts import Counts
from opamp_conformance.load.fleet import Fleet, FleetAgent, Messages
from opamp_conformance.load.hearing import Hearing
from opamp_conformance.load.lines import Destination
from opamp_conformance.load.player import Player, Stage, hang_up
from opamp_conformance.transports import Transport


class Theatre:
    """A small fleet on a stage, played in the test's own thread. What is ``open`` is closed at the end of the test."""

    open: ClassVar[list["Theatre"]] = []

    def __init__(
        self,
        url: str,
        behaviour: Behaviour,
        agents: int = 1,
        transport: Transport = Transport.HTTP,
        timeout: float = 5,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.open.append(self)
        self.fired: Counter[str] = Counter()
        self.counts = Counts(started_at=time.time())
        self.fleet = Fleet(agents, behaviour, interval=1000.0, seed="theatre")
        destination = Destination(url, {}, tls, timeout, transport)
        self.stage = Stage(
            self.fleet, Messages("theatre"), destination, Hearing(Contract.FLEET, {}), self.counts, self._fire
        )
        self.player = Player(self.stage)

    def _fire(self, *, name: str, exception: Exception | None, **_: Any) -> None:
        self.fired[name] += 1
        if exception is not None:
            self.fired["!"] += 1

    def play(self, turns: int = 1) -> None:
        """Play turns, each as if it were due now."""
        for _ in range(turns):
            if self.fleet._schedule and not self.fleet._called:
                due, number, agent = self.fleet._schedule[0]
                agent.due = min(due, self.fleet.now())
                self.fleet._schedule[0] = (agent.due, number, agent)
            assert self.player.play() == 0.0

    def close(self) -> None:
        self.player.close()
        for agent in self.fleet.agents:
            hang_up(agent)

    @property
    def agent(self) -> FleetAgent:
        return self.fleet.agents[0]

    def wait(self, agent: FleetAgent) -> float:
        """Return how many seconds from now an agent is due."""
        return agent.due - self.fleet.now()
