"""Ways to break what the specification says of connections."""

from typing import Any

from opamp_mock_server.core import Core, Outcome
from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.transports.http_connection import WebSocketProtocol
from opamp_mock_server.transports.http_messages import Request, RequestHeaders
from opamp_mock_server.transports.plain_http import HttpEndpoint
from opamp_proto import opamp_pb2 as pb


@breaks("disconnect.server-forgets-instance")
class DisconnectedStayConnected(Core):
    """An agent that has sent agent_disconnect is still taken for connected."""

    def disconnect(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        outcome = super().disconnect(known, message)
        return outcome._replace(put=tuple(record._replace(connected=True) for record in outcome.put))


@breaks("disconnect.server-forgets-on-close")
class ClosedStayConnected(Core):
    """An agent whose WebSocket has ended is still taken for connected."""

    def after_connection_end(self, known: AgentRecord) -> AgentRecord:
        return known


@breaks("heartbeat.any-message-counts")
class OnlyReportsCount(Core):
    """An agent that has left is connected again only once it describes itself."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        if message.HasField("agent_description"):
            return outcome
        return outcome._replace(put=tuple(r._replace(connected=known.connected) for r in outcome.put))


@breaks("duplicate.server-detects", also=["duplicate.server-new-uid"])
class DuplicatesUnnoticed(Core):
    """Agents of one instance_uid on several WebSockets are taken for one."""

    def must_change_instance_uid(self, message: pb.AgentToServer) -> bool:
        return False


@breaks("duplicate.server-new-uid")
class DuplicatesTurnedAway(Core):
    """An agent whose instance_uid lives on another WebSocket is turned away."""

    def answer(self, known: AgentRecord | None, message: pb.AgentToServer, *others, **situation) -> Outcome:  # type: ignore[no-untyped-def]
        if situation.get("is_connected_elsewhere") and not self.asks_for_instance_uid(message):
            return Outcome(self.error(message.instance_uid, pb.ServerErrorResponseType_Unknown, "there is one already"))
        return super().answer(known, message, *others, **situation)


@breaks("disconnect.http-keepalive-neutral")
class KeepAliveNeeded(HttpEndpoint):
    """A request that ends its connection is not served."""

    def check(self, request: Request, headers: RequestHeaders) -> None:
        if (b"connection", b"close") in request.headers:
            request = request._replace(path="/nowhere")
        super().check(request, headers)


@breaks("disconnect.ws-server-close-frame")
class EndsWithoutClose(WebSocketProtocol):
    """The server ends a WebSocket without a Close frame."""

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.close":
            self.transport.close()
        else:
            await super().send(message)
