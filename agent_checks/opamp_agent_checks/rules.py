"""The checks of a message by what came before: of its agent, and of its conversation."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Final

from google.protobuf.message import Message

from opamp_agent_checks.finding import Breach, failure, warning
from opamp_agent_checks.memory import Agent, Conversation
from opamp_agent_checks.message_checks import STATUS_PARTS
from opamp_agent_checks.traffic import Received
from opamp_proto import opamp_pb2 as pb

_UNDER_WAY_SECONDS: Final = 0.5
"""A message that arrives within this time after the server's message may have been sent before the agent read that."""
_SMALL_BYTES: Final = 64
_GRACE_SECONDS: Final = 0.05
"""Clocks differ a little, so that much too early is not early."""
_LOOP_SECONDS: Final = 1.0
_EMPTY_LOOP_SECONDS: Final = 0.1
"""A message without a report is a heartbeat, which may come often, unless it comes at once."""
_LOOP_LENGTH: Final = 5
"""Fewer reports in a row may be a coincidence."""
_HASTY_MESSAGES: Final = 20
_HASTY_SHARE: Final = 0.6
"""An agent may vary its interval, and its clock may be another."""
_OF_EACH_MESSAGE: Final = frozenset({"instance_uid", "sequence_num", "capabilities"})
_MOST_REFUSED: Final = 15
_REFUSED_SECONDS: Final = 10.0
"""Waits that begin with 10 ms, and double, need 5 minutes for so many requests."""
_NEVER_MOVES: Final = 3
"""A number that was repeated so often is not repeated by a race."""
_MOST_LOST: Final = 10
"""So many messages may be lost with a connection that breaks."""
_END_SECONDS: Final = 0.5
"""A busy server may hear of the end of a connection so long after the first message on the next one."""
_PARALLEL_SECONDS: Final = 2.0
"""An agent may give up a request after a longer time, and send the next one."""

_UNSET_IF_UNCHANGED: Final = {
    "agent_description": "compression.unset.agent-description",
    "effective_config": "compression.unset.effective-config",
    "remote_config_status": "compression.unset.remote-config-status",
    "package_statuses": "compression.unset.package-statuses",
    "connection_settings_status": "compression.unset.connection-settings-status",
    "custom_capabilities": "custom.only-on-change",
}
_ADOPT: Final = "identification.new-instance-uid.adopt"
_FULL_PARTS: Final = (
    *("health", "effective_config", "remote_config_status", "package_statuses", "connection_settings_status"),
    *("custom_capabilities", "available_components"),
)


def breaches_of_order(received: Received, agent: Agent, talk: Conversation) -> Iterator[Breach]:
    """Check a message that can be decoded, before it is remembered."""
    message = received.message
    assert message is not None
    for rule in _RULES:
        yield from rule(received, message, agent, talk)


def _sequence(received: Received, message: pb.AgentToServer, agent: Agent, talk: Conversation) -> Iterator[Breach]:
    last = talk.sequence_num
    if last is None:
        yield from _sequence_over_connections(message, agent)
        return
    if not talk.is_order_known or _is_resent(message, talk) or _is_new_run(received, message):
        return
    # What the agent has sent to an offered endpoint that does not work has not come.
    is_back = begins_with_new_settings(received, message, agent)
    if is_back and last < message.sequence_num <= last + 1 + _MOST_LOST:
        return
    expected = f"sequence_num {last + 1}, one more than before"
    if message.sequence_num < last or (message.sequence_num == last and talk.repeated_numbers >= _NEVER_MOVES):
        yield failure("sequence.increment", expected, str(message.sequence_num))
    elif message.sequence_num != last + 1:
        yield warning("sequence.increment", expected, str(message.sequence_num))


def _sequence_over_connections(message: pb.AgentToServer, agent: Agent) -> Iterator[Breach]:
    """Check the first number on a connection. The text is about every message, and not about connections."""
    last, number = agent.sequence_num, message.sequence_num
    if last is None or number == last + 1 or fingerprint(message) == agent.last_message:
        return
    may_start = number <= 1 or agent.has_left
    if may_start and message.HasField("agent_description"):
        return
    is_certain = agent.has_closed and len(agent.websockets) <= 1
    if last <= number <= last + 1 + _MOST_LOST and not is_certain:
        return
    if number > last or len(agent.websockets) <= 1:  # Another agent with the same instance_uid has its own numbers.
        expected = f"sequence_num {last + 1}, one more than on the connection before"
        yield warning("sequence.increment", expected, str(number))


