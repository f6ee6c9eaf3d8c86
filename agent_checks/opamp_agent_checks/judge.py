"""Follows the conversations of all agents with a server, and collects what the agents break."""

import hashlib
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from opamp_agent_checks.finding import MAX_SAMPLES, AgentFinding, Breach, Severity, failure
from opamp_agent_checks.memory import Agent, Conversation
from opamp_agent_checks.message_checks import (
    STATUS_PARTS,
    breaches_of_content_type,
    breaches_of_fields,
    breaches_of_form,
    breaches_of_method,
)
from opamp_agent_checks.rules import (
    begins_with_new_settings,
    breaches_of_backoff,
    breaches_of_concurrency,
    breaches_of_order,
    breaches_of_wait,
    fingerprint,
    is_bare,
    is_idle,
    is_started_again,
    may_come_during_wait,
    short_name,
    without_number,
)
from opamp_agent_checks.traffic import Closed, Received, Sent
from opamp_proto import CONTENT_TYPE, INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb

# Bounds of what is remembered, so that agents cannot fill the memory of a server.
_MOST_AGENTS: Final = 10_000
_MOST_FINDINGS: Final = 10_000
_ORDER: Final = tuple(Severity)
_HASH_BYTES: Final = 128
_MOST_HASHES: Final = 100
_SAMPLE_BYTES: Final = 16 * 1024
_ALL_SAMPLES_BYTES: Final = 4 * 1024 * 1024
"""A decoded message may need many times as much memory."""
_MOST_CAPABILITIES: Final = 1000
_MOST_EARLY: Final = 8
_UID_BYTES: Final = 16
_TEXT_CHARACTERS: Final = 500
_ACCEPTED_BY: Final = {
    "effective_config": pb.ServerCapabilities_AcceptsEffectiveConfig,
    "package_statuses": pb.ServerCapabilities_AcceptsPackagesStatus,
    "connection_settings_request": pb.ServerCapabilities_AcceptsConnectionSettingsRequest,
}
_KEPT_PARTS: Final = (*STATUS_PARTS, "custom_capabilities")


