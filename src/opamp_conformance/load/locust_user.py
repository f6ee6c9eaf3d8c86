"""The users of Locust that drive the agents of a fleet. Each user drives many agents."""

import inspect
from pathlib import Path
from typing import Any, ClassVar

import gevent
from locust import User, constant, task
from locust.exception import StopUser

from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.locust_session import LoadSession

_TURNS: int = 100
"""How many turns make one task of Locust: it looks only between tasks whether the user has to stop."""
_MAX_PAUSE_SECONDS = 0.1


class FleetUser(User):
    """Drives the agents that are due, one message after the other. A subclass defines their behaviour.

    Over plain HTTP, its agents share one connection; over WebSocket, each agent has its own.
    """

    abstract = True
    wait_time = constant(0)
    behaviour: ClassVar[Behaviour]
    session: ClassVar[LoadSession]

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if "behaviour" in vars(cls):
            cls.session = LoadSession(cls.behaviour, Path(inspect.getfile(cls)).stem)

    def on_start(self) -> None:
        self._driver = self.session.driver()

    def on_stop(self) -> None:
        if self._driver is not None:
            self._driver.close()

    @task
    def take_turns(self) -> None:
        """Take some turns."""
        if self._driver is None:
            raise StopUser
        for _ in range(_TURNS):
            pause = self._driver.take_turn()
            if pause > 0:
                gevent.sleep(min(pause, _MAX_PAUSE_SECONDS))
                return
