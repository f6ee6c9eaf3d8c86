"""Requests of the scripted server for the components of an agent."""

from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.scripted_server.replies import Reply
from opamp_proto import opamp_pb2 as pb


def ask(session: AgentSession) -> pb.AvailableComponents:
    """Ask for the components, and return what the agent reports; raises ViolationError."""
    session.give(Reply(pb.ServerToAgent(flags=int(pb.ServerToAgentFlags_ReportAvailableComponents))))
    record = session.message(
        "available_components with its map", lambda message: bool(message.available_components.components)
    )
    assert record.message is not None
    return record.message.available_components
