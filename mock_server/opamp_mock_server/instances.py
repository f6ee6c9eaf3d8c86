"""The parts that several instances of the server share, behind a load balancer. All of them run in one process."""

from collections.abc import Callable

from opamp_mock_server.core.core import Core
from opamp_mock_server.stores.store import Backend


class Instances:
    """The parts that instances share. Each method is one decision, which a deviation can change."""

    def backend(self, first: Backend, another: Callable[[], Backend]) -> Backend:
        """Return the backend of another instance: that of the first."""
        return first

    def core(self, core: type[Core]) -> type[Core]:
        """Return the core class of another instance: that of the first."""
        return core
