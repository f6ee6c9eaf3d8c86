"""Status reports of an agent (AgentToServer Message, "Status Reporting")."""

import time
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from opamp_agent_checks.message_checks import STATUS_PARTS
from opamp_conformance.actions.agent_side.reported import has_news
from opamp_conformance.actions.agent_side.status_reporting import ATTRIBUTE
from opamp_conformance.assertions.common import require
from opamp_conformance.errors import NotApplicableError
from opamp_conformance.scripted_server.records import MessageReceived
from opamp_proto import opamp_pb2 as pb

_SECONDS_2001: Final = 978_307_200
_DAY: Final = 86_400


def parts(message: pb.AgentToServer) -> str:
    """Name the parts of a status in a message."""
    return ", ".join(_parts(message)) or "no status"


def _parts(message: pb.AgentToServer) -> list[str]:
    return [part for part in STATUS_PARTS if message.HasField(part)]


def is_report(message: pb.AgentToServer) -> None:
    """Assert that a message is a report with a description (AgentToServer.agent_description)."""
    require(message.HasField("agent_description"), "a status report with agent_description", parts(message))


def has_part(message: pb.AgentToServer, part: str) -> None:
    """Assert that a report has a part: a field of AgentToServer."""
    require(message.HasField(part), f"{part} in the report", parts(message))


def has_parts_of(message: pb.AgentToServer, first: pb.AgentToServer) -> None:
    """Assert that a report has each part of the first one."""
    wanted = [part for part in (*STATUS_PARTS, "custom_capabilities") if first.HasField(part)]
    missing = [part for part in wanted if not message.HasField(part)]
    require(not missing, f"a report with {', '.join(wanted)}", f"one without {', '.join(missing)}")


def lacks_part(message: pb.AgentToServer, part: str) -> None:
    """Assert that a message does not have a part: a field of AgentToServer."""
    require(not message.HasField(part), f"no {part}", part)


def no_repetition(messages: Sequence[pb.AgentToServer], earlier: Sequence[pb.AgentToServer], habits: set[str]) -> None:
    """Assert that none of some messages reports what was reported before. What has changed may be reported.

    ``habits`` are parts that the agent repeats anyway, such as its health in each heartbeat, or everything if its
    description is among them. They are no reaction; compression.unset is about them.
    """
    for number, message in enumerate(messages):
        is_reaction = bool(set(_parts(message)) - habits) and "agent_description" not in habits
        is_repetition = is_reaction and not has_news(message, [*earlier, *messages[:number]])
        require(not is_repetition, "no status report, because nothing has changed", f"one with {parts(message)}")


def not_again(messages: Iterable[pb.AgentToServer], habits: set[str]) -> None:
    """Assert that the refused full report is not among some messages.

    Raises NotApplicableError for an agent that describes itself in each message: nobody sees which one is a retry.
    """
    if "agent_description" in habits:
        raise NotApplicableError("the agent repeats its description in each message")
    again = [message for message in messages if message.HasField("agent_description")]
    require(not again, "no second try of the report", "the same report again")


def numbers_rise(messages: Sequence[MessageReceived]) -> None:
    """Assert that each message has a higher sequence number than the one before."""
    numbers = [record.message.sequence_num for record in messages if record.message is not None]
    for before, after in pairwise(numbers):
        require(after > before, f"a sequence_num above {before}", str(after))


def times_are_nanoseconds(message: pb.AgentToServer, field: str) -> None:
    """Assert that a time of the health is 0, or in nanoseconds between 2001 and tomorrow."""
    if not message.HasField("health"):
        raise NotApplicableError("the agent does not report its health")
    value: int = getattr(message.health, field)
    is_plausible = value == 0 or _SECONDS_2001 <= value / 1e9 <= time.time() + _DAY
    require(is_plausible, f"{field} in nanoseconds since 1970, or 0", str(value))


def number_goes_on(message: pb.AgentToServer, earlier: Sequence[pb.AgentToServer]) -> None:
    """Assert that a message has no lower sequence number than the last one; what is sent again has the same."""
    before = earlier[-1].sequence_num
    require(message.sequence_num >= before, f"a sequence_num of at least {before}", str(message.sequence_num))


def has_same_start(message: pb.AgentToServer, first: pb.AgentToServer) -> None:
    """Assert that an agent that has not started anew has the same start time."""
    if not first.health.start_time_unix_nano or not message.HasField("health"):
        raise NotApplicableError("the agent does not report a start time each time")
    wanted, came = first.health.start_time_unix_nano, message.health.start_time_unix_nano
    require(came == wanted, f"start_time_unix_nano {wanted}, as before", str(came))


def says_error(message: pb.AgentToServer) -> None:
    """Assert that a report of bad health says why (ComponentHealth.last_error)."""
    require(message.health.last_error, "last_error beside the bad health", "none")


def describes_all_of(message: pb.AgentToServer, first: pb.AgentToServer) -> None:
    """Assert that a description still has each attribute of the first one, and the new attribute."""
    keys, wanted = _attributes(message), _attributes(first) | {ATTRIBUTE}
    require(wanted <= keys, f"the attributes {', '.join(sorted(wanted))}", ", ".join(sorted(keys)) or "none")


def describes_as_before(message: pb.AgentToServer, first: pb.AgentToServer) -> None:
    """Assert that a description still has each attribute of the first one."""
    missing = _attributes(first) - _attributes(message)
    require(not missing, "each attribute of the first report", f"no {', '.join(sorted(missing))}")


def _attributes(message: pb.AgentToServer) -> set[str]:
    """Return the names of all attributes in a description."""
    description = message.agent_description
    return {one.key for one in (*description.identifying_attributes, *description.non_identifying_attributes)}


def tells_all_of_health(message: pb.AgentToServer, first: pb.AgentToServer) -> None:
    """Assert that a health still has the start time and the components of the first one."""
    if first.health.start_time_unix_nano and message.health.start_time_unix_nano:  # 0 says that it does not run.
        has_same_start(message, first)
    components, wanted = set(message.health.component_health_map), set(first.health.component_health_map)
    names = ", ".join(sorted(components)) or "none"
    require(wanted <= components, f"the components {', '.join(sorted(wanted))}", names)
