"""Thens about what every answer is, and what the server knows."""

from collections.abc import Mapping
from typing import Any, Final

from opamp_conformance.errors import Breach, Unmet
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import described, kept, processed, that
from opamp_proto import opamp_pb2 as pb

_TOO_LARGE_STATUS: Final = 413  # RFC 9110, section 15.5.14
_TOO_LARGE_CODE: Final = 1009  # RFC 6455, section 7.4.1


def answered(exchange: Exchange) -> None:
    if isinstance(exchange.message, Breach):
        if exchange.is_answered:
            raise Unmet(exchange.broken_by_no_message, exchange.message)
        raise exchange.message


def answered_unless_too_large(exchange: Exchange) -> None:
    """By HTTP's 413, or by WebSocket's 1009; v0.18.0 knows no limits, and forbids none."""
    if exchange.status != _TOO_LARGE_STATUS and exchange.close_code != _TOO_LARGE_CODE:
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


def bare_acknowledgement(exchange: Exchange) -> None:
    beside = {field.name for field, _ in processed(exchange).ListFields()} - {"instance_uid", "capabilities", "flags"}
    that(not beside, "nothing but instance_uid, as there is nothing to say", f"also {', '.join(sorted(beside))}")


def full_state_requested(exchange: Exchange) -> None:
    flags = processed(exchange).flags
    that(flags & pb.ServerToAgentFlags_ReportFullState, "the flag ReportFullState", f"flags {flags:#x}")


def reachable(exchange: Exchange) -> None:
    if isinstance(exchange.message, Breach):
        raise exchange.message


def no_full_state_requested(exchange: Exchange) -> None:
    flags = processed(exchange).flags
    that(not flags & pb.ServerToAgentFlags_ReportFullState, "no flag ReportFullState", f"flags {flags:#x}")


def capabilities_told(exchange: Exchange) -> None:
    that(processed(exchange).capabilities, "capabilities", "capabilities 0")


def accepts_status(exchange: Exchange) -> None:
    told = exchange.reply.capabilities
    that(told & pb.ServerCapabilities_AcceptsStatus, "AcceptsStatus among the capabilities", f"capabilities {told:#x}")


def defined_capabilities(exchange: Exchange) -> None:
    kept("capabilities.server.undefined-bits-zero", exchange)


def connected(record: Mapping[str, Any], expected: bool) -> None:
    word = {True: "connected", False: "disconnected"}
    got = bool(record.get("connected"))  # Whoever is not known at all is not connected.
    that(got is expected, f"a {word[expected]} agent", word[got])


def known(record: Mapping[str, Any], part: str, field: str, value: object) -> None:
    """``value`` None stands for any value at all."""
    reported = record.get("status", {}).get(part, {})
    got = reported.get(field)
    that(got == value if value is not None else got, f"{part}.{field} as it was reported", repr(reported) or "nothing")
