"""What the agent says of itself: description, health, components and capabilities."""

import hashlib
import platform
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Final

from opamp_mock_agent.errors import SettingsError
from opamp_proto import anyvalue_pb2, uuid_text
from opamp_proto import opamp_pb2 as pb

VERSION: Final = "1.0.0"
ECHO_CAPABILITY: Final = "org.opamp-conformance.echo/1"
"""The agent's custom capability: it sends each of its messages back."""
_COMPONENTS: Final[Mapping[str, Sequence[str]]] = {"receivers": ("hostmetrics", "otlp"), "exporters": ("otlphttp",)}
_NAMES: Final = [name.removeprefix("AgentCapabilities_") for name, bit in pb.AgentCapabilities.items() if bit]


def capability_bits(names: Sequence[str] | None) -> int:
    """Return capabilities as bits, all for None; ReportsStatus is always set. Raises SettingsError."""
    unknown = sorted(set(names or ()) - set(_NAMES))
    if unknown:
        raise SettingsError(f"{unknown[0]} is not an agent capability; there are {', '.join(_NAMES)}")
    chosen = _NAMES if names is None else [*names, "ReportsStatus"]
    return sum(pb.AgentCapabilities.Value(f"AgentCapabilities_{name}") for name in set(chosen))


def description(name: str, instance_uid: bytes, extra: Mapping[str, str]) -> pb.AgentDescription:
    """Describe a standalone agent on this machine."""
    identifying = {
        "service.name": name,
        "service.version": VERSION,
        "service.instance.id": uuid_text(instance_uid),
    }
    others = {
        "os.type": platform.system().lower(),
        "os.version": platform.release(),
        "host.name": socket.gethostname(),
        "host.arch": platform.machine(),
        **extra,
    }
    return pb.AgentDescription(
        identifying_attributes=[_attribute(key, value) for key, value in identifying.items()],
        non_identifying_attributes=[_attribute(key, value) for key, value in others.items()],
    )


def health(started_at: int, error: str = "") -> pb.ComponentHealth:
    """Describe the health of an agent that runs. ``started_at`` is in nanoseconds since the epoch."""
    return pb.ComponentHealth(
        healthy=not error,
        start_time_unix_nano=started_at,
        last_error=error,
        status="degraded" if error else "running",
        status_time_unix_nano=time.time_ns(),
    )


def components(*, with_map: bool) -> pb.AvailableComponents:
    """Return the components of the agent: their hash, and the map only if it was asked for."""
    found = pb.AvailableComponents()
    for kind, names in _COMPONENTS.items():
        for name in names:
            metadata = found.components[kind].sub_component_map[name].metadata
            metadata.add().CopyFrom(_attribute("code.namespace", f"{kind}.{name}"))
    found.hash = hashlib.sha256(found.SerializeToString(deterministic=True)).digest()
    if not with_map:
        found.ClearField("components")
    return found


def _attribute(key: str, value: str) -> anyvalue_pb2.KeyValue:
    return anyvalue_pb2.KeyValue(key=key, value=anyvalue_pb2.AnyValue(string_value=value))
