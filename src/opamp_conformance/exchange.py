"""One request and what came of it: bytes, headers, times, and the messages in them."""

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from google.protobuf.message import DecodeError

from opamp_conformance.errors import Breach, Unmet
from opamp_proto import CONTENT_TYPE
from opamp_proto import opamp_pb2 as pb

GZIP = "gzip"
DEFAULT_RETRY_SECONDS: Final = 1.0
"""The wait after a 429 or 503 that does not say how long."""
MAX_RESPONSE_BYTES: Final = 16 * 1024 * 1024
"""A longer response counts as endless, also once decompressed."""


@dataclass(frozen=True)
class Request:
    """One HTTP request. ``message`` is what the body encodes, None if it encodes no message on purpose."""

    body: bytes
    message: pb.AgentToServer | None = None
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": CONTENT_TYPE})
    authorized: bool = True

    @classmethod
    def of(cls, message: pb.AgentToServer) -> "Request":
        """Make the ordinary request that delivers a message."""
        return cls(message.SerializeToString(), message)

    def compressed(self) -> "Request":
        """Return the same request with its body compressed."""
        return self.with_body(gzip.compress(self.body), {"Content-Encoding": GZIP})

    def with_body(self, body: bytes, headers: Mapping[str, str] | None = None) -> "Request":
        """Return the request with another encoding of its message, and headers that say so."""
        return Request(body, self.message, self.method, {**self.headers, **(headers or {})}, self.authorized)

    def with_headers(self, headers: Mapping[str, str | None], *, authorized: bool = True) -> "Request":
        """Return the request with other headers; None takes one away. Unauthorized, it shows no credentials."""
        merged: dict[str, str | None] = {**self.headers, **headers}
        kept = {name: value for name, value in merged.items() if value is not None}
        return Request(self.body, self.message, self.method, kept, authorized)

    def malformed(self, body: bytes, headers: Mapping[str, str] | None = None) -> "Request":
        """Return a request whose body is no message at all."""
        return Request(body, None, self.method, {**self.headers, **(headers or {})}, self.authorized)


@dataclass(frozen=True)
class Response:
    """One HTTP response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def data(self) -> bytes:
        """The body without its content encoding; raises ValueError if it is broken."""
        if not self.is_compressed:
            return self.body
        stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            data = stream.decompress(self.body, MAX_RESPONSE_BYTES + 1)
        except zlib.error as error:
            raise ValueError(f"the response is not the gzip that its Content-Encoding says: {error}") from error
        if len(data) > MAX_RESPONSE_BYTES:
            raise ValueError(f"the response has more than {MAX_RESPONSE_BYTES} bytes once decompressed")
        if not stream.eof:
            raise ValueError("the gzip response is cut short")
        return data

    @property
    def is_compressed(self) -> bool:
        return self.headers.get("content-encoding", "").lower() == GZIP

    def __str__(self) -> str:
        content_type = self.headers.get("content-type", "no content type")
        return f"the status {self.status} with a body of {len(self.body)} bytes ({content_type})"


@dataclass(frozen=True)
class Exchange:
    """A request, and either the response or ``failure``, which says why none came. Times in seconds of the run."""

    request: Request
    sent_at: float
    seconds: float
    response: Response | None = None
    failure: str | None = None

    @cached_property
    def message(self) -> pb.ServerToAgent | Breach:
        """The ServerToAgent of the response, or what came instead."""
        expected = "a ServerToAgent"
        if self.response is None:
            return Breach(expected, self.failure or "no response")
        try:
            data = self.response.data
            message = pb.ServerToAgent.FromString(data)
        except (DecodeError, ValueError) as error:
            return Breach(expected, f"{self.response}: {str(error) or 'not protobuf'}")
        if not message.ListFields():  # An empty body decodes, but addresses nobody.
            return Breach(expected, str(self.response))
        return message

    @property
    def is_answered(self) -> bool:
        """Whether a successful response came with a body: a ServerToAgent, or something in place of one."""
        return self.response is not None and len(self.response.body) > 0 and self.response.status < 400

    @property
    def reply(self) -> pb.ServerToAgent:
        """The ServerToAgent of the response; raises Unmet for what came instead."""
        message = self.message
        if isinstance(message, Breach):
            raise Unmet("http.response-body" if self.is_answered else "response.must-respond", message)
        return message

    @property
    def retry_after(self) -> float | None:
        """How many seconds the server asks to wait before the same is sent again, None if it does not (Throttling)."""
        if self.response is not None and self.response.status in (429, 503):
            seconds = self.response.headers.get("retry-after", "")
            return float(seconds) if seconds.isdecimal() else DEFAULT_RETRY_SECONDS
        message = self.message
        if isinstance(message, Breach) or message.error_response.type != pb.ServerErrorResponseType_Unavailable:
            return None
        error = message.error_response
        return error.retry_info.retry_after_nanoseconds / 1e9 if error.HasField("retry_info") else None

    @property
    def new_instance_uid(self) -> bytes:
        """The new_instance_uid that the reply announces, empty if none."""
        return self.reply.agent_identification.new_instance_uid
