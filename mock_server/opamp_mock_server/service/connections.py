"""The open WebSockets, and which agents use each of them."""

import asyncio
from collections.abc import Iterable
from typing import Protocol


class Connection(Protocol):
    """One WebSocket, for one or several agents. Hold the ``lock`` while you decide what to send on it.

    ``policy_id`` is that of the enrollment key it was opened with.
    """

    policy_id: str
    lock: asyncio.Lock

    async def send(self, data: bytes) -> None:
        """Send a serialized ServerToAgent."""

    async def close(self) -> None:
        """Close it with a Close frame."""


class Connections:
    """Knows which connection each agent uses."""

    def __init__(self) -> None:
        self._of_agent: dict[bytes, Connection] = {}
        self._agents: dict[Connection, set[bytes]] = {}

    def of(self, instance_uid: bytes) -> Connection | None:
        """Return the connection that an agent uses, None if it has none."""
        return self._of_agent.get(instance_uid)

    def bind(self, instance_uid: bytes, connection: Connection) -> None:
        """Note that an agent uses a connection."""
        if self._of_agent.get(instance_uid) is not connection:
            self.release(instance_uid)
            self._of_agent[instance_uid] = connection
            self._agents.setdefault(connection, set()).add(instance_uid)

    def release(self, instance_uid: bytes) -> None:
        """Note that an agent no longer uses its connection."""
        connection = self._of_agent.pop(instance_uid, None)
        if connection is not None:
            agents = self._agents[connection]
            agents.discard(instance_uid)
            if not agents:
                del self._agents[connection]

    def are_any(self) -> bool:
        """Return whether any agent has a connection."""
        return bool(self._of_agent)

    def agents_on(self, connection: Connection) -> Iterable[bytes]:
        """Return the instance_uids of the agents that use a connection."""
        return tuple(self._agents.get(connection, ()))
