"""What happens between agents and a server, as far as the checks need it. Times are in seconds of any clock."""

from collections.abc import Callable
from dataclasses import dataclass

from opamp_proto import opamp_pb2 as pb


@dataclass(frozen=True, slots=True)
class HttpRequestFacts:
    """What the head of an HTTP request says. Values are as they came, None without the header."""

    method: str
    content_type: str | None = None
    instance_uid: str | None = None


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Received:
    """A message of an agent has arrived, on a connection with an id.

    ``data`` is the whole body without its content encoding, or the whole WebSocket message with its header. ``message``
    is what it encodes, None if it cannot be decoded. ``http`` is None over WebSocket, and ``is_text`` says that the
    WebSocket message was a text. ``is_awaited`` returns whether the client still waits for the response over HTTP; it
    does not after the end of its connection.
    """

    at: float
    connection: int
    data: bytes
    message: pb.AgentToServer | None
    http: HttpRequestFacts | None = None
    is_text: bool = False
    is_awaited: Callable[[], bool] = _always


@dataclass(frozen=True, slots=True)
class Sent:
    """The server has sent something on a connection: a message, or only a status of HTTP.

    ``retry_after`` is the wait in seconds that a status asks for. ``is_answer`` says that it ends a request.
    """

    at: float
    connection: int
    message: pb.ServerToAgent | None
    status: int | None = None
    retry_after: float | None = None
    is_answer: bool = True


@dataclass(frozen=True, slots=True)
class Closed:
    """A WebSocket has ended: whether the agent began that, and whether it sent a Close frame."""

    at: float
    connection: int
    by_agent: bool
    has_close_frame: bool
