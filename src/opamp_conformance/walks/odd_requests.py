"""The steps that are odd requests: malformed, or in an unusual form; each with what its answer has to be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from opamp_conformance.actions.bad_request import NOT_PROTOBUF
from opamp_conformance.actions.websocket import ZERO_IN_TWO_BYTES
from opamp_conformance.assertions import bad_request as assert_bad_request
from opamp_conformance.assertions import plain_http as assert_plain_http
from opamp_conformance.assertions import status_reporting as assert_status_reporting
from opamp_conformance.assertions import websocket as assert_websocket
from opamp_conformance.client import sample_messages
from opamp_conformance.walks.participant import Participant
from opamp_conformance.walks.steps import Action
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import GZIP, HttpRequest
from opamp_conformance.wire.websocket import HEADER, WebSocketMessage
from opamp_proto import CONTENT_TYPE
from opamp_proto import opamp_pb2 as pb

Request = HttpRequest | WebSocketMessage
Assertions = Mapping[str, Callable[[Exchange], None]]


@dataclass(frozen=True)
class OddRequest:
    """A request, and the assertions about its answer by requirement."""

    make: Callable[[Participant], Request]
    assertions: Assertions


def _if_error(assertion: Callable[[Exchange], None]) -> Callable[[Exchange], None]:
    return lambda exchange: assertion(exchange) if exchange.is_error else None


_MALFORMED: Final[Assertions] = {
    "bad-request.respond": assert_bad_request.is_error,
    "bad-request.type": _if_error(assert_bad_request.is_bad_request),
    "bad-request.message": _if_error(assert_bad_request.is_readable),
}
_MALFORMED_ON_WEBSOCKET: Final[Assertions] = {**_MALFORMED, "bad-request.respond": assert_websocket.not_processed}


def _report(participant: Participant) -> pb.AgentToServer:
    return participant.agent.full_status()


def _short_uid(participant: Participant) -> bytes:
    message = _report(participant)
    message.instance_uid = message.instance_uid[:-1]
    return message.SerializeToString()


def _long_uid(participant: Participant) -> bytes:
    message = _report(participant)
    message.instance_uid += b"\x07"
    return message.SerializeToString()


def _cut_short(participant: Participant) -> bytes:
    return _report(participant).SerializeToString()[:-1]


def _check_in_with(participant: Participant, headers: Mapping[str, str | None]) -> HttpRequest:
    return HttpRequest.of(participant.agent.check_in()).with_headers(headers)


def _report_with(participant: Participant, headers: Mapping[str, str | None]) -> HttpRequest:
    return HttpRequest.of(_report(participant)).with_headers(headers)


def _after_header(participant: Participant, header: bytes) -> WebSocketMessage:
    return WebSocketMessage(header + _report(participant).SerializeToString(), None, participant.connection_id)


def _broken_gzip(participant: Participant) -> HttpRequest:
    request = HttpRequest.of(_report(participant)).compressed()
    return request.malformed(request.body[:10] + NOT_PROTOBUF)


def _http(body: Callable[[Participant], bytes]) -> OddRequest:
    return OddRequest(lambda p: HttpRequest(body(p)), _MALFORMED)


def _websocket(body: Callable[[Participant], bytes]) -> OddRequest:
    return OddRequest(lambda p: WebSocketMessage(HEADER + body(p), None, p.connection_id), _MALFORMED_ON_WEBSOCKET)


_UNREADABLE: Final[Mapping[Action, Callable[[Participant], bytes]]] = {
    Action.SEND_GARBAGE: lambda p: NOT_PROTOBUF,
    Action.SEND_SHORT_UID: _short_uid,
    Action.SEND_LONG_UID: _long_uid,
    Action.SEND_CUT_SHORT: _cut_short,
}

OVER_HTTP: Final[Mapping[Action, OddRequest]] = {
    **{action: _http(body) for action, body in _UNREADABLE.items()},
    Action.SEND_BROKEN_GZIP: OddRequest(_broken_gzip, _MALFORMED),
    Action.SEND_UNKNOWN_ENCODING: OddRequest(
        lambda p: _report_with(p, {"Content-Encoding": "x-nonesuch"}),
        {"http.unknown-content-encoding": assert_plain_http.refused},
    ),
    Action.SEND_JSON: OddRequest(
        lambda p: _report_with(p, {"Content-Type": "application/json"}),
        {"http.detect-ws": assert_plain_http.not_plain_http},
    ),
    Action.SEND_GET: OddRequest(
        lambda p: HttpRequest(b"", method="GET", headers={}), {"http.detect-ws": assert_plain_http.not_plain_http}
    ),
    Action.ACCEPT_GZIP: OddRequest(
        lambda p: _check_in_with(p, {"Accept-Encoding": GZIP}),
        {"http.response-compression": assert_plain_http.compressed},
    ),
    Action.ACCEPT_SEVERAL_CODINGS: OddRequest(
        lambda p: _check_in_with(p, {"Accept-Encoding": "br;q=1.0, gzip;q=0.5"}),
        {"http.response-compression": assert_plain_http.compressed},
    ),
    Action.SEND_UPPER_CASE: OddRequest(
        lambda p: _report_with(p, {"Content-Type": CONTENT_TYPE.upper()}),
        {"http.detect-plain": assert_status_reporting.understood},
    ),
    Action.CLOSE_AFTERWARDS: OddRequest(
        lambda p: _check_in_with(p, {"Connection": "close"}),
        {"disconnect.http-keepalive-neutral": assert_status_reporting.understood},
    ),
    Action.SEND_MEMBERS: OddRequest(
        lambda p: HttpRequest.of(_report(p)).compressed(members=3),
        {"http.support-gzip-request": assert_status_reporting.understood},
    ),
    Action.SEND_NAMED_GZIP: OddRequest(
        lambda p: HttpRequest.of(_report(p)).compressed(name="message"),
        {"http.support-gzip-request": assert_status_reporting.understood},
    ),
    Action.SEND_WEBSOCKET_HEADER: OddRequest(
        lambda p: _report_with(p, {"Sec-WebSocket-Version": "13"}),
        {"http.detect-plain": assert_status_reporting.understood},
    ),
}
"""The odd requests over plain HTTP."""

OVER_WEBSOCKET: Final[Mapping[Action, OddRequest]] = {
    **{action: _websocket(body) for action, body in _UNREADABLE.items()},
    Action.OFFER_SUBPROTOCOL: OddRequest(
        lambda p: replace(
            WebSocketMessage.of(_report(p)),
            connection_id=p.connection_id,
            headers={"Sec-WebSocket-Protocol": "nonesuch"},
        ),
        {"ws.roles": assert_status_reporting.understood},
    ),
    Action.SEND_TEXT: OddRequest(
        lambda p: WebSocketMessage(sample_messages.as_text(), None, p.connection_id),
        {"bad-request.respond": assert_websocket.not_processed},
    ),
    Action.SEND_HEADER_ONLY: OddRequest(
        lambda p: WebSocketMessage(HEADER, None, p.connection_id),
        {"ws.empty-data-valid": assert_websocket.stays_open},
    ),
    Action.SEND_LONG_HEADER: OddRequest(
        lambda p: _after_header(p, ZERO_IN_TWO_BYTES), {"ws.header.varint": assert_status_reporting.understood}
    ),
    Action.SEND_OTHER_HEADER: OddRequest(
        lambda p: _after_header(p, b"\x01"), {"ws.header.check": assert_websocket.not_processed}
    ),
}
"""The odd requests over WebSocket."""
