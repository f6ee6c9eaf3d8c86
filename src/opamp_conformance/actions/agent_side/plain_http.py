"""Responses of the scripted server over plain HTTP."""

from dataclasses import replace
from typing import Final

from opamp_conformance.actions.agent_side.connections import offer_heartbeat
from opamp_conformance.actions.agent_side.session import FULL_STATE, AgentSession
from opamp_conformance.errors import NotApplicableError
from opamp_conformance.scripted_server.records import MessageReceived
from opamp_conformance.scripted_server.replies import Reply
from opamp_proto import opamp_pb2 as pb

_SLOW_SECONDS: Final = 1.5


def ask_with_gzip(session: AgentSession) -> pb.AgentToServer:
    """Ask for a full report in a compressed response; return the report.

    Raises NotApplicableError if the agent does not announce that it can read that.
    """
    accepted = session.server.records.of(MessageReceived)[-1].headers.get("accept-encoding", "")
    if "gzip" not in accepted:
        raise NotApplicableError("the agent does not announce Accept-Encoding: gzip")
    session.give(replace(FULL_STATE, is_compressed=True))
    record = session.message("a full report", lambda message: message.HasField("agent_description"))
    assert record.message is not None
    return record.message


def answer_slowly(session: AgentSession) -> None:
    """Answer one request late: later than the next one would be due. It is a poll, and no report of new settings."""
    if session.has("AcceptsOpAMPConnectionSettings"):
        offer_heartbeat(session, 1)
        session.fence()
    session.give(Reply(pb.ServerToAgent(), delay_seconds=_SLOW_SECONDS))