def is_started_again(message: pb.AgentToServer, agent: Agent) -> bool:
    """Return whether an agent has certainly been started again: a full report with a low number after a higher one."""
    is_lower = agent.sequence_num is not None and message.sequence_num < agent.sequence_num
    return is_lower and message.sequence_num <= 1 and message.HasField("agent_description")


def _is_resent(message: pb.AgentToServer, talk: Conversation) -> bool:
    return fingerprint(message) == talk.last_message


def fingerprint(message: Message) -> bytes:
    """Return bytes that are the same for the same content: all of a small message, a digest of a large one."""
    data: bytes = message.SerializeToString(deterministic=True)
    return data if len(data) <= _SMALL_BYTES else hashlib.sha256(data).digest()


def _is_new_run(received: Received, message: pb.AgentToServer) -> bool:
    """Return whether an agent that polls may have been started again: a full report with a low number."""
    return received.http is not None and message.sequence_num <= 1 and message.HasField("agent_description")


def _first_report(received: Received, message: pb.AgentToServer, agent: Agent, talk: Conversation) -> Iterator[Breach]:
    # A higher number shows that the server, and not the agent, has been started again.
    is_first = not agent.has_reported and message.sequence_num <= 1
    if is_first and not message.HasField("agent_description") and not message.HasField("agent_disconnect"):
        expected = "a full status report as the first message"
        yield failure("status.first-report.is-first-message", expected, "a message without agent_description")


def _full_state(received: Received, message: pb.AgentToServer, agent: Agent, talk: Conversation) -> Iterator[Breach]:
    if talk.full_state_asked_at is None or message.HasField("agent_disconnect") or _is_resent(message, talk):
        return
    if _may_be_under_way(received, talk.full_state_asked_at):
        return
    if not message.HasField("agent_description"):
        # One message may have been composed before, by another thread of the agent.
        find = failure if talk.messages_since_asked else warning
        yield find("flags.report-full-state.agent", "a full report after ReportFullState", "no agent_description")
        return
    expected = [part for part in _FULL_PARTS if part in talk.parts and part not in agent.unaccepted]
    missing = [part for part in expected if not message.HasField(part)]
    if missing:
        yield warning(
            "flags.report-full-state.agent", "all parts that were reported before", f"no {', '.join(missing)}"
        )


def _may_be_under_way(received: Received, sent_at: float) -> bool:
    return received.http is None and received.at - sent_at < _UNDER_WAY_SECONDS


def _unchanged(received: Received, message: pb.AgentToServer, agent: Agent, talk: Conversation) -> Iterator[Breach]:
    if talk.full_state_asked_at is not None or talk.last_answer_was_error:
        return
    if _is_resent(message, talk) or _is_new_run(received, message):
        return
    if _may_be_under_way(received, talk.last_asked_at):  # A report of a change may have come before the full one.
        return
    if begins_with_new_settings(received, message, agent):
        return
    for part, requirement in _UNSET_IF_UNCHANGED.items():
        if message.HasField(part) and fingerprint(getattr(message, part)) == talk.parts.get(part):
            yield warning(requirement, f"no {part}, because it has not changed", "the same again")


def begins_with_new_settings(received: Received, message: pb.AgentToServer, agent: Agent) -> bool:
    """Return whether a full report over HTTP may be the first one over other settings: that is another connection."""
    return received.http is not None and agent.new_connections > 0 and message.HasField("agent_description")


def _loop(received: Received, message: pb.AgentToServer, agent: Agent, talk: Conversation) -> Iterator[Breach]:
    if talk.idle_reports == _LOOP_LENGTH and is_idle(received, message, talk):
        expected = "no report in answer to an acknowledgement, because nothing has changed"
        yield failure("status.no-report-without-change", expected, f"{_LOOP_LENGTH + 1} in a row")


