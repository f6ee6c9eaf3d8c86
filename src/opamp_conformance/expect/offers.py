"""What a scenario can assert of offers, commands and custom messages."""

import hashlib
from typing import Final

from google.protobuf.empty_pb2 import Empty

from opamp_conformance import operator
from opamp_conformance.errors import NotApplicable, Unmet
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import described, kept, processed, that, unknown_fields
from opamp_conformance.validation import undeclared_use
from opamp_proto import opamp_pb2 as pb

_MIN_HASH_BYTES: Final = 16
_OFFERS: Final = ("remote_config", "connection_settings", "packages_available", "command", "custom_message")


# ---- remote configuration


def configuration(exchange: Exchange) -> None:
    offered = processed(exchange).remote_config.config.config_map
    that(offered, "remote_config with a configuration", described(exchange))


def configuration_text(exchange: Exchange, text: str) -> None:
    offered = [
        file.body.decode(errors="replace") for file in processed(exchange).remote_config.config.config_map.values()
    ]
    that(offered == [text], f"remote_config with {text!r}", f"{offered or described(exchange)}")


def no_configuration(exchange: Exchange) -> None:
    that(not exchange.reply.HasField("remote_config"), "no remote_config", "remote_config")


def no_configuration_files(exchange: Exchange) -> None:
    files = processed(exchange).remote_config.config.config_map
    that(not files, "no configuration, as it has not changed", f"{len(files)} files again")


def config_hash(exchange: Exchange) -> None:
    kept("remote-config.config-hash-set", exchange)


def unique_file_names(exchange: Exchange) -> None:
    """A map that is read twice from the wire hides a repeated key, so the wire itself is looked at."""
    names = [b"".join(_nested(entry, 1)) for entry in _nested(_data(exchange), 3, 1, 1)]
    twice = sorted({name.decode(errors="replace") for name in names if names.count(name) > 1})
    that(not twice, "file names that are unique", f"{', '.join(map(repr, twice))} more than once")


def file_named(exchange: Exchange) -> None:
    names = list(exchange.reply.remote_config.config.config_map)
    that(operator.FILE in names, f"the file {operator.FILE!r}", ", ".join(map(repr, names)) or "none")


def one_file(exchange: Exchange) -> None:
    count = len(exchange.reply.remote_config.config.config_map)
    that(count == 1, "one file, as the operator gave one", f"{count} files")


def mime_type(exchange: Exchange) -> None:
    kept("config-files.content-type-mime", exchange)


def another_config_hash(exchange: Exchange, before: bytes) -> None:
    _another_hash(processed(exchange).remote_config.config_hash, before, "config_hash")


# ---- connection settings


def settings(exchange: Exchange, name: str) -> None:
    that(_has_settings(exchange, name), f"connection_settings with {name}", described(exchange))


def no_settings_of(exchange: Exchange, name: str) -> None:
    that(not _has_settings(exchange, name), f"no {name} in connection_settings", name)


def no_settings(exchange: Exchange) -> None:
    that(not exchange.reply.HasField("connection_settings"), "no connection_settings", described(exchange))


def only_opamp_settings(exchange: Exchange) -> None:
    names = {field.name for field, _ in exchange.reply.connection_settings.ListFields()}
    that(names <= {"hash", "opamp"}, "connection_settings with opamp alone", ", ".join(sorted(names)))


def another_settings_hash(exchange: Exchange, before: bytes) -> None:
    _another_hash(processed(exchange).connection_settings.hash, before, "hash of connection_settings")


def certificate_offered(exchange: Exchange) -> None:
    cert = exchange.reply.connection_settings.opamp.certificate.cert
    that(cert, "connection_settings.opamp with a certificate", described(exchange))


def no_certificate(exchange: Exchange) -> None:
    that(not exchange.reply.connection_settings.opamp.certificate.cert, "no certificate", "a certificate")


def private_key(exchange: Exchange) -> None:
    key = exchange.reply.connection_settings.opamp.certificate.private_key
    that(key.startswith(b"-----BEGIN"), "a private_key in PEM", "none" if not key else "something else")


def no_private_key(exchange: Exchange) -> None:
    that(not exchange.reply.connection_settings.opamp.certificate.private_key, "no private_key", "a private_key")


# ---- packages


def package(exchange: Exchange) -> None:
    that(operator.PACKAGE in _packages(exchange), f"the package {operator.PACKAGE!r}", described(exchange))


