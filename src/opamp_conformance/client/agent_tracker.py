"""The agents that this run created on the target. It disconnects them at its end."""

from collections import Counter
from dataclasses import dataclass

from opamp_conformance.wire.exchange import Exchange
from opamp_proto import opamp_pb2 as pb


@dataclass(frozen=True, slots=True)
class CleanupReport:
    """How many agents a run created on the target, and how many of them are still connected."""

    agents: int
    still_connected: int


class AgentTracker:
    """Every agent that the target may know because of this run."""

    def __init__(self) -> None:
        self._last: dict[bytes, pb.AgentToServer] = {}
        # The id of the WebSocket of each connected agent, None over plain HTTP.
        self._connected: dict[bytes, bytes | None] = {}
        # An agent that adopts a new_instance_uid stays on the WebSocket that it was announced on.
        self._connections: dict[bytes, bytes] = {}
        self.handed_out: Counter[bytes] = Counter()
        """How often the target announced each new_instance_uid."""

    def connection_of(self, instance_uid: bytes) -> bytes:
        """Return the id of the WebSocket that an agent uses: its instance_uid, unless it adopted a new one."""
        return self._connections.get(instance_uid, instance_uid)

    def record(self, exchange: Exchange) -> None:
        """Process the changes of one exchange."""
        sent, reply = exchange.request.message, exchange.message
        if reply is None:
            return
        announced = reply.agent_identification.new_instance_uid
        if announced and exchange.connection_id is not None:
            self._connections[announced] = exchange.connection_id
        if sent is None or reply.HasField("error_response") or exchange.is_push:
            return
        instance_uid = announced or sent.instance_uid
        if announced:
            self.handed_out[announced] += 1
        elif sent.HasField("agent_disconnect"):
            self._connected.pop(instance_uid, None)
            return
        self._last[instance_uid] = sent
        self._connected[instance_uid] = exchange.connection_id

    def has_left(self, exchange: Exchange) -> bool:
        """Return whether an exchange disconnected the last agent of its WebSocket."""
        sent, reply = exchange.request.message, exchange.message
        is_disconnect = sent is not None and sent.HasField("agent_disconnect")
        is_accepted = reply is not None and not reply.HasField("error_response")
        return is_disconnect and is_accepted and exchange.connection_id not in self._connected.values()

    def connection_closed(self, connection_id: bytes) -> None:
        """Note that a WebSocket is closed, which disconnects its agents."""
        self._connected = {agent: own for agent, own in self._connected.items() if own != connection_id}

    def forget_connections(self) -> None:
        """Note that all WebSockets are closed: an agent that sends another message opens a new one."""
        self._connections.clear()

    def disconnects(self, connection_id: bytes | None = None) -> list[pb.AgentToServer]:
        """Compose agent_disconnect for each connected agent of a WebSocket, or of plain HTTP if None."""
        return [self._disconnect(agent) for agent, own in self._connected.items() if own == connection_id]

    def report(self) -> CleanupReport:
        """Count the agents so far."""
        return CleanupReport(len(self._last), len(self._connected))

    def _disconnect(self, instance_uid: bytes) -> pb.AgentToServer:
        last = self._last[instance_uid]
        message = pb.AgentToServer(
            instance_uid=instance_uid, sequence_num=last.sequence_num + 1, capabilities=last.capabilities
        )
        message.agent_disconnect.SetInParent()
        return message
