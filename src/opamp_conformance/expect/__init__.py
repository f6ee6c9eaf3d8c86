"""What a scenario can assert: the Thens of the suite. Each returns, or raises a Breach."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from opamp_conformance.agent import Agent
from opamp_conformance.client import Client
from opamp_conformance.enrollment import Enrollment
from opamp_conformance.errors import Breach, Unmet
from opamp_conformance.exchange import Exchange
from opamp_conformance.validation import CHECKS, name_of_error
from opamp_proto import opamp_pb2 as pb

DAY: Final = 24 * 60 * 60
MIN_RETRY_SECONDS: Final = 30
TOO_LARGE_STATUS: Final = 413  # RFC 9110, section 15.5.14
TOO_LARGE_CODE: Final = 1009  # RFC 6455, section 7.4.1


def that(holds: object, expected: str, actual: str) -> None:
    if not holds:
        raise Breach(expected, actual)


def kept(requirement: str, exchange: Exchange) -> None:
    """Assert what every reply is checked for anyway, where a scenario is about just that."""
    breach = CHECKS[requirement](exchange.request.message, exchange.reply)
    if breach is not None:
        raise breach


def unknown_fields(message: Message) -> list[tuple[int, object]]:
    """Return number and data of the fields that a message holds and its schema does not know."""
    fields: Any = UnknownFieldSet(message)  # Its stubs do not say that it can be iterated over.
    return [(field.field_number, field.data) for field in fields]


def described(exchange: Exchange) -> str:
    """Say what came, whether or not it is a ServerToAgent."""
    message = exchange.message
    if isinstance(message, Breach):
        return message.actual
    if message.HasField("error_response"):
        return f"{name_of_error(message.error_response.type)}: {message.error_response.error_message}"
    fields = [field.name for field, _ in message.ListFields() if field.name != "instance_uid"]
    return f"a response with {', '.join(fields)}" if fields else "an acknowledgement"


def processed(exchange: Exchange) -> pb.ServerToAgent:
    """Return the reply to a report that was processed; what an error leaves out is not the error's fault."""
    reply = exchange.reply
    if reply.HasField("error_response"):
        raise Unmet("response.no-error-on-success", described(exchange))
    return reply


# ---- instance_uid


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


# ---- enrollment


def enrolled(enrollment: Enrollment, agent: Agent) -> None:
    that(enrollment.holds(agent), "an enrolled agent, whose agent_disconnect is accepted", "BadRequest")


def not_enrolled(enrollment: Enrollment, agent: Agent) -> None:
    that(
        not enrollment.holds(agent),
        "an agent that is not enrolled, so that its agent_disconnect is refused",
        "accepted",
    )


# ---- replies


def answered(exchange: Exchange) -> None:
    if isinstance(exchange.message, Breach):
        if exchange.is_answered:
            raise Unmet(exchange.broken_by_no_message, exchange.message)
        raise exchange.message


def answered_unless_too_large(exchange: Exchange) -> None:
    """By HTTP's 413, or by WebSocket's 1009; v0.18.0 knows no limits, and forbids none."""
    if exchange.status != TOO_LARGE_STATUS and exchange.close_code != TOO_LARGE_CODE:
        answered(exchange)


def serialized_server_to_agent(exchange: Exchange) -> None:
    if isinstance(exchange.message, Breach):
        if not exchange.is_answered:
            raise Unmet("response.must-respond", exchange.message)
        raise exchange.message


def accepted(exchange: Exchange) -> None:
    that(not exchange.reply.HasField("error_response"), "no error_response", described(exchange))


def understood(exchange: Exchange) -> None:
    message = exchange.message
    if isinstance(message, Breach) and (exchange.is_answered or exchange.is_silent):
        raise Unmet(exchange.broken_by_no_message, message)
    understood = not isinstance(message, Breach) and not exchange.is_error
    that(understood, "a ServerToAgent without error_response", described(exchange))


