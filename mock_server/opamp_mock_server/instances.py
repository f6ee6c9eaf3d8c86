"""What several instances of the server in one process share, as they would behind a load balancer."""

from collections.abc import Callable

from opamp_mock_server.core import Core
from opamp_mock_server.stores import Backend


class Instances:
    """What instances share, a method a decision, so that a deviation changes one and nothing else."""

    def backend(self, first: Backend, another: Callable[[], Backend]) -> Backend:
        """Return the backend of another instance than the first: the same."""
        return first

    def core(self, core: type[Core]) -> type[Core]:
        """Return the core of another instance than the first: of the same kind."""
        return core
