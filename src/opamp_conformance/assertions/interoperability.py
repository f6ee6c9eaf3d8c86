"""Peers with fewer capabilities, or more (Interoperability)."""

from collections.abc import Sequence
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


def same_offers(exchanges: Sequence[Exchange]) -> None:
    """Assert that the first answers to agents that can take the same have the same offers."""
    first, *others = [_kinds_of_offers(exchange) for exchange in exchanges]
    for kinds in others:
        require(first <= kinds, f"offers of the kinds {', '.join(sorted(first))}", ", ".join(sorted(kinds)) or "none")


def _kinds_of_offers(exchange: Exchange) -> set[str]:
    """Return the fields of ServerToAgent and of ConnectionSettingsOffers that have offers."""
    message = exchange.everything
    settings = {field.name for field, _ in message.connection_settings.ListFields()} - {"hash"}
    return settings | {name for name in ("remote_config", "packages_available") if message.HasField(name)}


def only_announced(exchange: Exchange, announced: int) -> None:
    """Assert that the reply uses only capabilities that the server ``announced`` (a bit set)."""
    if not announced:
        raise PreconditionFailedError("capabilities.server.first-message", "the first response has no capabilities")
    processed(exchange)
    violation = undeclared_use(announced, exchange.everything)
    if violation is not None:
        raise ViolationError(violation)