def refused_as_bad_request(exchange: Exchange) -> None:
    message = exchange.message
    refused = not isinstance(message, Breach) and message.error_response.type == pb.ServerErrorResponseType_BadRequest
    that(refused, "error_response BadRequest", described(exchange))


def bare_acknowledgement(exchange: Exchange) -> None:
    beside = {field.name for field, _ in processed(exchange).ListFields()} - {"instance_uid", "capabilities", "flags"}
    that(not beside, "nothing but instance_uid, as there is nothing to say", f"also {', '.join(sorted(beside))}")


def full_state_requested(exchange: Exchange) -> None:
    flags = processed(exchange).flags
    that(flags & pb.ServerToAgentFlags_ReportFullState, "the flag ReportFullState", f"flags {flags:#x}")


# ---- capabilities


def capabilities_told(exchange: Exchange) -> None:
    that(processed(exchange).capabilities, "capabilities", "capabilities 0")


def accepts_status(exchange: Exchange) -> None:
    told = exchange.reply.capabilities
    that(told & pb.ServerCapabilities_AcceptsStatus, "AcceptsStatus among the capabilities", f"capabilities {told:#x}")


def defined_capabilities(exchange: Exchange) -> None:
    kept("capabilities.server.undefined-bits-zero", exchange)


# ---- errors


def an_error(exchange: Exchange) -> None:
    that(exchange.is_error, "a ServerToAgent with error_response", described(exchange))


def bad_request(exchange: Exchange) -> None:
    error = exchange.reply.error_response
    is_bad_request = error.type == pb.ServerErrorResponseType_BadRequest
    that(is_bad_request, "the type BadRequest", f"the type {name_of_error(error.type)}")


def readable_problem(exchange: Exchange) -> None:
    text = exchange.reply.error_response.error_message
    that(text.strip() and text.isprintable(), "an error_message for people", repr(text))


def error_alone(exchange: Exchange) -> None:
    kept("error.excludes-other-fields", exchange)


def no_retry(exchange: Exchange) -> None:
    kept("error.retry-info-only-unavailable", exchange)


def not_bad_request(exchange: Exchange) -> None:
    kind = exchange.reply.error_response.type
    that(kind != pb.ServerErrorResponseType_BadRequest, "no BadRequest", described(exchange))


def available(exchange: Exchange) -> None:
    kind = exchange.reply.error_response.type
    that(kind != pb.ServerErrorResponseType_Unavailable, "an answer, as nothing else is asked", described(exchange))


def unavailable(exchange: Exchange) -> None:
    message = exchange.message
    kind = None if isinstance(message, Breach) else message.error_response.type
    that(kind == pb.ServerErrorResponseType_Unavailable, "an error of the type Unavailable", described(exchange))


def long_wait(exchange: Exchange) -> None:
    """The shortest interval that is recommended; a server need not name any."""
    wait = exchange.retry_after
    that(wait is None or wait >= MIN_RETRY_SECONDS, f"a wait of {MIN_RETRY_SECONDS} seconds or more", f"{wait} seconds")


def names_an_agent(exchange: Exchange) -> None:
    that(exchange.reply.instance_uid, "an instance_uid", "none")


def reachable(exchange: Exchange) -> None:
    if isinstance(exchange.message, Breach):
        raise exchange.message


def no_full_state_requested(exchange: Exchange) -> None:
    flags = processed(exchange).flags
    that(not flags & pb.ServerToAgentFlags_ReportFullState, "no flag ReportFullState", f"flags {flags:#x}")


# ---- what the server knows, as its operator sees it


def connected(record: Mapping[str, Any], expected: bool) -> None:
    word = {True: "connected", False: "disconnected"}
    got = bool(record.get("connected"))  # Whoever is not known at all is not connected.
    that(got is expected, f"a {word[expected]} agent", word[got])


def known(record: Mapping[str, Any], part: str, field: str, value: object) -> None:
    """``value`` None stands for any value at all."""
    reported = record.get("status", {}).get(part, {})
    got = reported.get(field)
    that(got == value if value is not None else got, f"{part}.{field} as it was reported", repr(reported) or "nothing")
