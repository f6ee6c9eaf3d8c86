"""Connection settings (ConnectionSettingsOffers). ``field`` is one of its fields."""

from opamp_conformance.assertions.common import another_hash, described, processed, require
from opamp_conformance.wire.exchange import Exchange
from opamp_proto import opamp_pb2 as pb


def offered(exchange: Exchange, field: str) -> None:
    require(_has(processed(exchange), field), f"connection_settings with {field}", described(exchange))


def not_offered(exchange: Exchange, field: str) -> None:
    processed(exchange)
    require(not _has(exchange.everything, field), f"no {field} in connection_settings", field)


def none_offered(exchange: Exchange) -> None:
    require(not exchange.everything.HasField("connection_settings"), "no connection_settings", "connection_settings")


def only_opamp_offered(exchange: Exchange) -> None:
    names = {field.name for field, _ in exchange.everything.connection_settings.ListFields()}
    require(names <= {"hash", "opamp"}, "connection_settings with opamp only", ", ".join(sorted(names)))


def another_settings_hash(exchange: Exchange, before: bytes) -> None:
    another_hash(processed(exchange).connection_settings.hash, before, "hash of connection_settings")


def _has(message: pb.ServerToAgent, field: str) -> bool:
    offer = message.connection_settings
    return bool(offer.other_connections) if field == "other_connections" else offer.HasField(field)
