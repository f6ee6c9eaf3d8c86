"""Deviations from connection management: disconnects, duplicate connections, and the end of connections."""

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.core.core import Core, Outcome
from opamp_mock_server.deviations.first_agent_only import FirstAgentOnlyConnection
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.transports.http_messages import Request, RequestHeaders
from opamp_mock_server.transports.plain_http import HttpEndpoint
from opamp_mock_server.transports.websocket import Socket, WebSocketConnection, WebSocketEndpoint
from opamp_mock_server.transports.websocket_protocol import WebSocketProtocol
from opamp_proto import opamp_pb2 as pb


@breaks("disconnect.server-forgets-instance")
class ConnectedAfterDisconnect(Core):
    """An agent that has sent agent_disconnect still counts as connected."""

    def disconnect(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        outcome = super().disconnect(known, message)
        return outcome._replace(put=tuple(record._replace(connected=True) for record in outcome.put))


@breaks("disconnect.server-forgets-on-close")
class ConnectedAfterClose(Core):
    """An agent whose WebSocket has ended still counts as connected."""

    def after_connection_end(self, known: AgentRecord) -> AgentRecord:
        return known


@breaks("heartbeat.any-message-counts")
class DisconnectedUntilDescription(Core):
    """A disconnected agent counts as connected again only when it sends its description."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        if message.HasField("agent_description"):
            return outcome
        return outcome._replace(put=tuple(r._replace(connected=known.connected) for r in outcome.put))


@breaks("duplicate.server-detects", also=["duplicate.server-new-uid"])
class DuplicatesNotDetected(Core):
    """Several WebSockets that use one instance_uid are treated as one agent."""

    def must_change_instance_uid(self, message: pb.AgentToServer) -> bool:
        return False


@breaks("duplicate.server-new-uid")
class DuplicatesRefused(Core):
    """An agent whose instance_uid is in use on another WebSocket gets an error instead of a new_instance_uid."""

    def answer(self, known: AgentRecord | None, message: pb.AgentToServer, *others, **situation) -> Outcome:  # type: ignore[no-untyped-def]
        if situation.get("is_connected_elsewhere") and not self.asks_for_instance_uid(message):
            problem = "the instance_uid is in use on another WebSocket"
            return Outcome(self.error(message.instance_uid, pb.ServerErrorResponseType_Unknown, problem))
        return super().answer(known, message, *others, **situation)


@breaks("disconnect.http-keepalive-neutral")
class ConnectionCloseRefused(HttpEndpoint):
    """A plain HTTP request with the header "Connection: close" is refused."""

    def check(self, request: Request, headers: RequestHeaders) -> None:
        if (b"connection", b"close") in request.headers:
            request = request._replace(path="/nowhere")
        super().check(request, headers)


@breaks("disconnect.ws-server-close-frame")
class NoCloseFrame(WebSocketProtocol):
    """The server closes a WebSocket without a Close frame."""

    def close(self, code: int) -> None:
        self.loop.call_soon(self.transport.close)


@breaks("disconnect.server-forgets-on-close:first-only")
class OnlySomeAgentsForgotten(Core):
    """After the end of a WebSocket, every second agent still counts as connected."""

    _ended = 0

    def after_connection_end(self, known: AgentRecord) -> AgentRecord:
        self._ended += 1
        return super().after_connection_end(known) if self._ended % 2 else known


@breaks("disconnect.server-forgets-instance:returned", also=["disconnect.server-forgets-on-close"])
class ReturnedAgentIsDuplicate(Core):
    """An agent that comes back after it was disconnected is treated as a duplicate of itself."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        if not known.connected and message.HasField("agent_description"):
            return self.enroll_under_new_instance_uid(message)
        return super().check_in(known, message)


@breaks("heartbeat.only-instance-uid")
class CapabilitiesRequired(Core):
    """A message without capabilities is rejected as malformed."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        return super().malformed(message) if message.capabilities else "capabilities are missing"


@breaks("duplicate.server-detects:check-in")
class OnlyDescribedDuplicatesDetected(Core):
    """A duplicate is detected only by a message with a description."""

    def must_change_instance_uid(self, message: pb.AgentToServer) -> bool:
        return message.HasField("agent_description")


class _FirstIdentificationConnection(FirstAgentOnlyConnection):
    field = "agent_identification"


@breaks("duplicate.server-detects:shared")
class FirstAgentDetectedOnly(WebSocketEndpoint):
    """Of the agents of a WebSocket, only the first one can be detected as a clone."""

    def connection(self, socket: Socket) -> WebSocketConnection:
        return _FirstIdentificationConnection(socket)
