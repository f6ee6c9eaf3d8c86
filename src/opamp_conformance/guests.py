"""The suite as a guest: which agents it left enrolled on the target, and which instance_uids it was given."""

from collections import Counter
from dataclasses import dataclass

from opamp_conformance.errors import Breach
from opamp_conformance.exchange import Exchange
from opamp_conformance.transports.websocket import Frame
from opamp_proto import opamp_pb2 as pb


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What a run leaves on the target: agents it knows, and how many of them could not be disconnected."""

    agents: int
    still_connected: int


class Guests:
    """Every agent that the target may know because of this run."""

    def __init__(self) -> None:
        self._last: dict[bytes, pb.AgentToServer] = {}
        # On which WebSocket each connected agent lives, None if on none.
        self._connected: dict[bytes, bytes | None] = {}
        self.handed_out: Counter[bytes] = Counter()

    def note(self, exchange: Exchange) -> None:
        """Take note of what one exchange changes."""
        sent, reply = exchange.request.message, exchange.message
        if sent is None or isinstance(reply, Breach) or reply.HasField("error_response") or exchange.is_push:
            return
        announced = reply.agent_identification.new_instance_uid
        instance_uid = announced or sent.instance_uid
        if announced:
            self.handed_out[announced] += 1
        elif sent.HasField("agent_disconnect"):
            self._connected.pop(instance_uid, None)
            return
        self._last[instance_uid] = sent
        self._connected[instance_uid] = exchange.request.lane if isinstance(exchange.request, Frame) else None

    def closed(self, lane: bytes) -> None:
        """Take note that a WebSocket is closed: whoever lived on it is disconnected."""
        self._connected = {agent: on for agent, on in self._connected.items() if on != lane}

    def farewells(self, lane: bytes | None = None) -> list[pb.AgentToServer]:
        """Compose an agent_disconnect for every agent that has sent none, on a WebSocket or on none."""
        return [self._farewell(agent) for agent, on in self._connected.items() if on == lane]

    def left_behind(self) -> LeftBehind:
        return LeftBehind(len(self._last), len(self._connected))

    def _farewell(self, instance_uid: bytes) -> pb.AgentToServer:
        last = self._last[instance_uid]
        message = pb.AgentToServer(
            instance_uid=instance_uid, sequence_num=last.sequence_num + 1, capabilities=last.capabilities
        )
        message.agent_disconnect.SetInParent()
        return message
