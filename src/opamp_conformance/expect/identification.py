"""Thens about instance_uids, and who is enrolled."""

import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Final

from opamp_conformance.agent import Agent
from opamp_conformance.client import Client
from opamp_conformance.enrollment import Enrollment
from opamp_conformance.errors import Breach, Unmet
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import described, kept, processed, that
from opamp_conformance.expect.replies import accepted

DAY: Final = 24 * 60 * 60


def echo(exchange: Exchange) -> None:
    sent = exchange.instance_uid
    got = exchange.reply.instance_uid
    that(got == sent, f"the instance_uid {sent.hex()}", got.hex() or "none")


def echo_by_name(exchange: Exchange) -> None:
    """An error may leave instance_uid out, where it could not be read; if it has one, it is the sender's."""
    message = exchange.message
    if not isinstance(message, Breach) and message.instance_uid:
        echo(exchange)


def instance_uid_announced(exchange: Exchange) -> None:
    that(exchange.new_instance_uid, "agent_identification with a new_instance_uid", described(exchange))


def new_enrollment_announced(exchange: Exchange) -> None:
    accepted(exchange)
    instance_uid_announced(exchange)


def nothing_announced(exchange: Exchange) -> None:
    announced = exchange.new_instance_uid
    that(not announced, "no new_instance_uid", announced.hex())


def all_accepted_as_they_are(exchanges: Sequence[Exchange]) -> None:
    """Every message is accepted, and no agent is given another instance_uid."""
    for exchange in exchanges:
        processed(exchange)
        nothing_announced(exchange)


def sixteen_bytes(exchange: Exchange) -> None:
    kept("identification.new-instance-uid.length", exchange)


def other_than_incoming(exchange: Exchange) -> None:
    sent = exchange.instance_uid
    that(exchange.new_instance_uid != sent, f"another instance_uid than {sent.hex()}", "the same")


def uuid_version_7(exchange: Exchange) -> None:
    """RFC 9562, sections 4.1, 4.2 and 5.7."""
    announced = uuid.UUID(bytes=exchange.new_instance_uid)
    actual = f"{announced}, of version {announced.version} and variant {announced.variant}"
    that(announced.version == 7 and announced.variant == uuid.RFC_4122, "a UUID of version 7", actual)


def time_near(exchange: Exchange, now: float) -> None:
    """The first 48 bits of a UUIDv7 are milliseconds since 1970 (RFC 9562, section 5.7); ``now`` is in seconds."""
    embedded = int.from_bytes(exchange.new_instance_uid[:6], "big") / 1000
    away = embedded - now
    that(abs(away) <= DAY, "a time within a day of now", f"{away:+.0f} seconds from now")


def all_different(exchanges: Sequence[Exchange]) -> None:
    announced = [exchange.new_instance_uid for exchange in exchanges]
    if not all(announced):
        raise Unmet("fleet.request-uid.unknown-agent", "not every request is answered with a new_instance_uid")
    repeated = [instance_uid.hex() for instance_uid, count in Counter(announced).items() if count > 1]
    that(not repeated, f"{len(announced)} different instance_uids", f"{', '.join(repeated)} more than once")


def never_handed_out_before(client: Client, exchange: Exchange) -> None:
    times = client.guests.handed_out[exchange.new_instance_uid]
    that(times == 1, "a new_instance_uid never handed out before", f"one handed out {times} times in this run")


def names_an_agent(exchange: Exchange) -> None:
    that(exchange.reply.instance_uid, "an instance_uid", "none")


def enrolled(enrollment: Enrollment, agent: Agent) -> None:
    that(enrollment.holds(agent), "an enrolled agent, whose agent_disconnect is accepted", "BadRequest")


def not_enrolled(enrollment: Enrollment, agent: Agent) -> None:
    that(
        not enrollment.holds(agent),
        "an agent that is not enrolled, so that its agent_disconnect is refused",
        "accepted",
    )
