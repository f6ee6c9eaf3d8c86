"""Connection settings (ConnectionSettingsOffers). ``field`` is one of its fields."""

from opamp_conformance.actions.standing_offers import StandingOffers
from opamp_conformance.assertions.common import another_hash, described, processed, require
from opamp_conformance.wire.exchange import Exchange
from opamp_proto import opamp_pb2 as pb


def offered(exchange: Exchange, field: str) -> None:
    """Assert that settings are offered in ``field``."""
    require(_has(processed(exchange), field), f"connection_settings with {field}", described(exchange))


def with_opamp_endpoint(exchange: Exchange) -> None:
    """Assert that settings for OpAMP have an endpoint (OpAMPConnectionSettings.destination_endpoint)."""
    endpoint = processed(exchange).connection_settings.opamp.destination_endpoint
    require(endpoint, "a destination_endpoint in opamp", "none")


def not_offered(exchange: Exchange, field: str) -> None:
    """Assert that no settings are offered in ``field``."""
    processed(exchange)
    require(not _has(exchange.everything, field), f"no {field} in connection_settings", field)


def none_offered(exchange: Exchange) -> None:
    """Assert that no settings are offered at all (ServerToAgent.connection_settings)."""
    require(not exchange.everything.HasField("connection_settings"), "no connection_settings", "connection_settings")


def nothing_more_offered(exchange: Exchange, standing: StandingOffers, *allowed: str) -> None:
    """Assert that no settings are offered but the allowed ones, and those that every agent is offered."""
    extra = {field.name for field, _ in exchange.everything.connection_settings.ListFields()} - {"hash", *allowed}
    if extra:
        extra -= {field.name for field, _ in standing.seen.connection_settings.ListFields()}
    expected = f"connection_settings with {' and '.join(allowed)} only" if allowed else "no connection_settings"
    require(not extra, expected, ", ".join(sorted(extra)))


def another_settings_hash(exchange: Exchange, before: bytes) -> None:
    """Assert that the hash of the settings differs from the one ``before`` (ConnectionSettingsOffers.hash)."""
    another_hash(processed(exchange).connection_settings.hash, before, "hash of connection_settings")


def _has(message: pb.ServerToAgent, field: str) -> bool:
    offer = message.connection_settings
    return bool(offer.other_connections) if field == "other_connections" else offer.HasField(field)
