"""Assertions about the components that a server asks an agent for."""

from opamp_conformance.assertions.common import processed, require
from opamp_conformance.wire.exchange import Exchange
from opamp_proto import opamp_pb2 as pb


def not_asked_for(exchange: Exchange) -> None:
    """Assert that an answer has no ReportAvailableComponents flag (ServerToAgent.flags)."""
    processed(exchange)
    flags = exchange.everything.flags
    is_asked = flags & pb.ServerToAgentFlags_ReportAvailableComponents
    require(not is_asked, "no flag ReportAvailableComponents", f"flags {flags:#x}")
