"""Commands of the scripted server."""

from typing import Final

from opamp_conformance.actions.agent_side.remote_config import configuration
from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.errors import PreconditionFailedError, ViolationError
from opamp_conformance.scripted_server.replies import Reply
from opamp_proto import opamp_pb2 as pb

_UNDEFINED: Final = 99
IGNORED: Final = configuration("ignored: {}\n")
"""The configuration beside a command."""


def _command() -> pb.ServerToAgentCommand:
    return pb.ServerToAgentCommand(type=pb.CommandType_Restart)


def restart(session: AgentSession) -> None:
    """Tell the agent to restart."""
    session.give(Reply(pb.ServerToAgent(command=_command())))


def restart_with_other_fields(session: AgentSession) -> bytes:
    """Tell the agent to restart, in a message with other fields, which it has to ignore; return the instance_uid."""
    return session.give_new_uid(command=_command(), remote_config=IGNORED)


def send_unknown(session: AgentSession) -> None:
    """Send a command of a type that a later version may have."""
    command = pb.ServerToAgentCommand()
    command.type = _UNDEFINED  # type: ignore[assignment] # protobuf takes the number of an unknown value
    session.give(Reply(pb.ServerToAgent(command=command)))


def wait_for_restart(session: AgentSession) -> None:
    """Wait for the first report after a restart; raises PreconditionFailedError."""
    try:
        report_after_restart(session)
    except ViolationError as error:
        raise PreconditionFailedError("command.executed", error.violation) from error
    session.fence()


def report_after_restart(session: AgentSession) -> pb.AgentToServer:
    """Wait for the first report of the agent after its restart. An agent that has ended is started again.

    A service manager would do the latter. Raises ViolationError if no report comes.
    """
    record = session.message_after_end(
        "a first report after the restart", lambda message: message.HasField("agent_description")
    )
    assert record.message is not None
    return record.message