class AgentJudge:
    """Takes what happens, in its order, and gives findings. Agents that were silent the longest are forgotten first."""

    def __init__(self) -> None:
        self.on_finding: Callable[[AgentFinding], None] = lambda finding: None
        """It is called for the first breach of a requirement by an agent, and for the first one that is worse."""
        self.provoked_by = ""
        """What the server does wrong on purpose now, to all agents; findings say so, also later ones."""
        self._agents: OrderedDict[bytes, Agent] = OrderedDict()
        self._websockets: dict[int, Conversation] = {}
        self._uid_of: dict[int, bytes] = {}
        self._early: dict[int, deque[Sent]] = {}
        """What the server has sent on a WebSocket before the first message of the agent."""
        self._findings: dict[tuple[str, bytes, str], AgentFinding] = {}
        self._seen: set[bytes] = set()
        self._given: dict[bytes, bytes] = {}
        self._sample_bytes = 0

    @property
    def findings(self) -> list[AgentFinding]:
        """Everything that was broken, in the order of the first time."""
        return list(self._findings.values())

    @property
    def agents(self) -> int:
        """How many agents have sent a message."""
        return len(self._seen)

    def by_requirement(self) -> Mapping[str, list[AgentFinding]]:
        """Return the findings of each requirement."""
        found: dict[str, list[AgentFinding]] = {}
        for finding in self._findings.values():
            found.setdefault(finding.requirement, []).append(finding)
        return found

    def forget(self) -> None:
        """Delete all findings, and what is known of agents."""
        self._findings.clear()
        self._agents.clear()
        self._websockets.clear()
        self._uid_of.clear()
        self._early.clear()
        self._seen.clear()
        self._given.clear()
        self._sample_bytes = 0

    # ---- what happens

    def received(self, event: Received) -> None:
        """Judge a message of an agent."""
        message = event.message
        uid = self._uid_of.get(event.connection, b"") if message is None else _bounded(message.instance_uid)
        self._book(event, uid, breaches_of_form(event))
        if message is None:
            return
        agent, talk = self._known(event, uid)
        if is_started_again(message, agent):
            agent.provocations.clear()
        agent.provoke(self.provoked_by)
        for early in self._early.pop(event.connection, ()):
            assert early.message is not None
            # The agent may have composed its first message before it read this.
            self._note_reply(replace(early, at=event.at), early.message, uid, agent, talk)
        self._book(event, uid, self._breaches(event, message, agent, talk))
        self._remember(event, message, agent, talk)

    def sent(self, event: Sent) -> None:
        """Note what the server sent."""
        # Each request over HTTP has an id of its own, which ends with the response.
        ends = event.is_answer and event.status is not None
        uid = self._uid_of.pop(event.connection, None) if ends else self._uid_of.get(event.connection)
        agent = None if uid is None else self._agents.get(uid)
        talk = self._websockets.get(event.connection) or (None if agent is None else agent.http)
        if uid is None and event.status is None and event.message is not None:
            self._early.setdefault(event.connection, deque(maxlen=_MOST_EARLY)).append(event)
        if uid is None or agent is None or talk is None:
            return
        agent.provoke(self.provoked_by)
        if ends:
            agent.open_requests.pop(event.connection, None)
        if event.status is not None and event.status >= 400:
            talk.is_order_known, talk.last_answer_was_error = False, True
            agent.refused(event.at, event.retry_after)
        elif ends:
            agent.refused_requests = 0
        if event.message is not None:
            self._note_reply(event, event.message, uid, agent, talk)

    def provoked(self, instance_uid: bytes, by: str) -> None:
        """Note that the server does something wrong on purpose to one agent, which has sent a message before.

        All findings about the agent say so from then on, until it is started again.
        """
        agent = self._agents.get(_bounded(instance_uid))
        if agent is not None:
            agent.provoke(by)

    def refused(self, event: Received, retry_after: float | None) -> None:
        """Judge a request over HTTP that was refused before its body was read; ``data`` of the event is empty."""
        assert event.http is not None
        uid = _bounded(_uid_of_header(event.http.instance_uid))
        if event.http.method == "POST":
            self._book(event, uid, breaches_of_content_type(event.http))
        elif uid or event.http.content_type == CONTENT_TYPE:  # Others may be from a browser, or a health check.
            self._book(event, uid, breaches_of_method(event.http))
        agent = self._agents.get(uid)
        if agent is not None:
            self._book(event, uid, breaches_of_wait(event, agent))
            self._book(event, uid, breaches_of_backoff(event, agent))
            agent.http.is_order_known = False
            agent.refused(event.at, retry_after)

    def closed(self, event: Closed) -> None:
        """Judge the end of a WebSocket."""
        talk, uid = self._websockets.pop(event.connection, None), self._uid_of.pop(event.connection, b"")
        self._early.pop(event.connection, None)
        agent = self._agents.get(uid)
        if agent is not None:
            agent.websockets.pop(event.connection, None)
            agent.has_closed = event.by_agent and event.has_close_frame
            agent.provoke(self.provoked_by)
        if talk is None or not event.by_agent:
            return
        if event.has_close_frame and not talk.has_left and not talk.last_answer_was_error:
            expected = "agent_disconnect before the Close frame"
            self._book(None, uid, [failure("disconnect.ws-client-message-first", expected, "only a Close frame")])
        elif talk.has_left and not event.has_close_frame:
            expected = "a Close frame after agent_disconnect"
            self._book(None, uid, [failure("disconnect.ws-client-close-frame", expected, "the end of the connection")])

    # ---- inside

    def _breaches(
        self, event: Received, message: pb.AgentToServer, agent: Agent, talk: Conversation
    ) -> Iterator[Breach]:
        yield from breaches_of_fields(message)
        yield from breaches_of_order(event, agent, talk)
        yield from breaches_of_concurrency(event, agent)
        yield from breaches_of_backoff(event, agent)

    def _known(self, event: Received, uid: bytes) -> tuple[Agent, Conversation]:
        """Return the agent and the conversation of a message. An agent keeps its state under a given uid."""
        agent = self._agents.get(uid) or self._agents.get(self._given.pop(uid, b"")) or Agent()
        if agent.new_uid == uid:
            agent.new_uid = b""
        self._agents[uid] = agent
        self._agents.move_to_end(uid)
        if len(self._agents) > _MOST_AGENTS:
            self._agents.popitem(last=False)
        self._uid_of[event.connection] = uid
        if len(self._seen) < _MOST_AGENTS:
            self._seen.add(uid)
        if event.http is not None:
            return agent, agent.http
        agent.websockets.setdefault(event.connection, event.at)
        return agent, self._websockets.setdefault(event.connection, Conversation())

    def _remember(self, event: Received, message: pb.AgentToServer, agent: Agent, talk: Conversation) -> None:
        talk.idle_reports = talk.idle_reports + 1 if is_idle(event, message, talk) else 0
        if begins_with_new_settings(event, message, agent):
            agent.new_connections -= 1
        agent.accepted(message)
        is_in_row = is_bare(message) and talk.acknowledged_at is not None
        talk.bare_messages = talk.bare_messages + 1 if is_in_row else 0
        talk.bare_since = talk.bare_since if talk.bare_messages > 1 else event.at
        for part in _KEPT_PARTS:
            if message.HasField(part):
                talk.parts[part] = fingerprint(getattr(message, part))
        talk.messages_since_asked = 0 if talk.full_state_asked_at is None else talk.messages_since_asked + 1
        if message.HasField("agent_description"):
            talk.full_state_asked_at, talk.messages_since_asked = None, 0
        if message.HasField("custom_capabilities"):
            capabilities = message.custom_capabilities.capabilities
            is_short = len(capabilities) <= _MOST_CAPABILITIES
            agent.custom_capabilities = {short_name(one) for one in capabilities} if is_short else None
        talk.messages += 1
        agent.has_reported, agent.sequence_num = True, message.sequence_num
        talk.repeated_numbers = talk.repeated_numbers + 1 if message.sequence_num == talk.sequence_num else 0
        talk.sequence_num, talk.is_order_known = message.sequence_num, True
        content = without_number(message)
        talk.is_repetition = content == talk.last_content
        talk.last_message, talk.last_content = fingerprint(message), content
        talk.reported_hashes.add(message.remote_config_status.last_remote_config_hash[:_HASH_BYTES])
        talk.reported_hashes.add(message.connection_settings_status.last_connection_settings_hash[:_HASH_BYTES])
        if len(talk.reported_hashes) > _MOST_HASHES:
            talk.reported_hashes.clear()
        talk.acknowledged_at, talk.last_answer_was_error = None, False
        if not may_come_during_wait(event, message, agent):
            agent.wait_until = None
        talk.was_refused_as_bad = b""
        agent.last_message, agent.has_left = talk.last_message, message.HasField("agent_disconnect")
        agent.has_closed = False
        talk.has_left = talk.has_left or agent.has_left
        if event.http is not None:
            agent.open_requests = {number: one for number, one in agent.open_requests.items() if one.is_awaited()}
            agent.open_requests[event.connection] = replace(event, data=b"", message=None)
            if message.HasField("agent_disconnect"):
                agent.http = Conversation()

    def _note_reply(self, event: Sent, reply: pb.ServerToAgent, uid: bytes, agent: Agent, talk: Conversation) -> None:
        if reply.HasField("command"):  # The agent ignores all other fields then.
            talk.acknowledged_at = None
            return
        agent.offered(reply, event.at)
        unaccepted = frozenset(part for part, bit in _ACCEPTED_BY.items() if not reply.capabilities & bit)
        if reply.capabilities and unaccepted != agent.unaccepted:
            agent.unaccepted, agent.capabilities_at = unaccepted, event.at
        if reply.flags & pb.ServerToAgentFlags_ReportFullState:
            talk.last_asked_at = event.at
            talk.was_refused_as_bad = b""  # What was refused may be a part of what is asked for now.
            if talk.full_state_asked_at is None:
                talk.full_state_asked_at = event.at
        new_uid = reply.agent_identification.new_instance_uid
        if len(new_uid) == INSTANCE_UID_BYTES and new_uid != uid:  # An agent need not adopt one of another length.
            agent.new_uid, agent.new_uid_at = new_uid, event.at
            agent.give_up(uid, new_uid)
            self._given[new_uid] = uid
            if len(self._given) > _MOST_AGENTS:
                self._given.clear()
        talk.last_answer_was_error = reply.HasField("error_response")
        if reply.error_response.type == pb.ServerErrorResponseType_BadRequest:
            # An agent that repeats itself anyway goes on, and does not try again.
            talk.was_refused_as_bad = b"" if talk.is_repetition else talk.last_content
        wait = reply.error_response.retry_info.retry_after_nanoseconds
        if reply.error_response.type == pb.ServerErrorResponseType_Unavailable and wait:
            agent.wait("throttle.retry-after-ns", event.at, wait / 1e9)
        beyond = [field.name for field, _ in reply.ListFields() if field.name not in ("instance_uid", "capabilities")]
        talk.acknowledged_at = event.at if event.is_answer and not beyond else None

    def _book(self, event: Received | None, uid: bytes, breaches: Iterable[Breach]) -> None:
        agent = self._agents.get(uid)
        for breach in breaches:
            provoked_by = self.provoked_by if agent is None else agent.provoked_by
            key = (breach.requirement, uid, provoked_by)
            finding = self._findings.get(key)
            if finding is None:
                if len(self._findings) >= _MOST_FINDINGS:
                    return
                expected, actual = _short(breach.expected), _short(breach.actual)
                finding = AgentFinding(breach.requirement, breach.severity, uid, expected, actual, provoked_by)
                self._findings[key] = finding
                self.on_finding(finding)
            elif _ORDER.index(breach.severity) < _ORDER.index(finding.severity):
                finding.severity = breach.severity
                finding.expected, finding.actual = _short(breach.expected), _short(breach.actual)
                self.on_finding(finding)
            finding.count += 1
            if event is not None and len(finding.samples) < MAX_SAMPLES:
                finding.samples.append(self._sample(event))

    def _sample(self, event: Received) -> Received:
        """Return a message for the samples of a finding: a large one, or one too many, without its content."""
        left = min(_SAMPLE_BYTES, _ALL_SAMPLES_BYTES - self._sample_bytes)
        data = event.data[:left]
        self._sample_bytes += len(data)
        message = event.message if len(event.data) <= left else None
        return Received(event.at, event.connection, data, message, event.http, event.is_text)


def _short(text: str) -> str:
    return text if len(text) <= _TEXT_CHARACTERS else f"{text[:_TEXT_CHARACTERS]}…"


def _bounded(uid: bytes) -> bytes:
    """Return an instance_uid as it is remembered: of a wrong, long one the beginning and a digest."""
    return uid if len(uid) <= _UID_BYTES else uid[:_UID_BYTES] + hashlib.sha256(uid).digest()[:_UID_BYTES]


def _uid_of_header(value: str | None) -> bytes:
    """Return the instance_uid in a header, empty if there is none."""
    try:
        return bytes.fromhex((value or "").replace("-", ""))
    except ValueError:
        return b""
