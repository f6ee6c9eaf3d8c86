"""A small fleet of the load generator, which a test drives in its own thread, with a clock of its own."""

import ssl
import time
from collections import Counter
from typing import Any, ClassVar, Final

from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.connections import Destination
from opamp_conformance.load.counts import Counts
from opamp_conformance.load.driver import AgentDriver, LoadContext, close_connection
from opamp_conformance.load.fleet import Fleet, FleetAgent, Messages
from opamp_conformance.load.pace import Pace
from opamp_conformance.load.replies import ReplyInterpreter
from opamp_conformance.load.starts import along_ramp
from opamp_conformance.wire.transport import Transport

_WIDE: Final = Pace(shortest_interval=1.0, longest_wait=600.0)


class LoadHarness:
    """A fleet and its driver. The clock stands still, except that each turn begins when its agent is due.

    ``open`` are the harnesses to be closed at the end of the test. ``fired`` counts what Locust was told, by name;
    "!" counts the failures.
    """

    open: ClassVar[list["LoadHarness"]] = []

    def __init__(
        self,
        url: str,
        behaviour: Behaviour,
        agents: int = 1,
        transport: Transport = Transport.HTTP,
        timeout: float = 5,
        tls: ssl.SSLContext | None = None,
        pace: Pace = _WIDE,
    ) -> None:
        self.open.append(self)
        self.fired: Counter[str] = Counter()
        self.counts = Counts(started_at=time.time())
        self._now = 0.0
        self.fleet = Fleet(along_ramp(agents, 0.0), behaviour, interval=1000.0, seed="harness", clock=lambda: self._now)
        destination = Destination(url, {}, tls, timeout, transport)
        interpreter = ReplyInterpreter(Contract.FLEET, {})
        messages = Messages("harness")
        self.context = LoadContext(self.fleet, messages, destination, interpreter, self.counts, self._fire, pace)
        self._driver = AgentDriver(self.context)

    def _fire(self, *, name: str, exception: Exception | None, **_: Any) -> None:
        self.fired[name] += 1
        if exception is not None:
            self.fired["!"] += 1

    def take_turns(self, turns: int = 1) -> None:
        """Let agents take turns; the clock goes on to the time of each."""
        for _ in range(turns):
            self._now = max(self._now, self.fleet.next_due() or 0.0)
            assert self._driver.take_turn() == 0.0

    def look(self) -> None:
        """Let the driver attend to an agent that the server has sent something, if there is one."""
        self._driver.take_turn()

    def close(self) -> None:
        self._driver.close()
        for agent in self.fleet.agents:
            close_connection(agent)

    @property
    def agent(self) -> FleetAgent:
        return self.fleet.agents[0]

    def wait(self, agent: FleetAgent) -> float:
        """Return how many seconds from now an agent is due."""
        return agent.due - self.fleet.now()
