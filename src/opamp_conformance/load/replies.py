"""The meaning of a reply for its agent, and the requirements that it breaks according to the checks of the suite."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from google.protobuf.message import DecodeError

from opamp_conformance.assertions import identification as assert_identification
from opamp_conformance.checks.server_messages import CHECKS
from opamp_conformance.errors import PreconditionFailedError, Violation, ViolationError
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.load.connections import Answer
from opamp_conformance.load.followed_agents import FollowedAgents
from opamp_conformance.redaction import Redactor
from opamp_conformance.results.transcript import transcript_of
from opamp_conformance.text import printable
from opamp_conformance.wire.exchange import Exchange, error_name
from opamp_conformance.wire.http import HttpRequest, HttpResponse
from opamp_conformance.wire.websocket import HEADER, ReceivedMessage, WebSocketMessage
from opamp_proto import INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb

UNIQUE: Final = "fleet.new-uid.unique"
"""The requirement that is checked across all agents of a test."""
# Replies of one server differ in few ways; a server that sends more is interpreted in full.
_MAX_REMEMBERED: Final = 1000
# A reason has to fit into one line.
_MAX_REASON_CHARACTERS: Final = 200
_ACKNOWLEDGEMENT_BYTES: Final = 2 + INSTANCE_UID_BYTES

ENROLLMENT: Final[Mapping[Contract, Mapping[str, Callable[[Exchange], None]]]] = {
    Contract.OPAMP: {"identification.request-uid.answered": assert_identification.announced},
    Contract.FLEET: {
        "fleet.request-uid.unknown-agent": assert_identification.announced,
        "fleet.request-uid.echo": assert_identification.echo,
        "fleet.new-uid.other-than-incoming": assert_identification.other_than_incoming,
        "fleet.new-uid.uuidv7": assert_identification.uuid_version_7,
        "fleet.new-uid.time": lambda exchange: assert_identification.time_near(exchange, time.time()),
    },
}
"""The assertions about the reply to an agent that asks for an instance_uid, by contract."""


class MessageStatus(Enum):
    """The result of a message."""

    ANSWERED = "answered"
    THROTTLED = "throttled"
    FAILED = "failed"


@dataclass
class ReplyOutcome:
    """The meaning of a reply. ``reason`` is why the message failed.

    ``violations`` are requirements, each with a sample as text. ``interval`` is the heartbeat interval that the server
    sets, in seconds; 0 means no heartbeats.
    """

    status: MessageStatus = MessageStatus.ANSWERED
    reason: str = ""
    is_message: bool = True
    retry_after: float | None = None
    new_instance_uid: bytes = b""
    wants_full_report: bool = False
    interval: float | None = None
    violations: tuple[tuple[str, str], ...] = ()


ACKNOWLEDGED: Final = ReplyOutcome()


class ReplyInterpreter:
    """Interprets replies. It describes ``samples`` violations of each requirement, because a description takes time."""

    def __init__(self, contract: Contract, headers: Mapping[str, str], samples: int = 1) -> None:
        self._contract = contract
        self._redactor = Redactor(headers)
        self._samples = samples
        self._described: dict[str, int] = {}
        self._valid: dict[tuple[bytes, bytes], ReplyOutcome] = {}
        self.followed = FollowedAgents(contract)

    def interpret(
        self, uid: bytes, rest: bytes, data: bytes, answer: Answer, seconds: float, *, asked: bool
    ) -> ReplyOutcome:
        """Interpret the reply to a message of an agent.

        ``data`` is the message, ``rest`` its part after instance_uid and sequence_num; ``asked`` says whether it asked
        for an instance_uid.
        """
        body = _body(answer)
        if rest and uid in self.followed:
            return self._follow(_exchange(data, answer, seconds), asked=asked)
        if not asked and body is not None and _is_acknowledgement(body, uid):
            return ACKNOWLEDGED  # Nearly all replies are this one, so it is recognized without decoding.
        known = None if body is None else self._recognize(uid, rest, body)
        if known is not None:
            return known
        exchange = _exchange(data, answer, seconds)
        outcome = self._judge(exchange, asked=asked)
        if outcome.status is MessageStatus.ANSWERED and not outcome.violations and body is not None:
            self._remember(uid, rest, body, outcome)
        return outcome

    def _judge(self, exchange: Exchange, *, asked: bool) -> ReplyOutcome:
        outcome = self._decode(exchange)
        if outcome.is_message:
            self._check(exchange, outcome, asked=asked and outcome.status is MessageStatus.ANSWERED)
        return outcome

    def _follow(self, exchange: Exchange, *, asked: bool) -> ReplyOutcome:
        """Interpret a reply with all that came before it."""
        outcome = self._judge(exchange, asked=asked)
        if outcome.status is MessageStatus.THROTTLED:  # A busy server may refuse any message: the agent sends it again.
            return outcome
        known = {requirement for requirement, _ in outcome.violations}
        for requirement, violation in self.followed.breaches(exchange):
            if requirement not in known:
                self._add(outcome, requirement, exchange, violation)
        return outcome

    def _recognize(self, uid: bytes, rest: bytes, body: bytes) -> ReplyOutcome | None:
        """Interpret a reply that differs from an earlier valid one only in its instance_uids."""
        try:
            reply = pb.ServerToAgent.FromString(body)
        except DecodeError:
            return None
        announced = reply.agent_identification.new_instance_uid
        known = self._valid.get((rest, _without(body, uid, announced)))
        if known is None or (announced and not is_fresh_uuid(announced, uid, time.time())):
            return None  # A reply with a foreign instance_uid is never known, either.
        return replace(known, new_instance_uid=announced) if announced else known

    def _remember(self, uid: bytes, rest: bytes, body: bytes, outcome: ReplyOutcome) -> None:
        if len(self._valid) < _MAX_REMEMBERED:
            self._valid[rest, _without(body, uid, outcome.new_instance_uid)] = outcome

    def _decode(self, exchange: Exchange) -> ReplyOutcome:
        message = exchange.message
        if exchange.is_throttled:
            is_message = message is not None
            return ReplyOutcome(MessageStatus.THROTTLED, is_message=is_message, retry_after=exchange.retry_after)
        if message is None:
            return self._no_message(exchange)
        if message.HasField("error_response"):
            error = message.error_response
            if error.type == pb.ServerErrorResponseType_Unavailable:
                return ReplyOutcome(MessageStatus.THROTTLED, retry_after=exchange.retry_after)
            reason = self.shown(f"{error_name(error.type)}: {error.error_message}")
            return ReplyOutcome(MessageStatus.FAILED, reason)
        outcome = ReplyOutcome(new_instance_uid=message.agent_identification.new_instance_uid)
        outcome.wants_full_report = bool(message.flags & pb.ServerToAgentFlags_ReportFullState)
        if message.connection_settings.HasField("opamp"):
            outcome.interval = float(message.connection_settings.opamp.heartbeat_interval_seconds)
        return outcome

    def _no_message(self, exchange: Exchange) -> ReplyOutcome:
        if exchange.status not in (200, None):
            return ReplyOutcome(MessageStatus.FAILED, f"status {exchange.status}", is_message=False)
        problem = exchange.problem or Violation("a ServerToAgent", "nothing")
        outcome = ReplyOutcome(MessageStatus.FAILED, self.shown(problem.actual), is_message=False)
        self._add(outcome, exchange.broken_by_no_message, exchange, problem)
        return outcome

    def _check(self, exchange: Exchange, outcome: ReplyOutcome, *, asked: bool) -> None:
        for requirement, check in CHECKS.items():
            violation = check(exchange.request.message, exchange.reply)
            if violation is not None:
                self._add(outcome, requirement, exchange, violation)
        if not asked:
            return
        for requirement, assertion in ENROLLMENT[self._contract].items():
            try:
                assertion(exchange)
            except ViolationError as error:
                self._add(outcome, requirement, exchange, error.violation)
            except (PreconditionFailedError, ValueError):
                pass  # The check of the length reports an instance_uid that is not a UUID.
            if not outcome.new_instance_uid:
                break

    def _add(self, outcome: ReplyOutcome, requirement: str, exchange: Exchange, violation: Violation) -> None:
        times = self._described.get(requirement, 0)
        sample = ""
        if times < self._samples:
            self._described[requirement] = times + 1
            sample = self._describe(exchange, violation)
        outcome.violations = (*outcome.violations, (requirement, sample))

    def shown(self, reason: str) -> str:
        """Return a text of the server in one line, of limited length and without secrets."""
        return printable(self._redactor.text(reason))[:_MAX_REASON_CHARACTERS]

    def _describe(self, exchange: Exchange, violation: Violation) -> str:
        [entry] = transcript_of([exchange], self._redactor)
        lines = [str(violation), f"sent {entry.method}", entry.request_message]
        lines += [f"  {entry.request_bytes}", f"received: {entry.outcome}", entry.response_message]
        return self._redactor.text("\n".join([*lines, f"  {entry.response_bytes}"]))


def is_fresh_uuid(announced: bytes, uid: bytes, now: float) -> bool:
    """Make all checks of a new_instance_uid in one step; ``now`` is in seconds since 1970."""
    return (
        len(announced) == INSTANCE_UID_BYTES
        and announced != uid
        and announced[6] >> 4 == 7
        and announced[8] >> 6 == 0b10
        and abs(int.from_bytes(announced[:6], "big") / 1000 - now) <= assert_identification.DAY
    )


def _is_acknowledgement(body: bytes, uid: bytes) -> bool:
    """Return whether a ServerToAgent has only the right instance_uid: its tag, its length and its bytes."""
    return len(body) == _ACKNOWLEDGEMENT_BYTES and body[:2] == b"\n\x10" and body[2:] == uid


def _body(answer: Answer) -> bytes | None:
    """Return the ServerToAgent of an ordinary answer, None for any other answer."""
    if answer.status == 200:
        return answer.body
    return answer.body[len(HEADER) :] if answer.status is None and answer.body[:1] == HEADER else None


def _without(body: bytes, uid: bytes, announced: bytes) -> bytes:
    body = body.replace(uid, b"", 1)
    return body.replace(announced, b"", 1) if announced else body


def _exchange(data: bytes, answer: Answer, seconds: float) -> Exchange:
    message = pb.AgentToServer.FromString(data)
    if answer.status is None:
        request = WebSocketMessage(HEADER + data, message, message.instance_uid)
        return Exchange(request, 0, seconds, ReceivedMessage(answer.body))
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
    return Exchange(HttpRequest(data, message), 0, seconds, HttpResponse(answer.status, headers, answer.body))