def no_packages(exchange: Exchange) -> None:
    that(not exchange.reply.HasField("packages_available"), "no packages_available", "packages_available")


def all_packages_hash(exchange: Exchange) -> None:
    kept("packages.all-hash-set", exchange)


def long_hashes(exchange: Exchange) -> None:
    offer = exchange.reply.packages_available
    hashes = [offer.all_packages_hash, *(entry.hash for entry in offer.packages.values())]
    lengths = [len(hash_) for hash_ in hashes if hash_]
    that(min(lengths) >= _MIN_HASH_BYTES, f"hashes of {_MIN_HASH_BYTES} bytes or more", f"{min(lengths)} bytes")


def top_level(exchange: Exchange) -> None:
    kind = _packages(exchange)[operator.PACKAGE].type
    that(kind == pb.PackageType_TopLevel, "a top-level package", f"the type {kind}")


def sha256_of(exchange: Exchange, content: bytes) -> None:
    got = _packages(exchange)[operator.PACKAGE].file.content_hash
    that(got == hashlib.sha256(content).digest(), "the SHA-256 of the content", got.hex() or "none")


def another_all_packages_hash(exchange: Exchange, before: bytes) -> None:
    _another_hash(processed(exchange).packages_available.all_packages_hash, before, "all_packages_hash")


def another_package_hash(exchange: Exchange, before: Exchange) -> None:
    _another_hash(_package_hash(exchange), _package_hash(before), "hash of the package")


# ---- commands and custom messages


def command_alone(exchange: Exchange) -> None:
    if not exchange.reply.HasField("command"):
        raise NotApplicable("the server sends no command, and need not")
    kept("command.alone", exchange)


def no_command_beside_anything(exchange: Exchange) -> None:
    kept("command.alone", exchange)


def no_command(exchange: Exchange) -> None:
    that(not exchange.reply.HasField("command"), "no command", "a command")


def custom_message(exchange: Exchange, capability: str) -> None:
    got = processed(exchange).custom_message.capability
    that(got == capability, f"a custom_message of {capability}", got or described(exchange))


def no_custom_message(exchange: Exchange) -> None:
    that(not exchange.reply.HasField("custom_message"), "no custom_message", exchange.reply.custom_message.capability)


def no_custom_capabilities(exchange: Exchange) -> None:
    that(not exchange.reply.HasField("custom_capabilities"), "no custom_capabilities", "custom_capabilities again")


# ---- all of them


def nothing_offered(exchange: Exchange) -> None:
    offered = [name for name in _OFFERS if exchange.reply.HasField(name)]
    that(not offered, "nothing but an acknowledgement", ", ".join(offered))


def only_announced(exchange: Exchange, announced: int) -> None:
    if not announced:
        raise Unmet("capabilities.server.first-message", "the first response carries no capabilities")
    breach = undeclared_use(announced, processed(exchange))
    if breach is not None:
        raise breach


def _another_hash(now: bytes, before: bytes, name: str) -> None:
    that(now and now != before, f"another {name} than {before.hex()}", now.hex() or "none")


def _has_settings(exchange: Exchange, name: str) -> bool:
    offer = processed(exchange).connection_settings
    return bool(offer.other_connections) if name == "other_connections" else offer.HasField(name)


def _packages(exchange: Exchange) -> dict[str, pb.PackageAvailable]:
    return dict(processed(exchange).packages_available.packages)


def _package_hash(exchange: Exchange) -> bytes:
    package = _packages(exchange).get(operator.PACKAGE)
    return b"" if package is None else package.hash


def _data(exchange: Exchange) -> bytes:
    return exchange.response.data if exchange.response is not None else b""


def _nested(data: bytes, *path: int) -> list[bytes]:
    """Return the raw fields at a path of field numbers, as often as they are on the wire."""
    if not path:
        return [data]
    fields = unknown_fields(Empty.FromString(data))
    inner = [data for number, data in fields if number == path[0] and isinstance(data, bytes)]
    return [found for part in inner for found in _nested(part, *path[1:])]


def keeps(requirement: str, exchange: Exchange) -> None:
    """Assert what every offer is checked for anyway, where a scenario is about just that."""
    processed(exchange)
    kept(requirement, exchange)


def reverse_fqdn(exchange: Exchange) -> None:
    kept("custom.reverse-fqdn", exchange)
