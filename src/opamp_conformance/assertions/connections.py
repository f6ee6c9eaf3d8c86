"""Connections, and which agents the server regards as connected."""

from collections.abc import Mapping
from typing import Any

from opamp_conformance.assertions.common import described, require
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.websocket import Closing


def connected(record: Mapping[str, Any]) -> None:
    """Assert that the server's record of an agent says that it is connected."""
    require(record.get("connected"), "a connected agent", "disconnected")


def disconnected(record: Mapping[str, Any]) -> None:
    """An agent without a record is not connected, either."""
    require(not record.get("connected"), "a disconnected agent", "connected")


def close_frame(closing: Closing) -> None:
    """Assert that the server has answered a Close frame, and ended the TCP connection (RFC 6455, section 7.1)."""
    require(closing.code is not None, "a Close frame", "none")
    require(closing.has_ended, "the end of the TCP connection after the Close frames", "an open TCP connection")


def closed_by_frame(exchange: Exchange) -> None:
    """Assert that the server has ended a WebSocket with a Close frame (OpAMP Connection Closing)."""
    require(exchange.close_code is not None, "a Close frame", exchange.failure or described(exchange))


def refused_or_renamed(exchange: Exchange) -> None:
    """Assert that a clone gets a new instance_uid, an error or a Close frame (Duplicate WebSocket Connections)."""
    renamed = exchange.message is not None and exchange.message.agent_identification.new_instance_uid
    refused = exchange.close_code is not None or exchange.is_error
    require(renamed or refused, "a new_instance_uid, an error_response or a Close frame", described(exchange))
