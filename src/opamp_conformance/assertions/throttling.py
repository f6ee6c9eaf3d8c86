"""Servers that are too busy (Throttling)."""

from typing import Final

from opamp_conformance.assertions.common import described, require
from opamp_conformance.wire.exchange import Exchange
from opamp_proto import opamp_pb2 as pb

_MIN_RETRY_SECONDS: Final = 30
"""The shortest interval that the specification recommends (Throttling)."""


def not_bad_request(exchange: Exchange) -> None:
    kind = exchange.reply.error_response.type
    require(kind != pb.ServerErrorResponseType_BadRequest, "no BadRequest", described(exchange))


def not_unavailable(exchange: Exchange) -> None:
    kind = exchange.reply.error_response.type
    require(kind != pb.ServerErrorResponseType_Unavailable, "an answer: the server is idle", described(exchange))


def unavailable(exchange: Exchange) -> None:
    message = exchange.message
    kind = None if message is None else message.error_response.type
    require(kind == pb.ServerErrorResponseType_Unavailable, "an error of the type Unavailable", described(exchange))


def long_wait(exchange: Exchange) -> None:
    """A server need not name an interval."""
    wait = exchange.retry_after
    is_long = wait is None or wait >= _MIN_RETRY_SECONDS
    require(is_long, f"a wait of {_MIN_RETRY_SECONDS} seconds or more", f"{wait} seconds")
