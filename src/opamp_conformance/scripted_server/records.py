"""What happens between an agent and the scripted server, in its order. Times are in seconds of the monotonic clock."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from opamp_conformance.scripted_server.replies import RawBytes, Refusal, Reply
from opamp_conformance.wire.transport import Transport
from opamp_proto import opamp_pb2 as pb


@dataclass(frozen=True, slots=True)
class Record:
    """Something that happened on a connection. Requests over HTTP have an id each."""

    at: float
    connection: int


@dataclass(frozen=True, slots=True)
class Opened(Record):
    """An agent has opened a WebSocket, or has tried to; ``status`` is the answer. Header names are in lower case."""

    path: str
    headers: Mapping[str, str]
    status: int
    is_tls: bool


@dataclass(frozen=True, slots=True)
class TlsBegun(Record):
    """A connection to an endpoint over TLS has begun. Its handshake may fail yet."""


@dataclass(frozen=True, slots=True)
class MessageReceived(Record):
    """A message of the agent; ``message`` is None if it cannot be decoded. ``data`` has a WebSocket's header.

    ``certificate`` is the client certificate that the agent has shown, in DER; it is empty without one.
    ``through_proxy`` says that the connection came through the proxy of the scripted server.
    """

    transport: Transport
    path: str
    headers: Mapping[str, str]
    message: pb.AgentToServer | None
    data: bytes
    is_tls: bool
    certificate: bytes = b""
    through_proxy: bool = False


@dataclass(frozen=True, slots=True)
class ReplySent(Record):
    """Something that the server has sent: ``message`` if it is one, else ``data`` or only a status.

    ``answer`` is what the scenario, or the server itself, has asked for.
    """

    answer: Reply | RawBytes | Refusal
    message: pb.ServerToAgent | None
    data: bytes
    status: int | None = None


@dataclass(frozen=True, slots=True)
class ConnectionEnded(Record):
    """A WebSocket has ended. ``close_code`` is what the agent's Close frame has, None without one."""

    by_agent: bool
    close_code: int | None


@dataclass(frozen=True, slots=True)
class PongReceived(Record):
    """The agent has answered a ping."""


@dataclass(frozen=True, slots=True)
class OtherRequest(Record):
    """A request for something else than OpAMP: a download, or telemetry of the agent."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    certificate: bytes = b""


@dataclass(frozen=True, slots=True)
class ProxyUsed(Record):
    """The agent has asked the proxy for a connection to ``target``, by the method CONNECT."""

    target: str
    headers: Mapping[str, str]


R = TypeVar("R", bound=Record)


class Records:
    """All records of a server. One thread adds them, others wait for them."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._changed = threading.Condition()

    def add(self, record: Record) -> None:
        with self._changed:
            self._records.append(record)
            self._changed.notify_all()

    def position(self) -> int:
        """Return the number of records so far: what comes later begins there."""
        with self._changed:
            return len(self._records)

    def of(self, kind: type[R], after: int = 0) -> list[R]:
        """Return the records of one kind from a position on."""
        with self._changed:
            return [record for record in self._records[after:] if isinstance(record, kind)]

    def all(self, after: int = 0) -> list[Record]:
        with self._changed:
            return self._records[after:]

    def wait_for(
        self, kind: type[R], seconds: float, after: int, wanted: Callable[[R], bool] = lambda record: True
    ) -> tuple[R, int] | None:
        """Wait for the first wanted record of a kind; return it and the position behind it, None if none came."""
        deadline, seen = time.monotonic() + seconds, after
        with self._changed:
            while True:
                while seen < len(self._records):
                    record = self._records[seen]
                    seen += 1
                    if isinstance(record, kind) and wanted(record):
                        return record, seen
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    return None
