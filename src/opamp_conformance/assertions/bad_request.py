"""Errors about malformed and refused messages (Bad Request, ServerErrorResponse)."""

from opamp_conformance.assertions.common import described, require
from opamp_conformance.text import printable
from opamp_conformance.wire.exchange import Exchange, error_name
from opamp_proto import opamp_pb2 as pb


def refused(exchange: Exchange) -> None:
    """Assert that a message is refused as malformed (ServerErrorResponse, BadRequest)."""
    message = exchange.message
    is_refused = message is not None and message.error_response.type == pb.ServerErrorResponseType_BadRequest
    require(is_refused, "error_response BadRequest", described(exchange))


def is_error(exchange: Exchange) -> None:
    """Assert that the answer is an error (ServerToAgent.error_response)."""
    require(exchange.is_error, "a ServerToAgent with error_response", described(exchange))


def is_bad_request(exchange: Exchange) -> None:
    """Assert that an error has the type BadRequest (ServerErrorResponse.type)."""
    error = exchange.reply.error_response
    is_bad = error.type == pb.ServerErrorResponseType_BadRequest
    require(is_bad, "the type BadRequest", f"the type {error_name(error.type)}")


def is_readable(exchange: Exchange) -> None:
    """Assert that an error has a text that people can read (ServerErrorResponse.error_message)."""
    text = exchange.reply.error_response.error_message
    is_printable = all(character.isprintable() or character.isspace() for character in text)
    require(text.strip() and is_printable, "an error_message for people", printable(text) or "none")
