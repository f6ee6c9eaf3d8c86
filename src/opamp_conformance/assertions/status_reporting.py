"""Replies to reports (Status Reporting), and what the server's record shows."""

import json
from collections.abc import Mapping
from typing import Any

from opamp_conformance.assertions.common import described, processed, require
from opamp_conformance.assertions.message_size import is_too_large
from opamp_conformance.errors import NotApplicableError, PreconditionFailedError, ViolationError
from opamp_conformance.wire.exchange import Exchange, fields_beyond_acknowledgement
from opamp_proto import opamp_pb2 as pb


def answered(exchange: Exchange) -> None:
    """Assert that an answer came; one that is not a ServerToAgent breaks another requirement."""
    if exchange.problem is not None:
        if exchange.is_answered:
            raise PreconditionFailedError(exchange.broken_by_no_message, exchange.problem)
        raise ViolationError(exchange.problem)


def answered_or_closed(exchange: Exchange) -> None:
    """Assert that an answer came, or that the server has closed the WebSocket."""
    if exchange.close_code is None:
        answered(exchange)


def answered_unless_too_large(exchange: Exchange) -> None:
    """The server may refuse with 413 of HTTP, or 1009 of WebSocket."""
    if not is_too_large(exchange):
        answered(exchange)


def reachable(exchange: Exchange) -> None:
    """Assert that the server serves the transport of a message (Communication Model)."""
    if exchange.problem is not None:
        raise ViolationError(exchange.problem)


def is_server_to_agent(exchange: Exchange) -> None:
    """Assert that the answer is a ServerToAgent. Another requirement is that an answer comes."""
    if exchange.problem is not None:
        if not exchange.is_answered:
            raise PreconditionFailedError("response.must-respond", exchange.problem)
        raise ViolationError(exchange.problem)


def accepted(exchange: Exchange) -> None:
    """Assert that the answer has no error (ServerToAgent.error_response)."""
    require(not exchange.reply.HasField("error_response"), "no error_response", described(exchange))


def understood(exchange: Exchange) -> None:
    """Assert that the server answers without an error; an answer in the wrong form breaks another requirement."""
    if exchange.problem is not None and (exchange.is_answered or exchange.is_silent):
        raise PreconditionFailedError(exchange.broken_by_no_message, exchange.problem)
    is_understood = exchange.problem is None and not exchange.is_error
    require(is_understood, "a ServerToAgent without error_response", described(exchange))


def bare_acknowledgement(exchange: Exchange) -> None:
    """Assert that an answer without news has nothing but instance_uid (ServerToAgent Message)."""
    extra = sorted(fields_beyond_acknowledgement(processed(exchange)))
    require(not extra, "only instance_uid, because there is nothing to send", f"also {', '.join(extra)}")


def full_state_requested(exchange: Exchange) -> None:
    """Assert that the server asks for the full state (ServerToAgent.flags, ReportFullState)."""
    processed(exchange)
    flags = exchange.everything.flags
    require(flags & pb.ServerToAgentFlags_ReportFullState, "the flag ReportFullState", f"flags {flags:#x}")


def no_full_state_requested(exchange: Exchange) -> None:
    """Assert that the server does not ask for the full state (ServerToAgent.flags, ReportFullState)."""
    processed(exchange)
    flags = exchange.everything.flags
    require(not flags & pb.ServerToAgentFlags_ReportFullState, "no flag ReportFullState", f"flags {flags:#x}")


def capabilities_announced(exchange: Exchange) -> None:
    """Assert that the server announces its capabilities (ServerToAgent.capabilities)."""
    processed(exchange)
    require(exchange.everything.capabilities, "capabilities", "capabilities 0")


def accepts_status(exchange: Exchange) -> None:
    """Assert that the server announces AcceptsStatus, as each server has to (ServerCapabilities)."""
    bits = exchange.reply.capabilities
    require(
        bits & pb.ServerCapabilities_AcceptsStatus, "AcceptsStatus among the capabilities", f"capabilities {bits:#x}"
    )


def reported_value_known(record: Mapping[str, Any], part: str, field: str, value: object = None) -> None:
    """Assert that the server's record of an agent has a reported value; None stands for any value."""
    if record and "status" not in record:
        raise NotApplicableError("the control plane does not show the reported status of an agent")
    reported = record.get("status", {}).get(part, {})
    got = reported.get(field)
    require(
        got == value if value is not None else got, f"{part}.{field} as it was reported", repr(reported) or "nothing"
    )


def attribute_unknown(record: Mapping[str, Any], name: str) -> None:
    """Assert that the server's record of an agent does not have an attribute of an earlier description."""
    if record and "status" not in record:
        raise NotApplicableError("the control plane does not show the reported status of an agent")
    description = json.dumps(record.get("status", {}).get("agent_description", {}))
    require(f'"{name}"' not in description, f"no attribute {name}, because the last description has none", "it")


def package_known(record: Mapping[str, Any], name: str) -> None:
    """Assert that the server's record of an agent has a package that was reported."""
    if record and "status" not in record:
        raise NotApplicableError("the control plane does not show the reported status of an agent")
    packages = record.get("status", {}).get("package_statuses", {}).get("packages", {})
    require(name in packages, f"the package {name!r} as it was reported", ", ".join(packages) or "none")
