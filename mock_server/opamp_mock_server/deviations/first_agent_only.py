"""A WebSocket on which only the first agent gets everything, for deviations of several chapters."""

from opamp_mock_server.transports.websocket import WebSocketConnection
from opamp_proto import opamp_pb2 as pb


class FirstAgentOnlyConnection(WebSocketConnection):
    """Leaves a field out of the first message to each agent but the first one of a WebSocket."""

    field: str
    _seen: frozenset[bytes] = frozenset()

    def message(self, data: bytes) -> bytes | str:
        reply = pb.ServerToAgent.FromString(data)
        is_late = bool(self._seen) and reply.instance_uid not in self._seen
        self._seen |= {reply.instance_uid}
        if is_late and reply.HasField(self.field):
            reply.ClearField(self.field)
            data = reply.SerializeToString()
        return super().message(data)
