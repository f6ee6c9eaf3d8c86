"""Locust's side of a fleet: users that play its agents, many by each."""

import inspect
from pathlib import Path
from typing import Any, ClassVar

import gevent
from locust import User, constant, task
from locust.exception import StopUser

from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.session import Session

_TURNS: int = 100
"""How many turns are one of Locust's tasks: it looks only between them whether the user is to stop."""
_LONGEST_NAP = 0.1


class FleetUser(User):
    """Plays whichever agent is due, one message after the other. A subclass says what the agents do.

    Over plain HTTP its agents share one connection; over WebSocket each has its own.
    """

    abstract = True
    wait_time = constant(0)
    behaviour: ClassVar[Behaviour]
    session: ClassVar[Session]

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if "behaviour" in vars(cls):
            cls.session = Session(cls.behaviour, Path(inspect.getfile(cls)).stem)

    def on_start(self) -> None:
        self._player = self.session.player()

    def on_stop(self) -> None:
        if self._player is not None:
            self._player.close()

    @task
    def play(self) -> None:
        """Play some turns."""
        if self._player is None:
            raise StopUser
        for _ in range(_TURNS):
            nap = self._player.play()
            if nap > 0:
                gevent.sleep(min(nap, _LONGEST_NAP))
                return
