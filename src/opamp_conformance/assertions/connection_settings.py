"""Connection settings (ConnectionSettingsOffers). ``field`` is one of its fields."""

from opamp_conformance.assertions.common import another_hash, described, processed, require
from opamp_conformance.wire.exchange import Exchange


def offered(exchange: Exchange, field: str) -> None:
    require(_has(exchange, field), f"connection_settings with {field}", described(exchange))


def not_offered(exchange: Exchange, field: str) -> None:
    require(not _has(exchange, field), f"no {field} in connection_settings", field)


def none_offered(exchange: Exchange) -> None:
    require(not exchange.reply.HasField("connection_settings"), "no connection_settings", described(exchange))


def only_opamp_offered(exchange: Exchange) -> None:
    names = {field.name for field, _ in exchange.reply.connection_settings.ListFields()}
    require(names <= {"hash", "opamp"}, "connection_settings with opamp only", ", ".join(sorted(names)))


def another_settings_hash(exchange: Exchange, before: bytes) -> None:
    another_hash(processed(exchange).connection_settings.hash, before, "hash of connection_settings")


def _has(exchange: Exchange, field: str) -> bool:
    offer = processed(exchange).connection_settings
    return bool(offer.other_connections) if field == "other_connections" else offer.HasField(field)
