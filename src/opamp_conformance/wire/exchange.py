"""One request and its response: bytes, times, and the decoded messages."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Final

from google.protobuf.message import DecodeError

from opamp_conformance.errors import PreconditionFailedError, Violation
from opamp_conformance.wire.http import HttpRequest, HttpResponse
from opamp_conformance.wire.websocket import HEADER, ReceivedMessage, WebSocketMessage
from opamp_proto import opamp_pb2 as pb

_TOO_BUSY: Final = (429, 503)
# A proxy answers with these if the server behind it does not.
_BAD_GATEWAY: Final = (502, 504)
_ACKNOWLEDGEMENT: Final = ("instance_uid", "capabilities", "flags")

_LONGEST_WAIT: Final = 366 * 24 * 3600.0
"""Longer waits are as good as for ever, and clocks cannot count some of them."""


@dataclass(frozen=True, repr=False)  # asyncio makes the representation of each result, which costs as much as the rest.
class Exchange:
    """A request, and either the response or ``failure``, which says why none came. Times are in seconds of the run.

    An unsolicited message is recorded with the last request of its agent, and ``is_push`` set. ``unsolicited`` are the
    messages that arrived since the exchange before, and soon after an answer that lacked something. ``close_code`` is
    that of a Close frame that came instead of an answer.
    """

    request: HttpRequest | WebSocketMessage
    sent_at: float
    seconds: float
    response: HttpResponse | ReceivedMessage | None = None
    failure: str | None = None
    is_push: bool = False
    unsolicited: tuple[pb.ServerToAgent, ...] = ()
    close_code: int | None = None

    @property
    def message(self) -> pb.ServerToAgent | None:
        """The ServerToAgent that came, None if something else did, or nothing."""
        return self._decoded[0]

    @property
    def problem(self) -> Violation | None:
        """The description of a response that is not a ServerToAgent, None if one came."""
        return self._decoded[1]

    @cached_property
    def _decoded(self) -> tuple[pb.ServerToAgent, None] | tuple[None, Violation]:
        expected = "a ServerToAgent"
        if self.response is None:
            return None, Violation(expected, self.failure or "no response")
        if self.is_refused_opening:
            return None, Violation("a WebSocket", str(self.response))
        try:
            message = pb.ServerToAgent.FromString(self.response.data)
        except (DecodeError, ValueError):  # Their texts say no more.
            return None, Violation(expected, f"{self.response}, which cannot be decoded as protobuf")
        if not message.ListFields():  # An empty body decodes, but it is addressed to no agent.
            return None, Violation(expected, str(self.response))
        return message, None

    @property
    def connection_id(self) -> bytes | None:
        """The id of the WebSocket that carried the request, None over plain HTTP."""
        return self.request.connection_id if isinstance(self.request, WebSocketMessage) else None

    @property
    def is_acknowledgement(self) -> bool:
        """Whether the reply only acknowledges the message."""
        return self.message is not None and not fields_beyond_acknowledgement(self.message)

    @property
    def status(self) -> int | None:
        """The status of the HTTP response, None without one."""
        return self.response.status if isinstance(self.response, HttpResponse) else None

    @property
    def is_refused_opening(self) -> bool:
        """Whether an HTTP response came instead of a WebSocket, with any content."""
        return isinstance(self.request, WebSocketMessage) and isinstance(self.response, HttpResponse)

    @property
    def is_answered(self) -> bool:
        """Whether an answer came with a body: a ServerToAgent, or something else."""
        if self.is_refused_opening:
            return False
        if isinstance(self.response, ReceivedMessage):
            return len(self.response.body) > len(HEADER)
        return self.response is not None and len(self.response.body) > 0 and self.response.status < 400

    @property
    def is_silent(self) -> bool:
        """Whether an answer came that is empty and is not a refusal."""
        return self.response is not None and not self.is_answered and (self.status or 200) < 400

    @property
    def reply(self) -> pb.ServerToAgent:
        """The ServerToAgent that came; raises PreconditionFailedError if something else did, or nothing."""
        message, problem = self._decoded
        if message is None:
            raise PreconditionFailedError(self.broken_by_no_message, problem or "no reply")
        return message

    @property
    def everything(self) -> pb.ServerToAgent:
        """The fields of the reply, and of the unsolicited messages around it; raises PreconditionFailedError."""
        if not self.unsolicited:
            return self.reply
        merged = pb.ServerToAgent()
        for message in (*self.unsolicited, self.reply):
            merged.MergeFrom(message)
        for message in self.unsolicited:
            merged.flags |= message.flags
        return merged

    @property
    def broken_by_no_message(self) -> str:
        """The requirement that is broken if no ServerToAgent came."""
        if not self.is_answered:
            return "response.must-respond"
        return "http.response-body" if isinstance(self.response, HttpResponse) else "ws.layout.server"

    @property
    def is_error(self) -> bool:
        """Whether a ServerToAgent with an error_response came."""
        return self.message is not None and self.message.HasField("error_response")

    @property
    def is_lost(self) -> bool:
        """Whether the exchange shows no sign of the server: no answer, no Close frame, or the error of a proxy."""
        if self.response is None:
            return self.close_code is None and not self.is_push
        return self.status in _BAD_GATEWAY

    @property
    def is_refused(self) -> bool:
        """Whether the server refused the message, by an HTTP status or by an error_response."""
        return self.is_error or (self.status or 0) >= 400

    @property
    def is_throttled(self) -> bool:
        """Whether the server refused the request by an HTTP status because it is too busy (Throttling)."""
        return self.status in _TOO_BUSY

    @property
    def is_busy(self) -> bool:
        """Whether the server asks for a retry of the same message (Throttling)."""
        if self.is_throttled:
            return True
        message = self.message
        return message is not None and _is_unavailable(message) and self.retry_after is not None

    @property
    def is_unavailable(self) -> bool:
        """Whether the server is overloaded, and does not say when to retry (ServerErrorResponseType.Unavailable)."""
        message = self.message
        return not self.is_busy and message is not None and _is_unavailable(message)

    @property
    def retry_after(self) -> float | None:
        """The seconds that the server asks to wait, None if it names none (Throttling)."""
        if isinstance(self.response, HttpResponse) and self.is_throttled:
            return _seconds_until(self.response.headers.get("retry-after", ""))
        message = self.message
        if message is None or not _is_unavailable(message):
            return None
        error = message.error_response
        return error.retry_info.retry_after_nanoseconds / 1e9 if error.HasField("retry_info") else None

    @property
    def new_instance_uid(self) -> bytes:
        """The new_instance_uid that the server announces, empty if none; raises PreconditionFailedError."""
        return self.everything.agent_identification.new_instance_uid

    @property
    def instance_uid(self) -> bytes:
        """The instance_uid of the sender, empty if the request was not a message."""
        return self.request.message.instance_uid if self.request.message else b""


def fields_beyond_acknowledgement(message: pb.ServerToAgent) -> list[str]:
    """Return the names of the fields that a bare acknowledgement does not have."""
    return [field.name for field, _ in message.ListFields() if field.name not in _ACKNOWLEDGEMENT]


def _is_unavailable(message: pb.ServerToAgent) -> bool:
    return message.error_response.type == pb.ServerErrorResponseType_Unavailable


def _seconds_until(retry_after: str) -> float | None:
    """Read a Retry-After header: seconds, or a date (RFC 9110, section 10.2.3)."""
    if retry_after.isdecimal():
        return min(float(retry_after[:20]), _LONGEST_WAIT)
    try:
        date = parsedate_to_datetime(retry_after)
        return min(max(0.0, (date - datetime.now(UTC)).total_seconds()), _LONGEST_WAIT)
    except (TypeError, ValueError, OverflowError):
        return None


def error_name(kind: int) -> str:
    """Return the short name of a ServerErrorResponseType, such as BadRequest."""
    value = pb.ServerErrorResponseType.DESCRIPTOR.values_by_number.get(kind)
    return f"type {kind}" if value is None else value.name.rpartition("_")[2]
