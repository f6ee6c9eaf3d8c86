"""What a scenario can assert of WebSockets."""

from google.protobuf.message import DecodeError

from opamp_conformance.errors import Breach, Unmet
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import described, that, unknown_fields
from opamp_conformance.transports.http import Response
from opamp_conformance.transports.websocket import HEADER, Received
from opamp_proto import opamp_pb2 as pb


def _received(exchange: Exchange) -> Received:
    """Return the WebSocket message that came; raises Unmet if none did."""
    if not isinstance(exchange.response, Received):
        raise Unmet("response.must-respond", exchange.failure or str(exchange.response))
    return exchange.response


def binary(exchange: Exchange) -> None:
    received = _received(exchange)
    that(received.is_binary, "a binary message", str(received))


def header_zero(exchange: Exchange) -> None:
    received = _received(exchange)
    if not received.is_binary:
        raise Unmet("ws.binary-frames.server", str(received))
    that(
        received.body[:1] == HEADER,
        "the header 0",
        f"a message that begins with {received.body[:4].hex() or 'nothing'}",
    )


def server_to_agent_behind_header(exchange: Exchange) -> None:
    header_is_read(exchange)
    try:
        pb.ServerToAgent.FromString(_received(exchange).data)
    except DecodeError as error:
        raise Breach("one ServerToAgent behind the header", f"{_received(exchange)}: {error}") from error


def no_fields_of_agents(exchange: Exchange) -> None:
    """Fields that stand in an AgentToServer under a number that ServerToAgent has for something else."""
    known = pb.ServerToAgent.DESCRIPTOR.fields_by_number
    foreign = [number for number, _ in unknown_fields(exchange.reply) if number in known]
    that(not foreign, "a ServerToAgent", f"the fields {foreign} in the types of an AgentToServer")


def header_is_read(exchange: Exchange) -> None:
    try:
        header_zero(exchange)
    except Breach as breach:
        raise Unmet("ws.header.zero.server", breach) from breach


def not_processed(exchange: Exchange) -> None:
    """A malformed message may be answered by an error, or by the end of the connection."""
    if exchange.is_silent:
        raise Unmet("bad-request.respond", "a malformed message is answered by nothing")
    that(
        exchange.is_error or exchange.close_code is not None, "an error_response, or a Close frame", described(exchange)
    )


def goes_on(exchange: Exchange) -> None:
    is_open = exchange.close_code is None and exchange.response is not None
    that(is_open, "an answer", exchange.failure or described(exchange))


def pong(problem: str | None) -> None:
    that(problem is None, "a pong", problem or "")


def close_frame(code: int | None) -> None:
    that(code is not None, "a Close frame", "none")


def closed_by_frame(exchange: Exchange) -> None:
    that(exchange.close_code is not None, "a Close frame", exchange.failure or described(exchange))


def turned_away_or_renamed(exchange: Exchange) -> None:
    message = exchange.message
    renamed = not isinstance(message, Breach) and message.agent_identification.new_instance_uid
    turned_away = exchange.close_code is not None or exchange.is_error
    that(renamed or turned_away, "a new_instance_uid, an error_response or a Close frame", described(exchange))


def no_websocket(exchange: Exchange) -> None:
    refused = isinstance(exchange.response, Response)
    that(refused, "an HTTP response in place of a WebSocket", exchange.failure or described(exchange))
