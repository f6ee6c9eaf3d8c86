"""What passes between agents and the server, for the judge of agents and for the control plane."""

import itertools
import time
from collections.abc import Callable

from google.protobuf.message import DecodeError

from opamp_agent_checks import AgentJudge, Closed, HttpRequestFacts, Received, Sent
from opamp_mock_server.service.transport_log import TransportLog
from opamp_proto import opamp_pb2 as pb

_HEADER_BYTES = 1
_SWITCHING_PROTOCOLS = 101
_NOT_FOUND = 404
_MOST_CHARACTERS = 200


class Traffic:
    """Gives everything to the judge and to the log, if there are any. Call everything here in the loop that serves."""

    def __init__(self, judge: AgentJudge | None = None, log: TransportLog | None = None) -> None:
        self.judge = judge
        self.log = log
        self._ids = itertools.count(1)

    def forget(self) -> None:
        """Delete what was noted."""
        if self.log is not None:
            self.log.forget()
        if self.judge is not None:
            self.judge.forget()

    def new_id(self) -> int:
        """Return an id for a WebSocket, or for a request over HTTP."""
        return next(self._ids)

    def request(self, number: int, facts: HttpRequestFacts, data: bytes, is_awaited: Callable[[], bool]) -> None:
        """Note a request over HTTP, by its body without its content encoding."""
        self._note("request", number, data=data)
        if self.judge is not None:
            received = Received(time.monotonic(), number, data, _decoded(data), facts, is_awaited=is_awaited)
            self.judge.received(received)

    def refused(self, facts: HttpRequestFacts, status: int, retry_after: float | None) -> None:
        """Note a request that was refused before its body was read."""
        number = self.new_id()
        self._note(
            "refused", number, status=status, detail=f"{facts.method}, {facts.content_type or 'no content type'}"
        )
        if self.judge is not None:
            received = Received(time.monotonic(), number, b"", None, facts)
            self.judge.refused(received, retry_after)

    def unreadable(self, status: int) -> None:
        """Note a connection that ended because it had no request that can be read, or too late."""
        self._note("refused", self.new_id(), status=status, detail="no request that can be read")

    def handshake_failed(self, reason: str) -> None:
        """Note a connection whose TLS handshake has failed."""
        self._note("refused", self.new_id(), detail=f"a TLS handshake: {reason}")

    def elsewhere(self, method: str, path: str) -> None:
        """Note a request to a path where nothing is."""
        self._note("refused", self.new_id(), status=_NOT_FOUND, detail=f"{method} {path[:_MOST_CHARACTERS]}")

    def opened(self, connection: int) -> None:
        """Note that a WebSocket has opened."""
        self._note("opened", connection, status=_SWITCHING_PROTOCOLS)

    def opening_refused(self, status: int) -> None:
        """Note that the opening of a WebSocket was refused."""
        self._note("refused", self.new_id(), status=status, detail="the opening of a WebSocket")

    def downloaded(self, path: str, status: int) -> None:
        """Note a download of a package file."""
        self._note("download", self.new_id(), status=status, detail=path)

    def message(self, connection: int, data: bytes | str) -> None:
        """Note a WebSocket message, with its header."""
        is_text = isinstance(data, str)
        content = data.encode() if isinstance(data, str) else data
        self._note("received", connection, data=content, detail="a text message" if is_text else "")
        if self.judge is None:
            return
        is_opamp = not is_text and content[:_HEADER_BYTES] == b"\0"
        message = _decoded(content[_HEADER_BYTES:]) if is_opamp else None
        self.judge.received(Received(time.monotonic(), connection, content, message, is_text=is_text))

    def response(self, number: int, status: int, data: bytes | None, retry_after: float | None = None) -> None:
        """Note the response to a request: a serialized ServerToAgent, or only a status."""
        self._note("response", number, status=status, data=data or b"")
        if self.judge is not None:
            self.judge.sent(Sent(time.monotonic(), number, _reply(data), status, retry_after))

    def sent(self, connection: int, data: bytes, *, is_answer: bool) -> None:
        """Note a ServerToAgent on a WebSocket."""
        self._note("sent", connection, data=data, detail="" if is_answer else "unsolicited")
        if self.judge is not None:
            self.judge.sent(Sent(time.monotonic(), connection, _reply(data), is_answer=is_answer))

    def closed(self, connection: int, *, by_agent: bool, has_close_frame: bool) -> None:
        """Note the end of a WebSocket."""
        who, how = "agent" if by_agent else "server", "with" if has_close_frame else "without"
        self._note("closed", connection, detail=f"by the {who}, {how} a Close frame")
        if self.judge is not None:
            self.judge.closed(Closed(time.monotonic(), connection, by_agent, has_close_frame))

    def _note(self, kind: str, number: int, *, status: int | None = None, data: bytes = b"", detail: str = "") -> None:
        if self.log is not None:
            self.log.note(kind, number, status=status, data=data, detail=detail)


def _reply(data: bytes | None) -> pb.ServerToAgent | None:
    """Decode a reply. A test may have asked for bytes that cannot be decoded."""
    try:
        return None if data is None else pb.ServerToAgent.FromString(data)
    except DecodeError:
        return None


def _decoded(data: bytes) -> pb.AgentToServer | None:
    try:
        return pb.AgentToServer.FromString(data)
    except DecodeError:
        return None
