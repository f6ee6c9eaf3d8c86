"""Requests of the scripted server for the components of an agent."""

from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.errors import PreconditionFailedError, Violation
from opamp_conformance.scripted_server.replies import Reply
from opamp_proto import opamp_pb2 as pb


def require_first_hash(session: AgentSession) -> None:
    """Raise PreconditionFailedError if the first message has no hash of the components."""
    if not session.first.available_components.hash:
        raise PreconditionFailedError("components.initial-hash", Violation("a hash in the first message", "none"))


def ask(session: AgentSession, flags: int = 0) -> pb.AvailableComponents:
    """Ask for the components, with other flags, and return what the agent reports; raises ViolationError."""
    session.give(Reply(pb.ServerToAgent(flags=flags | int(pb.ServerToAgentFlags_ReportAvailableComponents))))
    record = session.message(
        "available_components with its map", lambda message: bool(message.available_components.components)
    )
    assert record.message is not None
    return record.message.available_components
