"""Deviations from Communication Model: missing transports, and replies without an instance_uid."""

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.core.core import Core, Outcome
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.transports.http_messages import Request, RequestHeaders, RequestRefusedError
from opamp_mock_server.transports.plain_http import HttpEndpoint
from opamp_mock_server.transports.websocket import WebSocketEndpoint
from opamp_proto import opamp_pb2 as pb


@breaks("transport.server-accepts-http")
class PlainHttpRefused(HttpEndpoint):
    """Plain HTTP requests are refused."""

    def check(self, request: Request, headers: RequestHeaders) -> None:
        raise RequestRefusedError(426, "this server supports only WebSocket", (b"upgrade", b"websocket"))


@breaks("transport.server-accepts-ws")
class WebSocketRefused(WebSocketEndpoint):
    """WebSocket handshakes are refused."""

    def check(self, request: Request, headers: RequestHeaders) -> None:
        raise RequestRefusedError(400, "this server does not support WebSocket")


@breaks("identification.every-message.server", also=["identification.s2a-matches", "identification.multiplex"])
class FirstReplyWithoutInstanceUid(Core):
    """The first reply to an agent has no instance_uid."""

    def enroll(self, message: pb.AgentToServer) -> Outcome:
        outcome = super().enroll(message)
        outcome.reply.ClearField("instance_uid")
        return outcome


@breaks(
    "identification.every-message.server:check-ins", also=["identification.multiplex", "identification.s2a-matches"]
)
class CheckInReplyWithoutInstanceUid(Core):
    """The reply to a check-in has capabilities instead of an instance_uid."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        outcome.reply.ClearField("instance_uid")
        outcome.reply.capabilities = self.announced()
        return outcome
