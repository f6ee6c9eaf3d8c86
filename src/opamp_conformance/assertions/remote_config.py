"""Remote configuration (Configuration, AgentRemoteConfig)."""

from google.protobuf.empty_pb2 import Empty

from opamp_conformance.actions.offers import FILE
from opamp_conformance.assertions.common import another_hash, described, processed, require, unknown_fields
from opamp_conformance.wire.exchange import Exchange


def offered(exchange: Exchange) -> None:
    """Assert that a configuration with files is offered (AgentRemoteConfig.config)."""
    files = processed(exchange).remote_config.config.config_map
    require(files, "remote_config with a configuration", described(exchange))


def none_offered(exchange: Exchange) -> None:
    """Assert that no configuration is offered (ServerToAgent.remote_config)."""
    require(not exchange.everything.HasField("remote_config"), "no remote_config", "remote_config")


def no_files(exchange: Exchange) -> None:
    """Assert that the files of a configuration are not sent again (AgentRemoteConfig.config)."""
    processed(exchange)
    files = exchange.everything.remote_config.config.config_map
    require(not files, "no configuration, because it has not changed", f"{len(files)} files again")


def unique_file_names(exchange: Exchange) -> None:
    """Look at the bytes: a decoded map hides a repeated key."""
    data = exchange.response.data if exchange.response is not None else b""
    names = [b"".join(_fields_at(entry, 1)) for entry in _fields_at(data, 3, 1, 1)]
    twice = sorted({name.decode(errors="replace") for name in names if names.count(name) > 1})
    require(not twice, "unique file names", f"{', '.join(map(repr, twice))} more than once")


def file_named(exchange: Exchange) -> None:
    """Assert that the file of the scenarios has its name (AgentConfigMap.config_map)."""
    names = list(exchange.reply.remote_config.config.config_map)
    require(FILE in names, f"the file {FILE!r}", ", ".join(map(repr, names)) or "none")


def files_named(exchange: Exchange, *names: str) -> None:
    """Assert that each file has its own content."""
    files = processed(exchange).remote_config.config.config_map
    bodies = {name: files[name].body for name in names if name in files}
    are_whole = len(bodies) == len(names) == len(set(bodies.values()))
    require(are_whole, f"the files {', '.join(map(repr, names))}", ", ".join(map(repr, files)) or described(exchange))


def file_has_role(exchange: Exchange, name: str, role: str) -> None:
    """Assert that a file has the role that the operator gave it (AgentConfigObject.role)."""
    files = processed(exchange).remote_config.config.config_map
    came = files[name].role if name in files else ""
    require(came == role, f"the role {role!r} for the file {name!r}", repr(came) if came else "none")


def one_file(exchange: Exchange) -> None:
    """Assert that a configuration of one file has one entry (AgentConfigMap.config_map)."""
    count = len(exchange.reply.remote_config.config.config_map)
    require(count == 1, "one file, because the operator offered one", f"{count} files")


def another_config_hash(exchange: Exchange, before: bytes) -> None:
    """Assert that config_hash differs from the one ``before`` (AgentRemoteConfig.config_hash)."""
    another_hash(processed(exchange).remote_config.config_hash, before, "config_hash")


def _fields_at(data: bytes, *path: int) -> list[bytes]:
    """Return the raw fields at a path of field numbers, as often as they are in the bytes."""
    if not path:
        return [data]
    fields = unknown_fields(Empty.FromString(data))
    inner = [data for number, data in fields if number == path[0] and isinstance(data, bytes)]
    return [found for part in inner for found in _fields_at(part, *path[1:])]
