"""The functions that assertions of every chapter use."""

from typing import Any

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from opamp_conformance.checks.exchanges import EXCHANGE_CHECKS
from opamp_conformance.checks.server_messages import CHECKS
from opamp_conformance.errors import PreconditionFailedError, Violation, ViolationError
from opamp_conformance.wire.exchange import Exchange, error_name
from opamp_proto import opamp_pb2 as pb


def require(holds: object, expected: str, actual: str) -> None:
    """Raise a ViolationError unless something holds."""
    if not holds:
        raise ViolationError(Violation(expected, actual))


def satisfies(requirement: str, exchange: Exchange) -> None:
    """Assert a requirement that is checked on every message, in a scenario about just that requirement."""
    violation = CHECKS[requirement](exchange.request.message, exchange.reply)
    if violation is not None:
        raise ViolationError(violation)


def exchange_satisfies(requirement: str, exchange: Exchange) -> None:
    """Do what ``satisfies`` does, for a requirement that is also about headers and connections."""
    violation = EXCHANGE_CHECKS[requirement](exchange)
    if violation is not None:
        raise ViolationError(violation)


def offer_satisfies(requirement: str, exchange: Exchange) -> None:
    """Do what ``satisfies`` does, for the reply to a report that was processed."""
    processed(exchange)
    satisfies(requirement, exchange)


def processed(exchange: Exchange) -> pb.ServerToAgent:
    """Return the reply to a report that was processed; requires that it is not an error."""
    reply = exchange.reply
    if reply.HasField("error_response"):
        raise PreconditionFailedError("response.no-error-on-success", described(exchange))
    return reply


def described(exchange: Exchange) -> str:
    """Describe the response, whether or not it is a ServerToAgent."""
    message = exchange.message
    if message is None:
        return exchange.problem.actual if exchange.problem else "nothing"
    if message.HasField("error_response"):
        return f"{error_name(message.error_response.type)}: {message.error_response.error_message}"
    fields = [field.name for field, _ in message.ListFields() if field.name != "instance_uid"]
    return f"a response with {', '.join(fields)}" if fields else "an acknowledgement"


def another_hash(now: bytes, before: bytes, name: str) -> None:
    """Assert that a hash is set and has changed; ``name`` is that of its field."""
    require(now and now != before, f"another {name} than {before.hex()}", now.hex() or "none")


def unknown_fields(message: Message) -> list[tuple[int, object]]:
    """Return number and data of the fields of a message that its schema does not define."""
    fields: Any = UnknownFieldSet(message)  # Its stubs do not say that it can be iterated over.
    return [(field.field_number, field.data) for field in fields]
