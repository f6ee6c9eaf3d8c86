"""The connections of an agent ("Connection Management", heartbeats, throttling)."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from opamp_conformance.actions.agent_side.reported import has_news
from opamp_conformance.assertions.common import require
from opamp_conformance.errors import NotApplicableError
from opamp_conformance.scripted_server.records import ConnectionEnded, MessageReceived, Opened, Record
from opamp_proto import opamp_pb2 as pb

_GRACE_SECONDS = 0.05
_MUCH_SOONER = 0.6
_REFUSED = 400


def last_is_disconnect(messages: Sequence[MessageReceived]) -> None:
    """Assert that the last message has agent_disconnect (OpAMP Connection Closing)."""
    last = messages[-1].message if messages else None
    has_left = last is not None and last.HasField("agent_disconnect")
    require(has_left, "agent_disconnect in the last message", "no message" if last is None else "a message without it")


def has_close_frame(ended: ConnectionEnded) -> None:
    """Assert that an agent has ended its WebSocket with a Close frame (OpAMP Connection Closing)."""
    require(ended.close_code is not None, "a Close frame of the agent", "the end of the connection without one")


def none_sooner_than(records: Sequence[Record], since: float, seconds: float) -> None:
    """Assert that nothing happened before a wait was over."""
    early = [record.at - since for record in records if record.at - since < seconds - _GRACE_SECONDS]
    require(not early, f"nothing within {seconds:g} s", f"a try after {min(early, default=0.0):.2f} s")


def waits_grow(attempts: Sequence[Opened | MessageReceived]) -> None:
    """Assert that the waits between attempts grow: the median of the later ones is above the first."""
    waits = [later.at - earlier.at for earlier, later in pairwise(attempts)]
    shown = ", ".join(f"{wait:.2f} s" for wait in waits)
    require(median(waits[2:]) > waits[0] * 1.1, "waits that grow after each refusal", shown)


def have_uids(messages: Sequence[MessageReceived]) -> None:
    """Assert that each heartbeat has an instance_uid (AgentToServer.instance_uid)."""
    missing = [record for record in messages if record.message is not None and not record.message.instance_uid]
    require(not missing, "an instance_uid in each heartbeat", "none")


def not_much_sooner(waits: Sequence[float], seconds: float) -> None:
    """Assert that heartbeats do not come much sooner than their interval: the median is above 60 % of it.

    A busy machine makes single waits shorter or longer. Raises NotApplicableError without any wait.
    """
    if not waits:
        raise NotApplicableError("each message of the agent reports something")
    shown = ", ".join(f"{wait:.2f} s" for wait in waits)
    require(median(waits) > seconds * _MUCH_SOONER, f"about {seconds:g} s from a message to the next heartbeat", shown)


def is_only_one(records: Sequence[Record]) -> None:
    """Assert that an agent has one open WebSocket."""
    opened = {one.connection for one in records if isinstance(one, Opened) and one.status < _REFUSED}
    ended = {one.connection for one in records if isinstance(one, ConnectionEnded)}
    require(len(opened - ended) <= 1, "one connection", f"{len(opened - ended)} open ones")


def leaves_before(records: Sequence[Record], opened: Opened) -> None:
    """Assert that agent_disconnect and the end of the old connection come before a new one opens."""
    before = [record for record in records if record.at <= opened.at and record.connection != opened.connection]
    has_left = any(
        isinstance(record, MessageReceived)
        and record.message is not None
        and record.message.HasField("agent_disconnect")
        for record in before
    )
    has_ended = any(isinstance(record, ConnectionEnded) for record in before)
    came = (
        "a new connection"
        + ("" if has_left else " without agent_disconnect")
        + ("" if has_ended else " while the old one is open")
    )
    require(has_left and has_ended, "agent_disconnect, and the end of the old connection, before the new one", came)


def no_heartbeat(messages: Sequence[pb.AgentToServer], earlier: Sequence[pb.AgentToServer]) -> None:
    """Assert that each of some messages reports a change."""
    beats = [one for number, one in enumerate(messages) if not has_news(one, [*earlier, *messages[:number]])]
    require(not beats, "no heartbeat after they were turned off", f"{len(beats)} messages that report nothing new")
