"""Peers with fewer capabilities, or more (Interoperability)."""

from typing import Final

from opamp_conformance.assertions.common import processed, require
from opamp_conformance.checks.server_messages import undeclared_use
from opamp_conformance.errors import PreconditionFailedError, ViolationError
from opamp_conformance.wire.exchange import Exchange

_OFFERS: Final = ("remote_config", "connection_settings", "packages_available", "command", "custom_message")


def nothing_offered(exchange: Exchange) -> None:
    """Assert that no offer, command or custom message came (Interoperability of Partial Implementations)."""
    offered = [name for name in _OFFERS if exchange.everything.HasField(name)]
    require(not offered, "no offer, command or custom message", ", ".join(offered))


def only_announced(exchange: Exchange, announced: int) -> None:
    """Assert that the reply uses only capabilities that the server ``announced`` (a bit set)."""
    if not announced:
        raise PreconditionFailedError("capabilities.server.first-message", "the first response has no capabilities")
    processed(exchange)
    violation = undeclared_use(announced, exchange.everything)
    if violation is not None:
        raise ViolationError(violation)
