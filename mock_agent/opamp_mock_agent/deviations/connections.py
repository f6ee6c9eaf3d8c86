"""Deviations of connections, heartbeats and polls."""

from collections.abc import Sequence

from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_agent.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb


@breaks("disconnect.http-send", needs="http")
class LeavesWithoutGoodbyeOverHttp(Behaviour):
    """The agent stops to poll without agent_disconnect."""

    says_goodbye_at_end = False


@breaks(
    "disconnect.last-message",
    also=("disconnect.ws-client-message-first", "duplicate.reconnect-order", "opamp-offer.client-disconnects"),
    needs="websocket",
)
class LeavesWithoutGoodbye(Behaviour):
    """The agent ends without agent_disconnect."""

    says_goodbye = False


@breaks(
    "disconnect.ws-client-close-frame",
    also=("duplicate.reconnect-order", "opamp-offer.client-disconnects"),
    needs="websocket",
)
class LeavesWithoutCloseFrame(Behaviour):
    """The agent ends its WebSocket without a Close frame."""

    sends_close_frame = False


@breaks(
    "connection.retry",
    also=(
        *("opamp-settings.certificate-used", "opamp-settings.headers-used", "opamp-offer.client-reconnects"),
        *("throttle.http-retry-after-time", "identification.stable", "offers.opamp-unset-keeps", "sequence.increment"),
        *("heartbeat.every-period", "identification.new-instance-uid.adopt"),
    ),
)
class EndsAfterLostConnection(Behaviour):
    """The agent ends when it cannot reach the server, or cannot read its answer."""

    survives_garbage = False

    def wait_before_retry(self, attempt: int) -> float:
        raise SystemExit(1)


@breaks("http.poll", also=("throttle.http-retry-after-time", "identification.stable"), needs="http")
class NeverPolls(Behaviour):
    """The agent sends nothing on its own, once it has reported."""

    sends_heartbeats = False


@breaks(
    "heartbeat.http-poll-interval",
    also=(
        *("opamp-settings.certificate-used", "opamp-settings.headers-used", "opamp-offer.client-reconnects"),
        *("http.poll.uses-heartbeat-interval", "heartbeat.instance-uid-set"),
    ),
    needs="http",
)
class PollsAtOwnInterval(Behaviour):
    """The agent polls every 30 seconds, whatever the server offers."""

    uses_offered_heartbeat = False


@breaks("duplicate.one-connection", also=("disconnect.ws-client-message-first",), needs="websocket")
class IdleConnection(Behaviour):
    """The agent has a second connection, on which it sends nothing."""

    connections = 2


@breaks("heartbeat.count-from-last-message", needs="websocket")
class CountsFromHeartbeat(Behaviour):
    """The agent counts the interval from its last heartbeat, and not from its last message."""

    counts_from_last_message = False


@breaks("heartbeat.count-from-last-message:first-interval", also=("opamp-offer.report-applied",))
class KeepsFirstInterval(Behaviour):
    """The agent keeps the first interval of heartbeats that it was offered."""

    _first = 0

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        opamp = message.connection_settings.opamp
        self._first = self._first or opamp.heartbeat_interval_seconds
        if opamp.heartbeat_interval_seconds:
            opamp.heartbeat_interval_seconds = self._first
        return message


@breaks(
    "heartbeat.use-offered-interval",
    also=("heartbeat.every-period", "heartbeat.zero-disables", "heartbeat.instance-uid-set"),
    needs="websocket",
)
class KeepsOwnInterval(Behaviour):
    """The agent sends heartbeats every 30 seconds, whatever the server offers."""

    uses_offered_heartbeat = False


@breaks("heartbeat.every-period:after-reconnect", needs="websocket")
class NoHeartbeatAfterLoss(Behaviour):
    """The agent sends no heartbeats once it has lost a connection."""

    sends_heartbeats_after_loss = False


@breaks("heartbeat.zero-disables", needs="websocket")
class NeverStopsHeartbeats(Behaviour):
    """The agent sends heartbeats even if the server has turned them off."""

    stops_heartbeats = False


@breaks(
    "heartbeat.instance-uid-set",
    also=("connection-status.last-hash", "identification.every-message.agent"),
    needs="websocket",
)
class HeartbeatWithoutUid(Behaviour):
    """A heartbeat has no instance_uid."""

    def outgoing(self, message: pb.AgentToServer, earlier: Sequence[pb.AgentToServer]) -> pb.AgentToServer:
        if len(message.ListFields()) <= 3 and not message.HasField("agent_disconnect"):
            message.ClearField("instance_uid")
        return message


@breaks("disconnect.ws-server-close.client-completes", also=("disconnect.ws-client-close-frame",), needs="websocket")
class IgnoresCloseFrame(Behaviour):
    """The agent does not answer the Close frame of the server."""

    answers_close_frame = False


@breaks("disconnect.last-message:after-reconnect", also=("disconnect.ws-client-message-first",), needs="websocket")
class SaysGoodbyeOnFirstConnectionOnly(Behaviour):
    """The agent leaves without agent_disconnect after it has lost a connection."""

    def settings_after_loss(self, given: pb.OpAMPConnectionSettings) -> pb.OpAMPConnectionSettings:
        self.says_goodbye = self.says_goodbye_at_end = False
        return given
