"""One message and what came of it: bytes, times, and the messages in them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Final

from google.protobuf.message import DecodeError

from opamp_conformance.errors import Breach, Unmet
from opamp_conformance.transports.http import Request, Response
from opamp_conformance.transports.websocket import HEADER, Frame, Received
from opamp_proto import opamp_pb2 as pb

_TOO_BUSY: Final = (429, 503)


@dataclass(frozen=True)
class Exchange:
    """What was sent, and either the answer or ``failure``, which says why none came. Times in seconds of the run.

    A message that the server sends of its own accord is the answer to the last one of its agent; ``is_push`` says so.
    ``close_code`` is that of the Close frame which came instead of an answer.
    """

    request: Request | Frame
    sent_at: float
    seconds: float
    response: Response | Received | None = None
    failure: str | None = None
    is_push: bool = False
    close_code: int | None = None

    @cached_property
    def message(self) -> pb.ServerToAgent | Breach:
        """The ServerToAgent of the answer, or what came instead."""
        expected = "a ServerToAgent"
        if self.response is None:
            return Breach(expected, self.failure or "no response")
        if self.is_refused_opening:
            return Breach("a WebSocket", str(self.response))
        try:
            message = pb.ServerToAgent.FromString(self.response.data)
        except (DecodeError, ValueError) as error:
            return Breach(expected, f"{self.response}: {str(error) or 'not protobuf'}")
        if not message.ListFields():  # An empty body decodes, but addresses nobody.
            return Breach(expected, str(self.response))
        return message

    @property
    def status(self) -> int | None:
        """The status of the HTTP response, None without one."""
        return self.response.status if isinstance(self.response, Response) else None

    @property
    def is_refused_opening(self) -> bool:
        """Whether an HTTP response came where a WebSocket was to open, whatever is in it."""
        return isinstance(self.request, Frame) and isinstance(self.response, Response)

    @property
    def is_answered(self) -> bool:
        """Whether an answer came with a body: a ServerToAgent, or something in place of one."""
        if self.is_refused_opening:
            return False
        if isinstance(self.response, Received):
            return len(self.response.body) > len(HEADER)
        return self.response is not None and len(self.response.body) > 0 and self.response.status < 400

    @property
    def is_silent(self) -> bool:
        """Whether an answer came that says nothing at all, and refuses nothing."""
        return self.response is not None and not self.is_answered and (self.status or 200) < 400

    @property
    def reply(self) -> pb.ServerToAgent:
        """The ServerToAgent of the answer; raises Unmet for what came instead."""
        message = self.message
        if isinstance(message, Breach):
            raise Unmet(self.broken_by_no_message, message)
        return message

    @property
    def broken_by_no_message(self) -> str:
        """The requirement that an answer breaks which is no ServerToAgent."""
        if not self.is_answered:
            return "response.must-respond"
        return "http.response-body" if isinstance(self.response, Response) else "ws.layout.server"

    @property
    def is_error(self) -> bool:
        """Whether a ServerToAgent came that is an error_response."""
        return not isinstance(self.message, Breach) and self.message.HasField("error_response")

    @property
    def is_throttled(self) -> bool:
        """Whether the server turned the request away by HTTP, as it is too busy (Throttling)."""
        return self.status in _TOO_BUSY

    @property
    def is_busy(self) -> bool:
        """Whether the server asks to send the same again later (Throttling)."""
        if self.is_throttled:
            return True
        message = self.message
        return not isinstance(message, Breach) and _is_unavailable(message) and self.retry_after is not None

    @property
    def retry_after(self) -> float | None:
        """How many seconds the server asks to wait, None if it does not say (Throttling)."""
        if isinstance(self.response, Response) and self.is_throttled:
            return _seconds_until(self.response.headers.get("retry-after", ""))
        message = self.message
        if isinstance(message, Breach) or not _is_unavailable(message):
            return None
        error = message.error_response
        return error.retry_info.retry_after_nanoseconds / 1e9 if error.HasField("retry_info") else None

    @property
    def new_instance_uid(self) -> bytes:
        """The new_instance_uid that the reply announces, empty if none."""
        return self.reply.agent_identification.new_instance_uid

    @property
    def instance_uid(self) -> bytes:
        """Who has sent the message, empty if it was no message."""
        return self.request.message.instance_uid if self.request.message else b""


def _is_unavailable(message: pb.ServerToAgent) -> bool:
    return message.error_response.type == pb.ServerErrorResponseType_Unavailable


def _seconds_until(retry_after: str) -> float | None:
    """Read a Retry-After header: seconds, or a date (RFC 9110, section 10.2.3)."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        date = parsedate_to_datetime(retry_after)
        return max(0.0, (date - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
