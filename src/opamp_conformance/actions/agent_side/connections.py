"""The connections of an agent, as the scripted server ends or disturbs them, and its heartbeats."""

import time
from collections.abc import Sequence
from typing import Final

from opamp_agent_checks.rules import is_bare
from opamp_conformance.actions.agent_side.connection_settings import offer_opamp, status
from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.errors import PreconditionFailedError, Violation, ViolationError
from opamp_conformance.scripted_server.records import ConnectionEnded, MessageReceived
from opamp_conformance.scripted_server.replies import RawBytes
from opamp_conformance.wire.transport import Transport
from opamp_proto import opamp_pb2 as pb

_GARBAGE: Final = b"\0\xff\xff\xff this is no message of OpAMP"
_HEARTBEATS: Final = 4
_PATIENCE: Final = 16
"""So many intervals may pass until these heartbeats have come."""
_REPORTS: Final = 3
_UNDER_WAY_SECONDS: Final = 1.0
_QUIET_SECONDS: Final = 4.0


def close(session: AgentSession) -> ConnectionEnded:
    """Close the WebSocket, and return how the agent answered."""
    session.position = session.server.records.position()
    session.server.close_websockets()
    return session.expect(ConnectionEnded, "the end of the connection")


def answer_with_garbage(session: AgentSession) -> None:
    """Send something that cannot be decoded. What the agent does wrong then was provoked."""
    session.server.judge.provoked_by = "bytes that are no ServerToAgent"
    session.give(RawBytes(_GARBAGE))


def offer_heartbeat(session: AgentSession, seconds: int) -> pb.ConnectionSettingsOffers:
    """Offer OpAMP settings that change the interval of heartbeats only. An offer has to name its endpoint."""
    endpoint = session.server.url(session.transport)
    return offer_opamp(session, destination_endpoint=endpoint, heartbeat_interval_seconds=seconds)


def heartbeats(session: AgentSession, seconds: int) -> Sequence[MessageReceived]:
    """Wait for some heartbeats at an interval; raises ViolationError.

    A heartbeat may report a status, too: so each interval with a message counts as one. An agent may send more of them,
    and the machine may be busy: so the limit is a multiple of the interval.
    """
    limit = seconds * _PATIENCE
    deadline = time.monotonic() + limit
    while (count := len(_intervals(_messages(session), seconds))) < _HEARTBEATS:
        if time.monotonic() > deadline:
            expected = f"messages in {_HEARTBEATS} intervals of {seconds} s"
            raise ViolationError(Violation(expected, f"in {count} within {limit} s"))
        time.sleep(0.05)
    return _messages(session)


def accept_heartbeat(session: AgentSession, seconds: int) -> None:
    """Offer an interval of heartbeats, and wait until the agent has accepted it.

    Raises NotApplicableError for an agent that refuses it, or that does not report the status of settings.
    """
    session.require("ReportsConnectionSettingsStatus")
    offer = offer_heartbeat(session, seconds)
    try:
        status(session, offer, pb.ConnectionSettingsStatuses_APPLIED)
    except ViolationError as error:
        raise PreconditionFailedError("opamp-offer.report-applied", error.violation) from error


def waits_for_heartbeats(session: AgentSession, seconds: int) -> Sequence[float]:
    """Ask for the full state some times, and return how long after that report each next heartbeat comes.

    Over WebSocket, the request comes in the middle of an interval. A message that is no bare heartbeat is left out.
    """
    waits = []
    for _ in range(_REPORTS):
        if session.transport is Transport.WEBSOCKET:
            time.sleep(seconds / 2)
        session.fence()
        report = session.since(MessageReceived)[-1]
        beat = session.next_after(report, "a heartbeat")
        if beat.message is not None and is_bare(beat.message):
            waits.append(beat.at - report.at)
    return waits


def _messages(session: AgentSession) -> Sequence[MessageReceived]:
    """Return the messages since ``position`` from an agent that does not leave."""
    messages = session.since(MessageReceived)
    return [one for one in messages if one.message is not None and not one.message.HasField("agent_disconnect")]


def _intervals(messages: Sequence[MessageReceived], seconds: int) -> set[int]:
    """Number the intervals, from the first message on, in which a message came."""
    return {int((one.at - messages[0].at) / seconds) for one in messages}


def messages_during_silence(session: AgentSession) -> Sequence[pb.AgentToServer]:
    """Return what the agent sends during several of the intervals that were offered before.

    The report of the new settings is not among it, and neither is what was under way, or begins a connection: an agent
    may connect anew because of the settings.
    """
    time.sleep(_UNDER_WAY_SECONDS)
    session.position = session.server.records.position()
    time.sleep(_QUIET_SECONDS)
    return [
        one.message
        for one in session.beside_first()
        if one.message is not None and not one.message.HasField("agent_disconnect")
    ]
