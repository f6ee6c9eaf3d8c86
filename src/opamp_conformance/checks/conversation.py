"""A model of every conversation: what each message of the server has to be, after all that came before.

It knows what each agent has sent and what it was answered. Where the specification is open, it reports nothing.
"""

from collections.abc import Collection, Iterator
from typing import Final

from opamp_conformance.checks.agent_memory import ANY_CAPABILITIES, AgentMemory
from opamp_conformance.checks.answer_rules import ANSWER_RULES
from opamp_conformance.checks.fleet_rules import FLEET_RULES
from opamp_conformance.checks.known_agents import MOST_AGENTS, KnownAgents
from opamp_conformance.checks.offer_memory import Breach, OfferMemory, remember_offers
from opamp_conformance.checks.situation import Rule, Situation, is_ordinary
from opamp_conformance.errors import Violation
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import HttpRequest
from opamp_conformance.wire.websocket import HEADER, ReceivedMessage
from opamp_proto import INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb

_NOT_SERVED: Final = (404, 405, 426, 501)
"""These statuses of HTTP mean that a path, a method or a protocol is not supported."""
_UID_TAG: Final = bytes([pb.AgentToServer.INSTANCE_UID_FIELD_NUMBER << 3 | 2, INSTANCE_UID_BYTES])
"""The bytes before an instance_uid, with which a message begins."""
CUSTOM_MESSAGES: Final = "custom.capability-matches"
NEW_INSTANCE_UIDS: Final = "identification.request-uid.answered"
FORGOTTEN: Final = "disconnect.server-forgets-instance"


