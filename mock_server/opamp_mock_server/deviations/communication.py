"""Ways to break what the specification says of reaching a server."""

from opamp_mock_server.core import Core, Outcome
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.http import HttpEndpoint, Refused, RequestHeaders
from opamp_mock_server.records import AgentRecord
from opamp_mock_server.websocket import WebSocketEndpoint
from opamp_proto import opamp_pb2 as pb


@breaks("transport.server-accepts-http")
class WebSocketAlone(HttpEndpoint):
    """Plain HTTP is not served."""

    def check(self, path: str, method: str, headers: RequestHeaders) -> None:
        raise Refused(426, "only WebSockets here", (b"upgrade", b"websocket"))


@breaks("transport.server-accepts-ws")
class PlainHttpAlone(WebSocketEndpoint):
    """WebSockets are not served."""

    def check(self, path: str, headers: RequestHeaders) -> None:
        raise Refused(400, "no WebSockets here")


@breaks("identification.every-message.server", also=["identification.s2a-matches", "response.must-respond"])
class AnswersToNobody(Core):
    """Answers without anything to say but flags and capabilities carry no instance_uid."""

    def enroll(self, message: pb.AgentToServer) -> Outcome:
        return _to_nobody(super().enroll(message))

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        return _to_nobody(super().check_in(known, message))


def _to_nobody(outcome: Outcome) -> Outcome:
    outcome.reply.ClearField("instance_uid")
    return outcome
