"""What the scripted server sends about status reports: requests, errors, and what newer versions may have."""

from typing import Final

from opamp_conformance.actions.agent_side.session import FULL_STATE, AgentSession
from opamp_conformance.errors import NotApplicableError, PreconditionFailedError, ViolationError
from opamp_conformance.scripted_server.records import MessageReceived, ReplySent
from opamp_conformance.scripted_server.replies import ALL_CAPABILITIES, Refusal, Reply
from opamp_proto import opamp_pb2 as pb

_UNKNOWN_FIELD: Final = b"\xc0\xb8\x02\x07"
"""A varint in the field 5000, which no version of the specification has."""
ATTRIBUTE: Final = "opamp-conformance.test"
_ERROR: Final = "a test of the agent"
_OTHER_ERROR: Final = "something else"
_CHANGED_AGAIN: Final = "changed again"
_UNAVAILABLE: Final = 503
_REFUSALS: Final = 3
_UNDEFINED_BIT: Final = 1 << 40
_FULL_STATE: Final = int(pb.ServerToAgentFlags_ReportFullState)
_COMPONENTS: Final = int(pb.ServerToAgentFlags_ReportAvailableComponents)


def _is_report(message: pb.AgentToServer) -> bool:
    return message.HasField("agent_description")


def ask_with_unknown_field(session: AgentSession) -> pb.AgentToServer:
    """Ask for a full report, in a message with a field of a later version; return the report."""
    message = pb.ServerToAgent.FromString(FULL_STATE.message.SerializeToString() + _UNKNOWN_FIELD)
    return _report_after(session, message)


def ask_with_undefined_bits(session: AgentSession) -> pb.AgentToServer:
    """Ask for a full report, with flags and capabilities of a later version beside; return the report."""
    return _report_after(
        session, pb.ServerToAgent(flags=_FULL_STATE | _UNDEFINED_BIT, capabilities=ALL_CAPABILITIES | _UNDEFINED_BIT)
    )


def ask_with_flag_for_components(session: AgentSession) -> pb.AgentToServer:
    """Ask for a full report and for the components in one message; return the report."""
    return _report_after(session, pb.ServerToAgent(flags=_FULL_STATE | _COMPONENTS))


def _report_after(session: AgentSession, message: pb.ServerToAgent) -> pb.AgentToServer:
    session.give(Reply(message))
    record = session.message("a full report", _is_report)
    assert record.message is not None
    return record.message


def announce_only_status(session: AgentSession) -> None:
    """Announce no capability but AcceptsStatus, from now on."""
    session.server.capabilities = int(pb.ServerCapabilities_AcceptsStatus)
    session.give(Reply(pb.ServerToAgent()))


def send_without_capabilities(session: AgentSession) -> None:
    """Send a message whose capabilities are 0: unspecified."""
    session.server.capabilities = 0
    session.give(Reply(pb.ServerToAgent()))


def send_custom_message(session: AgentSession) -> None:
    """Send a custom message of a capability that no agent has: it may be ignored (custom.unsupported-ignored)."""
    message = pb.CustomMessage(capability="org.example.opamp-conformance/test", type="test", data=b"test")
    session.give(Reply(pb.ServerToAgent(custom_message=message)))


def own_custom_capability(session: AgentSession) -> str:
    """Return a custom capability that the agent has announced; raises NotApplicableError without one."""
    announced = session.first.custom_capabilities.capabilities
    if not announced:
        raise NotApplicableError("the agent announces no custom capability")
    return announced[0]


def send_own_custom_message(session: AgentSession) -> None:
    """Announce a custom capability of the agent, and send a message of it, of a type that the agent may not know."""
    capability = own_custom_capability(session)
    message = pb.CustomMessage(capability=capability, type="opamp-conformance.test", data=b"test")
    announced = pb.CustomCapabilities(capabilities=[capability])
    session.give(Reply(pb.ServerToAgent(custom_capabilities=announced, custom_message=message)))


def answer_report_with_error(session: AgentSession, kind: "pb.ServerErrorResponseType") -> None:
    """Ask for a full report, and answer it with an error."""
    error = pb.ServerErrorResponse(type=kind, error_message="a test of the agent")
    session.answer_report_with(Reply(pb.ServerToAgent(error_response=error)))


