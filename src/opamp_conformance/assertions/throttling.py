"""Servers that are too busy (Throttling)."""

from opamp_conformance.assertions.common import described, require
from opamp_conformance.wire.exchange import Exchange
from opamp_proto import opamp_pb2 as pb


def not_bad_request(exchange: Exchange) -> None:
    """Assert that an answer is no error of the type BadRequest (ServerErrorResponse.type)."""
    kind = exchange.reply.error_response.type
    require(kind != pb.ServerErrorResponseType_BadRequest, "no BadRequest", described(exchange))


def not_unavailable(exchange: Exchange) -> None:
    """Assert that an idle server does not answer with Unavailable (ServerErrorResponse.type)."""
    kind = exchange.reply.error_response.type
    require(kind != pb.ServerErrorResponseType_Unavailable, "an answer: the server is idle", described(exchange))


def unavailable(exchange: Exchange) -> None:
    """Assert that an overloaded server answers with Unavailable (Throttling)."""
    message = exchange.message
    kind = None if message is None else message.error_response.type
    require(kind == pb.ServerErrorResponseType_Unavailable, "an error of the type Unavailable", described(exchange))
