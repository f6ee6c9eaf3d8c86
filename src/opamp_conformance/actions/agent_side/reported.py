"""What an agent has reported so far, so that a report of a change differs from one of what the server knows."""

from collections.abc import Iterable
from typing import Final

from opamp_agent_checks.message_checks import STATUS_PARTS
from opamp_conformance.scripted_server.records import MessageReceived, Opened, Record, ReplySent
from opamp_proto import opamp_pb2 as pb

_NEW_SETTINGS_AND_OLD: Final = 2


def has_news(message: pb.AgentToServer, earlier: Iterable[pb.AgentToServer]) -> bool:
    """Return whether a message has a part that is not as it was last reported. The time of a health is no news."""
    known: dict[str, bytes] = {}
    for one in earlier:
        known |= _parts(one)
    return any(known.get(part) != content for part, content in _parts(message).items())


def repeated_parts(records: Iterable[Record]) -> set[str]:
    """Return the parts that an agent has sent again though they had not changed, and nobody had asked for them.

    The first message of a connection has all parts, and so has the answer to ReportFullState. Over HTTP, an agent
    begins anew after its start, with settings that it was offered, and when it returns to the old ones.
    """
    found: set[str] = set()
    known: dict[str, bytes] = {}
    new_connections: set[int] = set()
    is_asked, may_begin = False, 0
    for record in records:
        if isinstance(record, Opened):
            new_connections.add(record.connection)
        elif isinstance(record, ReplySent) and record.message is not None:
            is_asked |= bool(record.message.flags & pb.ServerToAgentFlags_ReportFullState)
            if record.message.connection_settings.HasField("opamp"):
                may_begin = _NEW_SETTINGS_AND_OLD
        elif isinstance(record, MessageReceived) and record.message is not None:
            parts, is_full = _parts(record.message), record.message.HasField("agent_description")
            begins = is_full and (may_begin > 0 or record.message.sequence_num <= 1)
            may_begin -= begins
            is_due = record.connection in new_connections or (is_asked and is_full) or begins
            if not is_due:
                found |= {part for part, content in parts.items() if known.get(part) == content}
            is_asked &= not is_full
            new_connections.discard(record.connection)
            known |= parts
    return found


def _parts(message: pb.AgentToServer) -> dict[str, bytes]:
    """Return the parts of a status in a message, each in one form for equal content."""
    copy = pb.AgentToServer()
    copy.CopyFrom(message)
    if copy.HasField("health"):
        _clear_times(copy.health)
    return {
        part: getattr(copy, part).SerializeToString(deterministic=True) for part in STATUS_PARTS if copy.HasField(part)
    }


def _clear_times(health: pb.ComponentHealth) -> None:
    health.status_time_unix_nano = 0
    for component in health.component_health_map.values():
        _clear_times(component)
