"""Deviations of the two transports."""

from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_agent.deviations.registry import breaks


@breaks("http.reads-announced-encoding", also=("flags.report-full-state.agent",), needs="http")
class CannotReadGzip(Behaviour):
    """The agent says that it reads gzip, and cannot."""

    decompresses = False


@breaks("ws.empty-data-valid", also=("disconnect.ws-client-message-first",), needs="websocket")
class DislikesEmptyMessages(Behaviour):
    """The agent ends its WebSocket at a message without any field."""

    accepts_empty_messages = False


@breaks("ws.roles:ping", needs="websocket")
class IgnoresPings(Behaviour):
    """The agent does not answer a ping."""

    answers_pings = False


@breaks("ws.roles:fragments", also=("flags.report-full-state.agent",), needs="websocket")
class DropsFragments(Behaviour):
    """The agent drops messages in fragments."""

    reads_fragments = False


@breaks("ws.header.nonzero-malformed.agent", needs="websocket")
class IgnoresHeader(Behaviour):
    """The agent does not look at the header."""

    checks_header = False


@breaks("ws.header.zero.agent", needs="websocket")
class WrongHeader(Behaviour):
    """The agent sends the header 1."""

    def websocket_message(self, data: bytes) -> bytes | str:
        return b"\x01" + data[1:]


@breaks("http.content-type", needs="http")
class WrongContentType(Behaviour):
    """The agent sends the content type of JSON."""

    def http_headers(self, headers: dict[str, str]) -> dict[str, str]:
        return headers | {"Content-Type": "application/json"}


@breaks("http.instance-uid-header", needs="http")
class NoUidHeader(Behaviour):
    """The agent sends no header OpAMP-Instance-UID."""

    def http_headers(self, headers: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in headers.items() if name != "OpAMP-Instance-UID"}


@breaks(
    "http.one-request-in-flight",
    also=("sequence.increment", "throttle.http-retry-after-time", "connection.backoff-jitter"),
    needs="http",
)
class DoesNotWait(Behaviour):
    """The agent sends its next request without waiting for the response."""

    waits_for_response = False


@breaks("size.http.client-no-retry", needs="http")
class RepeatsTooLarge(Behaviour):
    """The agent sends a request again that got the status 413."""

    repeats_too_large = True
