"""Removes the secrets of agents from stored data (AgentDescription, EffectiveConfig)."""

import base64
import functools
import json
import math
import re
from collections.abc import Iterable
from typing import Any, ClassVar, Final

from opamp_proto import anyvalue_pb2
from opamp_proto import opamp_pb2 as pb

REDACTED: Final = "REDACTED"

# The list of Fleet Server: if a key contains one of these, its value is a secret.
_SENSITIVE: Final = ("password", "passphrase", "token", "key", "secret", "auth", "certificate")
_UNREADABLE: Final = "REDACTED: not a mapping in YAML or JSON, so its secrets cannot be found"
_KEPT: Final = {
    *("instance_uid", "sequence_num", "capabilities", "agent_description", "health", "effective_config"),
    *("remote_config_status", "package_statuses", "connection_settings_status"),
    *("custom_capabilities", "available_components"),
}
_CORE_SCHEMA: Final = {
    "null": r"(?:null|Null|NULL|~|)\Z",
    "bool": r"(?:true|True|TRUE|false|False|FALSE)\Z",
    "int": r"(?:[-+]?(?:0|[1-9][0-9]{0,99})|0x[0-9a-fA-F]{1,99})\Z",
    "float": r"[-+]?(?:[0-9]{1,99}\.[0-9]{0,99}|\.[0-9]{1,99}|[0-9]{1,99}(?=[eE]))(?:[eE][-+]?[0-9]{1,3})?\Z",
    "merge": r"<<\Z",
}
"""The plain scalars that are no texts (YAML 1.2, section 10.3), without numbers that nobody writes."""
# A few lines of YAML can mean billions of nodes (aliases of aliases).
_MOST_NODES: Final = 100_000
_MOST_BYTES: Final = 256 * 1024
_MOST_BITS: Final = 1024
_MOST_CHARACTERS: Final = 1024 * 1024
"""The limit of all texts of a configuration: aliases repeat them."""


def configuration(body: bytes) -> object:
    """Return a configuration (YAML or JSON) without its secrets, or a text that says why it cannot be read."""
    if len(body) > _MOST_BYTES:
        return _UNREADABLE
    try:
        parsed = _read(body)
        return _Redaction().of(parsed) if isinstance(parsed, dict) else _UNREADABLE
    except ImportError:
        raise  # This is not the agent's fault.
    except Exception:  # Agents can send anything, and a parser may raise anything for it.
        return _UNREADABLE


def _read(body: bytes) -> object:
    try:
        return json.loads(body)  # Stored configurations are JSON, and this is faster than YAML.
    except ValueError:
        return _yaml(body)


def _yaml(body: bytes) -> object:
    import yaml  # noqa: PLC0415 (part of an extra that only a store of documents needs)

    return yaml.load(body, _loader())  # noqa: S506


@functools.cache
def _loader() -> type[Any]:
    """Return a safe loader, in C if available, for the core schema of YAML 1.2.

    YAML 1.1 has numbers to the base 60, whose cost grows with the square of their length.
    """
    import yaml  # noqa: PLC0415

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """A loader with a limit: merges of merges multiply."""

        yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}
        merged = 0

        def flatten_mapping(self, node: Any) -> None:
            super().flatten_mapping(node)
            self.merged += len(node.value)
            if self.merged > _MOST_NODES:
                raise _TooLargeError

    for kind, pattern in _CORE_SCHEMA.items():
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", re.compile(pattern), None)
    return Loader


def attributes(pairs: Iterable[anyvalue_pb2.KeyValue]) -> dict[str, object]:
    """Return attributes as JSON values, without secrets."""
    return {pair.key: REDACTED if _is_sensitive(pair.key) else _value(pair.value) for pair in pairs}


def cleaned(status: pb.AgentToServer) -> dict[str, object]:
    """Remove the secrets from a status, in place; return its configurations by file, without secrets.

    Fields that are not part of the status, such as requests, are removed, too.
    """
    for field, _ in status.ListFields():
        if field.name not in _KEPT:
            status.ClearField(field.name)
    _clean(status.agent_description.identifying_attributes)
    _clean(status.agent_description.non_identifying_attributes)
    _clean_health(status.health)
    for component in status.available_components.components.values():
        _clean_component(component)
    configurations = {}
    for name, file in status.effective_config.config_map.config_map.items():
        if file.body:
            configurations[name] = configuration(file.body)
            file.body = json.dumps(configurations[name]).encode()
    return configurations


def _clean_health(health: pb.ComponentHealth) -> None:
    _clean(health.attributes)
    for component in health.component_health_map.values():
        _clean_health(component)


class _TooLargeError(Exception):
    """A configuration has more nodes or longer numbers than people write."""


class _Redaction:
    def __init__(self) -> None:
        self._nodes = 0
        self._characters = 0

    def of(self, node: object) -> object:
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise _TooLargeError
        match node:
            case dict():
                told = {self._text(str(key)): self._entry(str(key), value) for key, value in node.items()}
                return _without_named_secret(told)
            case list() | tuple() | set():
                return [self.of(item) for item in node]
            case str() | bytes():
                return self._text(str(_scalar(node)))
            case _:
                return _scalar(node)

    def _text(self, text: str) -> str:
        self._characters += len(text)
        if self._characters > _MOST_CHARACTERS:
            raise _TooLargeError
        return text

    def _entry(self, key: str, value: object) -> object:
        return REDACTED if value is not None and _is_sensitive(key) else self.of(value)


def _without_named_secret(entries: dict[str, object]) -> dict[str, object]:
    """Remove the value of a pair such as ``name: X-API-Key, value: …``, in which the name tells that it is a secret."""
    name = next((value for key, value in entries.items() if key.lower() == "name"), None)
    if not isinstance(name, str) or not _is_sensitive(name):
        return entries
    return {key: REDACTED if key.lower() == "value" else value for key, value in entries.items()}


@functools.lru_cache(maxsize=4096)  # The agents of a fleet have the same keys.
def _is_sensitive(key: str) -> bool:
    lower = key.lower()
    return any(word in lower for word in _SENSITIVE)


def _clean(pairs: Iterable[anyvalue_pb2.KeyValue]) -> None:
    for pair in pairs:
        if _is_sensitive(pair.key):
            pair.value.string_value = REDACTED
        else:
            _clean_value(pair.value)


def _clean_value(value: anyvalue_pb2.AnyValue) -> None:
    match value.WhichOneof("value"):
        case "kvlist_value":
            _clean(value.kvlist_value.values)
        case "array_value":
            for item in value.array_value.values:
                _clean_value(item)


def _clean_component(component: pb.ComponentDetails) -> None:
    _clean(component.metadata)
    for part in component.sub_component_map.values():
        _clean_component(part)


def _value(value: anyvalue_pb2.AnyValue) -> object:
    match value.WhichOneof("value"):
        case "kvlist_value":
            return attributes(value.kvlist_value.values)
        case "array_value":
            return [_value(item) for item in value.array_value.values]
        case kind:
            return None if kind is None else _scalar(getattr(value, kind))


def _scalar(value: object) -> object:
    """Return a value that JSON can represent."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise _TooLargeError
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