class Conversation:
    """The conversations of all agents of one process with one server: a bounded number of them."""

    def __init__(self, contracts: Collection[str] = (Contract.OPAMP,)) -> None:
        self._rules: tuple[tuple[str, Rule], ...] = ANSWER_RULES + (FLEET_RULES if Contract.FLEET in contracts else ())
        self.agents = KnownAgents()
        self._twins: set[bytes] = set()
        self._open: set[bytes] = set()
        self._greeted: set[bytes] = set()
        self._announced: dict[bytes, bytes] = {}
        self._offers = OfferMemory()

    # ---- what the exchanges do not show

    def forget_agents(self) -> None:
        """Forget all agents, as between two scenarios, and after a restart of the server.

        The server may still know them, so nothing is certain about their next messages.
        """
        self.agents.forget_all()
        self._twins.clear()
        self._open.clear()
        self._greeted.clear()

    def forget(self, instance_uid: bytes) -> None:
        """Note that the server may know an agent from messages that the model has not seen."""
        self.agents.forget(instance_uid)

    def connection_closed(self, connection_id: bytes) -> None:
        """Note that a WebSocket has ended."""
        self._open.discard(connection_id)
        self._greeted.discard(connection_id)
        self.agents.closed(connection_id)

    def offers_change(self, instance_uid: bytes) -> None:
        """Note that an operator changes what the server offers to an agent."""
        agent = self.agents.get(instance_uid)
        if agent is not None:
            agent.offered.Clear()

    def overlapping(self, instance_uid: bytes) -> None:
        """Note that an agent sends several messages at once, so that nobody knows in which order they arrive."""
        if len(self._twins) >= MOST_AGENTS:
            self._twins.clear()  # The next message of a twin shows it again.
        self._twins.add(instance_uid)
        self._unsettle(instance_uid)

    # ---- the exchanges

    def lacks_something(self, exchange: Exchange) -> bool:
        """Return whether the answer of an exchange that is not yet followed breaks a rule.

        Over WebSocket, another message may have what is missing.
        """
        return any(self._breaches(self._situation(exchange)))

    def follow(self, exchange: Exchange) -> Iterator[Breach]:
        """Yield what the message of an exchange breaks, and remember the exchange."""
        sent = exchange.request.message
        if sent is None:
            self._unsettle_senders(exchange)
        else:
            self._find_twin(sent.instance_uid, exchange)
        situation = self._situation(exchange)
        yield from self._breaches(situation)
        if sent is not None and not exchange.is_push:
            self._remember(exchange, sent, situation)
        if situation is None and sent is not None and _is_unreadable(exchange):
            yield exchange.broken_by_no_message, exchange.problem or Violation("a ServerToAgent", "none")
        if exchange.message is not None:
            yield from self._check_message(exchange, exchange.message)
        if exchange.connection_id is not None and exchange.message is not None:
            self._open.add(exchange.connection_id)
            if exchange.message.capabilities or not exchange.message.HasField("error_response"):
                self._greeted.add(exchange.connection_id)

    def sent_to(self, exchange: Exchange) -> pb.AgentToServer | None:
        """Return the message that an answer has to fit: for a message to another agent, the last one of that agent."""
        sent, reply = exchange.request.message, exchange.message
        if sent is None:
            return None
        if exchange.is_push and reply is not None and reply.instance_uid != sent.instance_uid:
            other = self.agents.get(reply.instance_uid)
            if other is not None and other.connection_id == exchange.connection_id:
                sent = other.last_sent
        if sent.capabilities:
            return sent
        known, poll = self.agents.get(sent.instance_uid), pb.AgentToServer()
        poll.CopyFrom(sent)  # A poll has no capabilities, and takes none away.
        poll.capabilities = ANY_CAPABILITIES if known is None else known.capabilities
        return poll

    def _breaches(self, situation: Situation | None) -> Iterator[Breach]:
        if situation is None:
            return
        for requirement, rule in self._rules:
            violation = rule(situation)
            if violation is not None:
                yield requirement, violation

    def _situation(self, exchange: Exchange) -> Situation | None:
        """Return the situation of an answer to an ordinary message, None for any other exchange."""
        sent, reply = exchange.request.message, exchange.message
        if sent is None or reply is None or not is_ordinary(exchange):
            return None
        agent = self.agents.get(sent.instance_uid)
        if agent is None and self.agents.is_uncertain(sent.instance_uid):
            return None
        is_first = exchange.connection_id is None or exchange.connection_id not in self._greeted
        announced_to = self._announced.get(reply.agent_identification.new_instance_uid, b"")
        return Situation(exchange, sent, reply, agent, is_first, announced_to)

    def _remember(self, exchange: Exchange, sent: pb.AgentToServer, situation: Situation | None) -> None:
        uid = sent.instance_uid
        known = self.agents.get(uid)
        enrolled = None if self.agents.is_uncertain(uid) else False
        agent = self.agents.remember(uid, known or AgentMemory(sent, is_enrolled=enrolled))
        if known is None:
            agent.is_greeted = situation is None or not situation.is_error or bool(situation.reply.capabilities)
        agent.is_greeted |= situation is None
        if situation is None or situation.is_error:
            agent.may_have_reported(sent)
            self._unsettle(uid, is_refused=situation is not None and situation.is_bad_request)
            return
        agent.report(sent)
        if situation.announced:
            self._enroll_anew(exchange, situation, agent)
        else:
            agent.accept(sent, situation.reply)
            self.agents.bind(uid, exchange.connection_id)
        if uid in self._twins:
            self._unsettle(uid)

    def _enroll_anew(self, exchange: Exchange, situation: Situation, old: AgentMemory) -> None:
        """Remember that the agent of a message has a new instance_uid, and what the server knows under it."""
        old.sequence_num = None
        old.may_have_reported(situation.sent)  # Some servers forget an agent under its old instance_uid.
        new = self.agents.remember(situation.announced, AgentMemory(situation.sent))
        new.report(situation.sent)
        new.sequence_num = situation.sent.sequence_num
        new.is_enrolled = new.is_new = True
        self.agents.bind(situation.announced, exchange.connection_id)
        if not situation.asks_for_uid:  # The server has found a duplicate, or has other reasons.
            old.is_enrolled = None

    def _check_message(self, exchange: Exchange, reply: pb.ServerToAgent) -> Iterator[Breach]:
        """Yield what any message of the server breaks, an answer or an unsolicited one."""
        agent = self.agents.get(reply.instance_uid) or self.agents.get(exchange.instance_uid)
        sent = exchange.request.message
        is_requested = sent is not None and sent.HasField("connection_settings_request")
        yield from self._offers.check(reply, agent, is_requested=is_requested)
        if agent is not None:
            remember_offers(agent, reply, is_requested=is_requested)
        violation = self._undeclared_custom_message(reply, agent)
        if violation is not None:
            yield CUSTOM_MESSAGES, violation
        yield from self._uid_that_is_not_new(exchange, reply)
        if reply.agent_identification.new_instance_uid not in self.agents:
            self.agents.note_uncertain(reply.agent_identification.new_instance_uid)
        if exchange.is_push and agent is not None and agent.has_left and reply.instance_uid in self.agents:
            yield FORGOTTEN, Violation("no message for an agent that has disconnected", "an unsolicited message")

    def _undeclared_custom_message(self, reply: pb.ServerToAgent, agent: AgentMemory | None) -> Violation | None:
        if not reply.HasField("custom_message"):
            return None
        got = reply.custom_message.capability
        if agent is not None and got in agent.custom_capabilities:
            return None
        return Violation("only custom messages of capabilities that the agent has declared", repr(got))

    def _uid_that_is_not_new(self, exchange: Exchange, reply: pb.ServerToAgent) -> Iterator[Breach]:
        announced, sender = reply.agent_identification.new_instance_uid, exchange.instance_uid
        # An unsolicited message may be for another agent of the same WebSocket, and unreadable bytes have no sender.
        if not announced or not sender or exchange.is_push:
            return
        if announced == sender:
            expected = "a new_instance_uid that differs from the instance_uid of the agent"
            yield NEW_INSTANCE_UIDS, Violation(expected, announced.hex())
        elif self._announced.setdefault(announced, sender) != sender:
            yield NEW_INSTANCE_UIDS, Violation("another new_instance_uid for each agent", f"{announced.hex()} again")
        if len(self._announced) > MOST_AGENTS:
            del self._announced[next(iter(self._announced))]

    def _find_twin(self, instance_uid: bytes, exchange: Exchange) -> None:
        """Note that two WebSockets are in use with one instance_uid."""
        agent = self.agents.get(instance_uid)
        if agent is None or exchange.connection_id is None or exchange.is_push:
            return
        if agent.connection_id in self._open and agent.connection_id != exchange.connection_id:
            self.overlapping(instance_uid)

    def _unsettle_senders(self, exchange: Exchange) -> None:
        """Forget what an unreadable request makes uncertain: some server may have read it after all."""
        request = exchange.request
        is_encoded = isinstance(request, HttpRequest) and any(
            name.lower() == "content-encoding" for name in request.headers
        )
        self.agents.note_uncertain(_uid_in(exchange))
        for instance_uid in self.agents:
            if is_encoded or instance_uid in request.body:
                self._unsettle(instance_uid)

    def _unsettle(self, instance_uid: bytes, *, is_refused: bool = False) -> None:
        """Note that it is not certain what the server knows of an agent; a refused message enrolls nobody."""
        agent = self.agents.get(instance_uid)
        if agent is not None:
            agent.sequence_num = agent.left_at = None
            agent.is_enrolled = agent.is_enrolled or (agent.is_enrolled if is_refused else None)
            if instance_uid in self._twins:
                agent.is_enrolled = None


def _is_unreadable(exchange: Exchange) -> bool:
    """Return whether an ordinary message got an answer that is no ServerToAgent."""
    response = exchange.response
    if isinstance(response, ReceivedMessage) and (not response.is_binary or response.body[:1] != HEADER):
        return False  # The checks of every exchange look at the form of a WebSocket message.
    if exchange.status in _NOT_SERVED:
        return False
    return response is not None and exchange.message is None and is_ordinary(exchange)


def _uid_in(exchange: Exchange) -> bytes:
    """Return the instance_uid that an unreadable request may have for a lenient server, empty if it has none."""
    _, tag, rest = exchange.request.body.partition(_UID_TAG)
    return rest[:INSTANCE_UID_BYTES] if tag else (exchange.connection_id or b"")[:INSTANCE_UID_BYTES]