def is_idle(received: Received, message: pb.AgentToServer, talk: Conversation) -> bool:
    """Return whether a message only answers an acknowledgement: at once, over WebSocket, and without anything new."""
    if received.http is not None or talk.acknowledged_at is None:
        return False
    has_report = any(message.HasField(part) for part in STATUS_PARTS)
    if received.at - talk.acknowledged_at > (_LOOP_SECONDS if has_report else _EMPTY_LOOP_SECONDS):
        return False
    others = ("agent_disconnect", "connection_settings_request", "custom_message", "custom_capabilities")
    if message.flags or any(message.HasField(name) for name in others):
        return False
    return all(
        fingerprint(getattr(message, part)) == talk.parts.get(part) for part in STATUS_PARTS if message.HasField(part)
    )


def _hasty(received: Received, message: pb.AgentToServer, agent: Agent, talk: Conversation) -> Iterator[Breach]:
    """Check that messages with nothing to report come no more often than the interval that the agent has accepted.

    Only many in a row count, by their number and the whole time: a busy server may read several at once.
    """
    if not agent.interval or talk.bare_messages < _HASTY_MESSAGES or not is_bare(message):
        return
    seconds = (received.at - talk.bare_since) / talk.bare_messages
    if seconds < agent.interval * _HASTY_SHARE:
        expected = f"a heartbeat {agent.interval} s after the last message"
        yield warning("heartbeat.count-from-last-message", expected, f"one every {seconds:.1f} s")


def is_bare(message: pb.AgentToServer) -> bool:
    """Return whether a message has nothing but what each message has."""
    return all(field.name in _OF_EACH_MESSAGE for field, _ in message.ListFields())


def _new_uid(received: Received, message: pb.AgentToServer, agent: Agent, talk: Conversation) -> Iterator[Breach]:
    if not agent.new_uid:
        if message.instance_uid in agent.given_up_uids and _is_next(message, talk):
            yield failure(
                _ADOPT, "the instance_uid that the agent has adopted", f"an earlier one, {message.instance_uid.hex()}"
            )
        return
    if message.instance_uid == agent.new_uid or _may_be_under_way(received, agent.new_uid_at):
        return
    # The response may be lost, and another agent may ask with the same temporary uid.
    asks = message.flags & pb.AgentToServerFlags_RequestInstanceUid and (received.http is not None or not talk.messages)
    if not asks and not _is_resent(message, talk):
        actual = f"its old one, {message.instance_uid.hex()}"
        yield failure(_ADOPT, f"the instance_uid {agent.new_uid.hex()}", actual)


def _is_next(message: pb.AgentToServer, talk: Conversation) -> bool:
    """Return whether a message follows the one before it by its number, so that the same agent has sent both."""
    asks = message.flags & pb.AgentToServerFlags_RequestInstanceUid
    return not asks and talk.sequence_num is not None and message.sequence_num == talk.sequence_num + 1


def _after_leaving(received: Received, message: pb.AgentToServer, agent: Agent, talk: Conversation) -> Iterator[Breach]:
    if talk.has_left and received.http is None:
        yield failure("disconnect.nothing-after", "no message after agent_disconnect on its connection", "one more")


def _waits(received: Received, message: pb.AgentToServer, agent: Agent, talk: Conversation) -> Iterator[Breach]:
    if not may_come_during_wait(received, message, agent):
        yield from breaches_of_wait(received, agent)


def may_come_during_wait(received: Received, message: pb.AgentToServer, agent: Agent) -> bool:
    """Return whether an agent may send the message while it waits: to leave, or because it has not read the answer."""
    return message.HasField("agent_disconnect") or _may_be_under_way(received, agent.waits_since)


def breaches_of_wait(received: Received, agent: Agent) -> Iterator[Breach]:
    """Check that an agent waits as long as the server has asked it to."""
    if agent.wait_until is not None and received.at < agent.wait_until - _GRACE_SECONDS:
        early = agent.wait_until - received.at
        yield warning(agent.wait_requirement, "no message before the wait is over", f"one {early:.1f} s too early")


def breaches_of_backoff(received: Received, agent: Agent) -> Iterator[Breach]:
    """Check that an agent whose requests are refused waits longer each time.

    Only many requests within a short time count: any waits that grow exponentially would need more time.
    """
    if received.http is None or agent.refused_requests < _MOST_REFUSED:
        return
    seconds = received.at - agent.refused_since
    if seconds < _REFUSED_SECONDS:
        expected = "waits that grow with each refused request"
        actual = f"{agent.refused_requests + 1} requests within {seconds:.1f} s"
        yield warning("connection.backoff-jitter", expected, actual)