def require_effective_config(session: AgentSession) -> None:
    """Raise PreconditionFailedError for an agent that has no effective configuration to report."""
    if not session.first.HasField("effective_config") and not session.fence().HasField("effective_config"):
        raise PreconditionFailedError(
            "capabilities.agent.effective-config-reported", "the agent has reported no effective_config"
        )


def become_unhealthy(session: AgentSession) -> None:
    """Let the driver make the agent unhealthy."""
    session.tell("health", healthy=False, error=_ERROR)


def become_healthy(session: AgentSession) -> None:
    """Let the driver make the agent healthy again, once the server has heard that it is not."""
    reported_health(session, healthy=False)
    session.tell("health", healthy=True)


def become_unhealthy_otherwise(session: AgentSession) -> None:
    """Let the driver give the agent another error, once the server has heard of the first one.

    An agent with one text for all errors has nothing new to report: NotApplicableError says that.
    """
    came = reported_health(session, healthy=False).health.last_error
    if not came:
        raise PreconditionFailedError("health.last-error", "the agent reports no last_error")
    if _ERROR not in came:
        raise NotApplicableError("the agent has its own words for errors")
    session.tell("health", healthy=False, error=_OTHER_ERROR)


def reported_error(session: AgentSession) -> None:
    """Wait for a report of the other error that no one has asked for; raises ViolationError."""
    session.message(
        "a report of health with the other error", lambda message: _OTHER_ERROR in message.health.last_error
    )


def reported_health(session: AgentSession, *, healthy: bool) -> pb.AgentToServer:
    """Wait for a report of the health that no one has asked for; raises ViolationError."""

    def is_it(message: pb.AgentToServer) -> bool:
        return message.HasField("health") and message.health.healthy is healthy

    record = session.message(f"a report of health that is {'' if healthy else 'not '}healthy", is_it)
    assert record.message is not None
    return record.message


def ask_for_full_state(session: AgentSession, times: int) -> None:
    """Ask for the full state, and wait for it, so many times; raises PreconditionFailedError if it does not come."""
    try:
        for _ in range(times):
            session.full_report()
    except ViolationError as error:
        raise PreconditionFailedError("flags.report-full-state.agent", error.violation) from error


def become_unavailable(session: AgentSession) -> None:
    """Drop the WebSocket, and refuse the next attempts; return after the first of them.

    Until then, the agent may not know that it has no connection, so a message of it may be lost.
    """
    session.refuse(Refusal(_UNAVAILABLE), times=_REFUSALS)
    try:
        session.expect(ReplySent, "an attempt to connect", lambda sent: sent.status == _UNAVAILABLE)
    except ViolationError as error:
        raise PreconditionFailedError("connection.retry", error.violation) from error


def reported_health_after_return(session: AgentSession) -> pb.AgentToServer:
    """Wait for a bad health; raises ViolationError, or PreconditionFailedError if the agent does not return at all."""
    try:
        return reported_health(session, healthy=False)
    except ViolationError as error:
        if not any(record.message is not None for record in session.since(MessageReceived)):
            raise PreconditionFailedError("connection.retry", error.violation) from error
        raise


def change_description(session: AgentSession) -> None:
    """Let the driver add an attribute to the description of the agent."""
    session.tell("describe", attributes={ATTRIBUTE: "changed"})


def change_attribute(session: AgentSession) -> None:
    """Let the driver change that attribute, once the server has heard of it."""
    reported_description(session)
    session.tell("describe", attributes={ATTRIBUTE: _CHANGED_AGAIN})


def reported_attribute(session: AgentSession) -> None:
    """Wait for a report of the changed attribute that no one has asked for; raises ViolationError."""

    def is_it(message: pb.AgentToServer) -> bool:
        attributes = message.agent_description.non_identifying_attributes
        return any(one.key == ATTRIBUTE and one.value.string_value == _CHANGED_AGAIN for one in attributes)

    session.message("a report of the changed attribute", is_it)


def reported_description(session: AgentSession) -> pb.AgentToServer:
    """Wait for a report of the description that no one has asked for; raises ViolationError."""
    record = session.message("a report of the description", lambda message: message.HasField("agent_description"))
    assert record.message is not None
    return record.message
