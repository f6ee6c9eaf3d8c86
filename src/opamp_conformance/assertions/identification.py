"""instance_uids: the agent that a message is addressed to, and the new instance_uids that a server announces."""

import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Final

from opamp_conformance.assertions.common import described, processed, require
from opamp_conformance.assertions.status_reporting import accepted
from opamp_conformance.errors import PreconditionFailedError
from opamp_conformance.wire.exchange import Exchange

DAY: Final = 24 * 60 * 60
"""In seconds: the clocks of two machines differ by less, and time zones do not differ by more."""


def echo(exchange: Exchange) -> None:
    """Assert that an answer has the instance_uid of its request (ServerToAgent.instance_uid)."""
    sent, got = exchange.instance_uid, exchange.reply.instance_uid
    require(got == sent, f"the instance_uid {sent.hex()}", got.hex() or "none")


def echo_if_named(exchange: Exchange) -> None:
    """An error may leave instance_uid out, if the server could not read it; if it has one, it is the sender's."""
    if exchange.message is not None and exchange.message.instance_uid:
        echo(exchange)


def addressed(exchange: Exchange) -> None:
    """Assert that a message has an instance_uid (ServerToAgent.instance_uid)."""
    require(exchange.reply.instance_uid, "an instance_uid", "none")


def addressed_to(exchange: Exchange, instance_uid: bytes) -> None:
    """Assert that a message has this instance_uid of 16 bytes (ServerToAgent.instance_uid)."""
    got = exchange.reply.instance_uid
    require(got == instance_uid, f"the instance_uid {instance_uid.hex()}", got.hex() or "none")


def own_answers(exchanges: Sequence[Exchange]) -> None:
    """Assert that each agent of a shared WebSocket receives an answer with its instance_uid (ServerToAgent Message)."""
    for exchange in exchanges:
        echo(exchange)


def announced(exchange: Exchange) -> None:
    """Assert that a new instance_uid is announced (AgentIdentification.new_instance_uid)."""
    require(exchange.new_instance_uid, "agent_identification with a new_instance_uid", described(exchange))


def accepted_and_announced(exchange: Exchange) -> None:
    """Assert that a message is processed, and a new instance_uid announced."""
    accepted(exchange)
    announced(exchange)


def none_announced(exchange: Exchange) -> None:
    """Assert that no new instance_uid is announced (AgentIdentification.new_instance_uid)."""
    uid = exchange.new_instance_uid
    require(not uid, "no new_instance_uid", uid.hex())


def all_accepted_none_announced(exchanges: Sequence[Exchange]) -> None:
    """Assert that all messages are processed, and no new instance_uid is announced."""
    for exchange in exchanges:
        processed(exchange)
        none_announced(exchange)


def other_than_incoming(exchange: Exchange) -> None:
    """Assert that the announced instance_uid is not the one that the agent has already."""
    sent = exchange.instance_uid
    require(exchange.new_instance_uid != sent, f"another instance_uid than {sent.hex()}", "the same")


def uuid_version_7(exchange: Exchange) -> None:
    """RFC 9562, sections 4.1, 4.2 and 5.7."""
    uid = uuid.UUID(bytes=exchange.new_instance_uid)
    actual = f"{uid}, of version {uid.version} and variant {uid.variant}"
    require(uid.version == 7 and uid.variant == uuid.RFC_4122, "a UUID of version 7", actual)


def time_near(exchange: Exchange, now: float) -> None:
    """The first 48 bits of a UUIDv7 are milliseconds since 1970 (RFC 9562, section 5.7); ``now`` is in seconds."""
    embedded = int.from_bytes(exchange.new_instance_uid[:6], "big") / 1000
    difference = embedded - now
    require(abs(difference) <= DAY, "a time within a day of now", f"{difference:+.0f} seconds from now")


def all_different(exchanges: Sequence[Exchange], answered: str = "fleet.request-uid.unknown-agent") -> None:
    """Assert that no new_instance_uid is announced twice; ``answered`` is the requirement that one is announced."""
    uids = [exchange.new_instance_uid for exchange in exchanges]
    if not all(uids):
        raise PreconditionFailedError(answered, "not every request is answered with a new_instance_uid")
    repeated = [uid.hex() for uid, count in Counter(uids).items() if count > 1]
    require(not repeated, f"{len(uids)} different instance_uids", f"{', '.join(repeated)} more than once")


def never_announced_before(exchange: Exchange, handed_out: Counter[bytes]) -> None:
    """``handed_out`` counts the new_instance_uids of the run."""
    times = handed_out[exchange.new_instance_uid]
    require(
        times == 1, "a new_instance_uid that was never announced before", f"one announced {times} times in this run"
    )