def _repeated(received: Received, message: pb.AgentToServer, agent: Agent, talk: Conversation) -> Iterator[Breach]:
    has_parts = any(message.HasField(part) for part in STATUS_PARTS)
    if has_parts and talk.was_refused_as_bad and without_number(message) == talk.was_refused_as_bad:
        yield warning("bad-request.no-retry", "no second try of a message that got BadRequest", "the same again")


def without_number(message: pb.AgentToServer) -> bytes:
    """Return a message in bytes, without its sequence number."""
    copy = pb.AgentToServer()
    copy.CopyFrom(message)
    copy.sequence_num = 0
    return fingerprint(copy)


def _hashes(received: Received, message: pb.AgentToServer, agent: Agent, talk: Conversation) -> Iterator[Breach]:
    """Check the hashes in statuses. An agent may know some from before; it tells them in its first report."""
    pairs = (
        (
            "remote_config_status",
            "last_remote_config_hash",
            agent.config_hashes,
            pb.AgentCapabilities_AcceptsRemoteConfig,
            "remote-config.last-hash",
        ),
        (
            "connection_settings_status",
            "last_connection_settings_hash",
            agent.settings_hashes,
            pb.AgentCapabilities_ReportsConnectionSettingsStatus,
            "connection-status.last-hash",
        ),
    )
    is_under_way = _may_be_under_way(received, agent.offered_at)
    for part, name, offered, capability, requirement in pairs:
        if not message.HasField(part) or (part not in talk.parts and not offered):
            continue
        status = getattr(message, part)
        came: bytes = getattr(status, name)
        is_meant = bool(status.status or message.capabilities & capability)  # Else, the agent ignores offers.
        if not came and offered and is_meant and not is_under_way:
            yield warning(requirement, "the hash of an offer", "none")
        elif came and came not in offered and part in talk.parts and came not in talk.reported_hashes:
            yield failure(requirement, "the hash of an offer", came.hex())


def _custom(received: Received, message: pb.AgentToServer, agent: Agent, talk: Conversation) -> Iterator[Breach]:
    if not message.HasField("custom_message"):
        return
    capability = message.custom_message.capability
    if agent.custom_capabilities is None or capability in agent.server_custom_capabilities:
        return
    if capability not in message.custom_capabilities.capabilities and short_name(capability) not in (
        agent.custom_capabilities
    ):
        yield warning("custom.capability-matches", "a custom message of an announced capability", repr(capability))


def short_name(capability: str) -> str:
    """Return a name to remember: a digest of a long one."""
    return capability if len(capability) <= _SMALL_BYTES else hashlib.sha256(capability.encode()).hexdigest()


def _server_capabilities(
    received: Received, message: pb.AgentToServer, agent: Agent, talk: Conversation
) -> Iterator[Breach]:
    if _may_be_under_way(received, agent.capabilities_at) or talk.messages <= 1:
        return
    for part in sorted(agent.unaccepted):
        if message.HasField(part):
            expected = f"no {part}, because the server does not accept it"
            yield warning("interop.agent-stops-unsupported", expected, part)


def breaches_of_concurrency(received: Received, agent: Agent) -> Iterator[Breach]:
    """Check a message against what is open at the same time: requests, and other connections."""
    if received.http is not None:
        others = agent.open_requests.values()
        if any(received.at - one.at < _PARALLEL_SECONDS and one.is_awaited() for one in others):
            yield failure("http.one-request-in-flight", "one request at a time", "a second one before the answer")
    elif len(agent.websockets) > 1 and received.at - agent.websockets[received.connection] >= _END_SECONDS:
        yield warning("duplicate.one-connection", "one connection of an agent", "a message on another one")


Rule = Callable[[Received, pb.AgentToServer, Agent, Conversation], Iterator[Breach]]
_RULES: Final[tuple[Rule, ...]] = (
    _sequence,
    _first_report,
    _full_state,
    _unchanged,
    _loop,
    _hasty,
    _new_uid,
    _after_leaving,
    _waits,
    _repeated,
    _hashes,
    _custom,
    _server_capabilities,
)
