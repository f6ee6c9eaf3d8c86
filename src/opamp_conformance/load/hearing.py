"""What an answer means for the agent that gets it, and which requirements it breaks: by the checks of the suite."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from google.protobuf.message import DecodeError

from opamp_conformance import traffic
from opamp_conformance.errors import Breach, Unmet
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import identification as expect_identification
from opamp_conformance.ledger import Contract
from opamp_conformance.load.lines import Answer
from opamp_conformance.redaction import Redactor, printable
from opamp_conformance.transports.http import Request, Response
from opamp_conformance.transports.websocket import HEADER, Frame, Received
from opamp_conformance.validation import CHECKS, name_of_error
from opamp_proto import INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb

UNIQUE: Final = "fleet.new-uid.unique"
_MOST_REMEMBERED: Final = 1000
_LONGEST_REASON: Final = 200

_ENROLLMENT: Final[Mapping[Contract, Mapping[str, Callable[[Exchange], None]]]] = {
    Contract.OPAMP: {"identification.request-uid.answered": expect_identification.instance_uid_announced},
    Contract.FLEET: {
        "fleet.request-uid.unknown-agent": expect_identification.instance_uid_announced,
        "fleet.request-uid.echo": expect_identification.echo,
        "fleet.new-uid.other-than-incoming": expect_identification.other_than_incoming,
        "fleet.new-uid.uuidv7": expect_identification.uuid_version_7,
        "fleet.new-uid.time": lambda exchange: expect_identification.time_near(exchange, time.time()),
    },
}
"""What the answer to an agent that asks for an instance_uid is held to, by contract."""


class Outcome(Enum):
    """How a message fared."""

    ANSWERED = "answered"
    THROTTLED = "throttled"
    FAILED = "failed"


@dataclass
class Heard:
    """What an answer means. ``reason`` is why it is a failure; ``breaches`` are by requirement, with a sample as text.

    ``interval`` is one that the server sets, in seconds; 0 is none at all.
    """

    outcome: Outcome = Outcome.ANSWERED
    reason: str = ""
    is_message: bool = True
    retry_after: float | None = None
    new_instance_uid: bytes = b""
    wants_full_report: bool = False
    interval: float | None = None
    breaches: tuple[tuple[str, str], ...] = ()


ACKNOWLEDGED: Final = Heard()


class Hearing:
    """Understands answers. Of the breaches of each requirement, ``samples`` are described, as that takes time."""

    def __init__(self, contract: Contract, headers: Mapping[str, str], samples: int = 1) -> None:
        self._contract = contract
        self._redactor = Redactor(headers)
        self._samples = samples
        self._described: dict[str, int] = {}
        self._sound: dict[tuple[bytes, bytes], Heard] = {}

    def hear(self, uid: bytes, rest: bytes, data: bytes, answer: Answer, seconds: float, *, asked: bool) -> Heard:
        """Understand the answer to a message of an agent.

        ``data`` is the message, and ``rest`` what it has after instance_uid and sequence_num; ``asked`` says that it
        asked for an instance_uid.
        """
        body = _body(answer)
        if not asked and body is not None and len(body) == 18 and body[:2] == b"\n\x10" and body[2:] == uid:
            return ACKNOWLEDGED  # By far the most: nothing but the right instance_uid.
        known = None if body is None else self._recognize(uid, rest, body)
        if known is not None:
            return known
        exchange = _exchange(data, answer, seconds)
        heard = self._understand(exchange)
        if heard.is_message:
            self._check(exchange, heard, asked=asked and heard.outcome is Outcome.ANSWERED)
        if heard.outcome is Outcome.ANSWERED and not heard.breaches and body is not None:
            self._remember(uid, rest, body, heard)
        return heard

    def _recognize(self, uid: bytes, rest: bytes, body: bytes) -> Heard | None:
        """Understand an answer that differs from one that was found sound in nothing but its instance_uids."""
        try:
            reply = pb.ServerToAgent.FromString(body)
        except DecodeError:
            return None
        announced = reply.agent_identification.new_instance_uid
        known = self._sound.get((rest, _without(body, uid, announced)))
        if known is None or (announced and not is_fresh_uuid(announced, uid, time.time())):
            return None  # With another instance_uid than the agent's, too, nothing like it is known.
        return replace(known, new_instance_uid=announced) if announced else known

    def _remember(self, uid: bytes, rest: bytes, body: bytes, heard: Heard) -> None:
        if len(self._sound) < _MOST_REMEMBERED:
            self._sound[rest, _without(body, uid, heard.new_instance_uid)] = heard

    def _understand(self, exchange: Exchange) -> Heard:
        message = exchange.message
        if exchange.is_throttled:
            is_message = not isinstance(message, Breach)
            return Heard(Outcome.THROTTLED, is_message=is_message, retry_after=exchange.retry_after)
        if isinstance(message, Breach):
            if exchange.status not in (200, None):
                return Heard(Outcome.FAILED, f"status {exchange.status}", is_message=False)
            heard = Heard(Outcome.FAILED, self.shown(message.actual), is_message=False)
            self._breach(heard, exchange.broken_by_no_message, exchange, message)
            return heard
        if message.HasField("error_response"):
            error = message.error_response
            if error.type == pb.ServerErrorResponseType_Unavailable:
                return Heard(Outcome.THROTTLED, retry_after=exchange.retry_after)
            return Heard(Outcome.FAILED, self.shown(f"{name_of_error(error.type)}: {error.error_message}"))
        heard = Heard(new_instance_uid=message.agent_identification.new_instance_uid)
        heard.wants_full_report = bool(message.flags & pb.ServerToAgentFlags_ReportFullState)
        if message.connection_settings.HasField("opamp"):
            heard.interval = float(message.connection_settings.opamp.heartbeat_interval_seconds)
        return heard

    def _check(self, exchange: Exchange, heard: Heard, *, asked: bool) -> None:
        for requirement, check in CHECKS.items():
            breach = check(exchange.request.message, exchange.reply)
            if breach is not None:
                self._breach(heard, requirement, exchange, breach)
        if not asked:
            return
        for requirement, expectation in _ENROLLMENT[self._contract].items():
            try:
                expectation(exchange)
            except Breach as breach:
                self._breach(heard, requirement, exchange, breach)
            except (Unmet, ValueError):
                pass  # What is no UUID at all is told by its length.
            if not heard.new_instance_uid:
                break

    def _breach(self, heard: Heard, requirement: str, exchange: Exchange, breach: Breach) -> None:
        times = self._described.get(requirement, 0)
        sample = ""
        if times < self._samples:
            self._described[requirement] = times + 1
            sample = self.describe(exchange, breach)
        heard.breaches = (*heard.breaches, (requirement, sample))

    def shown(self, reason: str) -> str:
        """Return what a server says as it may be shown: in one line, not too long, without secrets."""
        return printable(self._redactor.text(reason))[:_LONGEST_REASON]

    def describe(self, exchange: Exchange, breach: Breach) -> str:
        """Show an exchange as the suite shows one, without secrets."""
        [shown] = traffic.shown([exchange], self._redactor)
        lines = [f"expected {breach.expected}; got {breach.actual}", f"sent {shown.method}", shown.request_message]
        lines += [f"  {shown.request_bytes}", f"received: {shown.outcome}", shown.response_message]
        return self._redactor.text("\n".join([*lines, f"  {shown.response_bytes}"]))


def is_fresh_uuid(announced: bytes, uid: bytes, now: float) -> bool:
    """Tell in one go what the checks of a new_instance_uid tell one by one; ``now`` is in seconds since 1970."""
    return (
        len(announced) == INSTANCE_UID_BYTES
        and announced != uid
        and announced[6] >> 4 == 7
        and announced[8] >> 6 == 0b10
        and abs(int.from_bytes(announced[:6], "big") / 1000 - now) <= expect_identification.DAY
    )


def _body(answer: Answer) -> bytes | None:
    """Return the ServerToAgent of an ordinary answer, None if it is out of the ordinary."""
    if answer.status == 200:
        return answer.body
    return answer.body[len(HEADER) :] if answer.status is None and answer.body[:1] == HEADER else None


def _without(body: bytes, uid: bytes, announced: bytes) -> bytes:
    body = body.replace(uid, b"", 1)
    return body.replace(announced, b"", 1) if announced else body


def _exchange(data: bytes, answer: Answer, seconds: float) -> Exchange:
    message = pb.AgentToServer.FromString(data)
    if answer.status is None:
        return Exchange(Frame(HEADER + data, message, message.instance_uid), 0, seconds, Received(answer.body))
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
    return Exchange(Request(data, message), 0, seconds, Response(answer.status, headers, answer.body))
