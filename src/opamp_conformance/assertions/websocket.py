"""Messages on a WebSocket (WebSocket Message Format)."""

from google.protobuf.message import DecodeError

from opamp_conformance.assertions.common import described, require, unknown_fields
from opamp_conformance.errors import PreconditionFailedError, Violation, ViolationError
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import HttpResponse
from opamp_conformance.wire.websocket import HEADER, ReceivedMessage
from opamp_proto import opamp_pb2 as pb


def binary(exchange: Exchange) -> None:
    """Assert that a message is binary (WebSocket Message Format)."""
    received = _received(exchange)
    require(received.is_binary, "a binary message", str(received))


def header_zero(exchange: Exchange) -> None:
    """Assert that a message begins with the header 0 (WebSocket Message Format)."""
    received = _received(exchange)
    if not received.is_binary:
        raise PreconditionFailedError("ws.binary-frames.server", str(received))
    start = received.body[:4].hex() or "nothing"
    require(received.body[:1] == HEADER, "the header 0", f"a message that begins with {start}")


def server_to_agent_after_header(exchange: Exchange) -> None:
    """Assert that one ServerToAgent follows the header (WebSocket Message Format)."""
    try:
        header_zero(exchange)
    except ViolationError as error:
        raise PreconditionFailedError("ws.header.zero.server", error.violation) from error
    try:
        pb.ServerToAgent.FromString(_received(exchange).data)
    except DecodeError as error:
        actual = f"{_received(exchange)}, which cannot be decoded as protobuf"
        raise ViolationError(Violation("one ServerToAgent after the header", actual)) from error


def no_agent_fields(exchange: Exchange) -> None:
    """Assert that no field has a number that ServerToAgent uses, with the type that AgentToServer gives it."""
    known = pb.ServerToAgent.DESCRIPTOR.fields_by_number
    foreign = [number for number, _ in unknown_fields(exchange.reply) if number in known]
    require(not foreign, "a ServerToAgent", f"the fields {foreign} in the types of an AgentToServer")


def not_processed(exchange: Exchange) -> None:
    """A malformed message may be answered by an error, or by the end of the connection."""
    if exchange.is_silent:
        raise PreconditionFailedError("bad-request.respond", "a malformed message is not answered")
    is_refused = exchange.is_error or exchange.close_code is not None
    require(is_refused, "an error_response, or a Close frame", described(exchange))


def stays_open(exchange: Exchange) -> None:
    """Assert that a message is answered, and does not end the WebSocket."""
    is_open = exchange.close_code is None and exchange.response is not None
    require(is_open, "an answer", exchange.failure or described(exchange))


def answers_arrived(answers: float, least: int) -> None:
    """``answers`` are the messages beyond the unsolicited ones."""
    actual = f"{max(0, round(answers))} messages beyond the unsolicited ones, which arrive without check-ins, too"
    require(answers >= least, "answers to the check-ins", actual)


def pong(problem: str | None) -> None:
    """``problem`` is the reason why no pong came, None if one came."""
    require(problem is None, "a pong", problem or "")


def not_opened(exchange: Exchange) -> None:
    """Assert that the opening of a WebSocket is refused by an HTTP response (RFC 6455, section 4.2.2)."""
    is_refused = isinstance(exchange.response, HttpResponse)
    require(is_refused, "an HTTP response instead of a WebSocket", exchange.failure or described(exchange))


def _received(exchange: Exchange) -> ReceivedMessage:
    """Return the WebSocket message that came; requires that one did."""
    if not isinstance(exchange.response, ReceivedMessage):
        raise PreconditionFailedError("response.must-respond", exchange.failure or str(exchange.response))
    return exchange.response
