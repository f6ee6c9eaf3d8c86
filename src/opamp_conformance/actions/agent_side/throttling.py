"""A scripted server that is too busy: it answers with Unavailable, or with a status of HTTP."""

import math
import time
from collections.abc import Sequence
from email.utils import formatdate

from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.errors import PreconditionFailedError, ViolationError
from opamp_conformance.scripted_server.records import MessageReceived, Opened, ReplySent
from opamp_conformance.scripted_server.replies import Refusal, Reply
from opamp_proto import opamp_pb2 as pb

_UNAVAILABLE = 503
_NANOSECONDS = 10**9


def answer_report_with_unavailable(session: AgentSession, seconds: int) -> float:
    """Ask for a full report, and answer it with Unavailable and retry_info; return when that was."""
    error = pb.ServerErrorResponse(
        type=pb.ServerErrorResponseType_Unavailable,
        error_message="a test of the agent",
        retry_info=pb.RetryInfo(retry_after_nanoseconds=seconds * _NANOSECONDS),
    )
    return session.answer_report_with(Reply(pb.ServerToAgent(error_response=error))).at


def refuse_with_wait(session: AgentSession, status: int, seconds: int) -> float:
    """Refuse the next request, or the next opening, with Retry-After; return when that was."""
    return _refuse(session, Refusal(status, lambda: {"Retry-After": str(seconds)}))


def refuse_until_date(session: AgentSession, seconds: int) -> float:
    """Refuse the next request, or the next opening, until a date, which has whole seconds; return when that was."""

    def headers() -> dict[str, str]:
        return {"Retry-After": formatdate(math.ceil(time.time()) + seconds, usegmt=True)}

    return _refuse(session, Refusal(_UNAVAILABLE, headers))


def _refuse(session: AgentSession, refusal: Refusal) -> float:
    session.refuse(refusal)
    session.expect_attempts(1, "a request of the agent")
    sent = session.server.records.wait_for(
        ReplySent, session.seconds, session.position, lambda record: record.answer is refusal
    )
    assert sent is not None
    session.position = sent[1]
    return sent[0].at


def reports_until(session: AgentSession, end: float) -> Sequence[MessageReceived]:
    """Wait until a time, and return the reports that came before. Heartbeats may have been under way."""
    _wait_until(end)
    messages = session.since(MessageReceived)
    return [one for one in messages if one.at < end and one.message and one.message.HasField("agent_description")]


def attempts_until(session: AgentSession, end: float) -> Sequence[Opened | MessageReceived]:
    """Wait until a time, and return the tries to connect that came before."""
    _wait_until(end)
    return [attempt for attempt in session.attempts() if attempt.at < end]


def _wait_until(end: float) -> None:
    time.sleep(max(0.0, end - time.monotonic()))


def refuse_without_wait(session: AgentSession, times: int) -> Sequence[Opened | MessageReceived]:
    """Refuse some requests, or openings, and return all tries up to the one that is not refused.

    An agent may wait longer than the suite does: PreconditionFailedError says so.
    """
    session.refuse(Refusal(_UNAVAILABLE), times)
    try:
        return session.expect_attempts(times + 1, "another try of the agent")
    except ViolationError as error:
        raise PreconditionFailedError("connection.retry", error.violation) from error
