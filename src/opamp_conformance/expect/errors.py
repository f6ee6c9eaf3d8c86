"""Thens about errors, and servers that are too busy."""

from typing import Final

from opamp_conformance.errors import Breach
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import described, kept, that
from opamp_conformance.validation import name_of_error
from opamp_proto import opamp_pb2 as pb

_MIN_RETRY_SECONDS: Final = 30


def refused_as_bad_request(exchange: Exchange) -> None:
    message = exchange.message
    refused = not isinstance(message, Breach) and message.error_response.type == pb.ServerErrorResponseType_BadRequest
    that(refused, "error_response BadRequest", described(exchange))


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
    that(
        wait is None or wait >= _MIN_RETRY_SECONDS, f"a wait of {_MIN_RETRY_SECONDS} seconds or more", f"{wait} seconds"
    )
