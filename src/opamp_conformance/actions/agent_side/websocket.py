"""WebSocket messages of the scripted server."""

from dataclasses import replace

from opamp_conformance.actions.agent_side.session import FULL_STATE, AgentSession
from opamp_conformance.errors import PreconditionFailedError, Violation, ViolationError
from opamp_conformance.scripted_server.records import ConnectionEnded
from opamp_conformance.scripted_server.replies import RawBytes


def send_header_only(session: AgentSession) -> None:
    """Send a message without any field."""
    session.give(RawBytes(b"\0"))


def ping(session: AgentSession) -> None:
    """Send a ping; raises PreconditionFailedError if there is no WebSocket."""
    session.position = session.server.records.position()
    if not session.server.ping():
        raise PreconditionFailedError("status.first-report", "the agent has no open WebSocket")


def ask_in_fragments(session: AgentSession) -> None:
    """Ask for a full report in a message of two frames (RFC 6455, section 5.4)."""
    session.give(replace(FULL_STATE, is_fragmented=True))


def ask_under_wrong_header(session: AgentSession) -> None:
    """Ask for a full report in a malformed message. What the agent does wrong then was provoked."""
    session.server.judge.provoked_by = "a header that is not 0"
    session.give(replace(FULL_STATE, header=b"\x01"))


def require_no_end(session: AgentSession) -> None:
    """Raise ViolationError if the connection has ended."""
    if session.since(ConnectionEnded):
        raise ViolationError(Violation("the agent to keep its connection", "the end of the connection"))
