"""What a scenario lets the server answer or push."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from opamp_proto import opamp_pb2 as pb

ALL_CAPABILITIES: Final = sum(pb.ServerCapabilities.values())


@dataclass(frozen=True)
class Reply:
    """A ServerToAgent, to which the server adds the instance_uid of the agent and its own capabilities.

    ``delay_seconds`` is how late it is sent over HTTP, and ``is_compressed`` asks for gzip there, where the client can
    read it. ``header`` is that of a WebSocket message, and ``is_fragmented`` says that it has two frames.
    """

    message: pb.ServerToAgent
    is_compressed: bool = False
    delay_seconds: float = 0.0
    header: bytes = b"\0"
    is_fragmented: bool = False


@dataclass(frozen=True)
class RawBytes:
    """Bytes that are sent as they are: a whole body, or a whole WebSocket message with its header."""

    data: bytes


@dataclass(frozen=True)
class Refusal:
    """A status of HTTP, for a request or for the opening of a WebSocket.

    ``headers`` are made when it is sent, since a date in them counts from then.
    """

    status: int
    headers: Callable[[], Mapping[str, str]] = dict


@dataclass(frozen=True)
class Scripted:
    """An answer for the next message that it is meant for."""

    answer: Reply | RawBytes | Refusal
    is_meant_for: Callable[[pb.AgentToServer], bool] = lambda message: True
