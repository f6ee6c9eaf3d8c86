"""Several instances of the server in one process, as they would be behind a load balancer."""

from collections.abc import Callable
from typing import Any

from opamp_mock_server.application import Application
from opamp_mock_server.core import Core
from opamp_mock_server.http import Answer, Request
from opamp_mock_server.stores import Backend
from opamp_mock_server.websocket import Receive, Scope, Send


class Instances:
    """What instances share, a method a decision, so that a deviation changes one and nothing else."""

    def backend(self, first: Backend, another: Callable[[], Backend]) -> Backend:
        """Return the backend of another instance than the first: the same."""
        return first

    def core(self, core: type[Core]) -> type[Core]:
        """Return the core of another instance than the first: of the same kind."""
        return core


class ByPort:
    """Hands everything to the instance at whose port it comes in; the first one minds the backend."""

    def __init__(self, applications: dict[int, Application]) -> None:
        self._applications = applications
        self._first = next(iter(applications.values()))

    def at(self, port: int) -> Callable[[Request], Answer]:
        """Return what takes the requests that come in at a port to what answers them."""
        return self._applications.get(port, self._first).open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        server: Any = scope.get("server") or (None, None)
        await self._applications.get(server[1], self._first)(scope, receive, send)
