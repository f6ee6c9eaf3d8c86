"""What a scenario can assert: the Thens of the suite, by what they are about. Each returns, or raises a Breach."""

from typing import Any

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from opamp_conformance.errors import Breach, Unmet
from opamp_conformance.exchange import Exchange
from opamp_conformance.validation import CHECKS, name_of_error
from opamp_proto import opamp_pb2 as pb


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
