"""The parts of OpAMP that a server shows to support: it announces a capability, or sends what belongs to the part."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from opamp_proto import opamp_pb2 as pb

_Sign = Callable[[pb.AgentToServer | None, pb.ServerToAgent], bool]
"""Whether a message of the server, with the message that it answers, is a sign of support."""

_ANNOUNCED: Final[Mapping[str, tuple[str, ...]]] = {
    "OffersRemoteConfig": ("remote-config.offer-field",),
    "AcceptsEffectiveConfig": ("effective-config.server-not-expecting",),
    "OffersPackages": ("packages.offer-field",),
    "AcceptsPackagesStatus": ("package-status.server-compares-hash",),
    "OffersConnectionSettings": ("offers.hash-covers-all", "connection-settings.capability.opamp"),
    "AcceptsConnectionSettingsRequest": ("csr.server-responds",),
}
"""Each capability that not every server has, with requirements about it."""


def _announces(name: str) -> _Sign:
    bit = pb.ServerCapabilities.Value(f"ServerCapabilities_{name}")
    return lambda sent, reply: bool(reply.capabilities & bit)


def _requested_uid(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> bool:
    is_asked = sent is not None and sent.flags & pb.AgentToServerFlags_RequestInstanceUid
    return bool(is_asked and reply.agent_identification.new_instance_uid)


def _own_telemetry(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> bool:
    settings = reply.connection_settings
    return any(settings.HasField(name) for name in ("own_metrics", "own_traces", "own_logs"))


def _custom(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> bool:
    # An empty list says that the server has none.
    return bool(reply.custom_capabilities.capabilities) or reply.HasField("custom_message")


_SIGNS: Final[Mapping[str, tuple[_Sign, tuple[str, ...]]]] = {
    **{f"announces {name}": (_announces(name), requirements) for name, requirements in _ANNOUNCED.items()},
    "sends remote_config": (
        lambda sent, reply: reply.HasField("remote_config"),
        ("config-files.keys-are-names", "remote-config.offer-field"),
    ),
    "sends packages_available": (lambda sent, reply: reply.HasField("packages_available"), ("packages.offer-field",)),
    "sends connection_settings": (
        lambda sent, reply: reply.HasField("connection_settings"),
        ("offers.hash-covers-all", "connection-settings.capability.opamp"),
    ),
    "sends connection_settings.opamp": (
        lambda sent, reply: reply.connection_settings.HasField("opamp"),
        ("opamp-settings.endpoint-url", "opamp-offer.sent-in-opamp"),
    ),
    "sends connection_settings for own telemetry": (
        _own_telemetry,
        ("own-telemetry.offer-shape", "telemetry-settings.endpoint-full-url"),
    ),
    "sends connection_settings.other_connections": (
        lambda sent, reply: bool(reply.connection_settings.other_connections),
        ("other-settings.offer-shape",),
    ),
    "sends a certificate": (
        lambda sent, reply: reply.connection_settings.opamp.HasField("certificate"),
        ("certificate.cert-required",),
    ),
    "sends a command": (lambda sent, reply: reply.HasField("command"), ("command.alone",)),
    "sends custom_capabilities or a custom_message": (_custom, ("custom.signal-support",)),
    "sets ReportAvailableComponents": (
        lambda sent, reply: bool(reply.flags & pb.ServerToAgentFlags_ReportAvailableComponents),
        ("components.server-may-request",),
    ),
    "answers RequestInstanceUid with a new_instance_uid": (
        _requested_uid,
        ("identification.request-uid.answered", "fleet.request-uid.unknown-agent"),
    ),
}
"""What a server does that supports a part, in words that follow "the server", and requirements about that part."""

REQUIREMENTS: Final[Mapping[str, tuple[str, ...]]] = {sign: about for sign, (_, about) in _SIGNS.items()}
"""The requirements that a server which shows a sign has to keep."""


def signs(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Iterator[str]:
    """Yield the signs in a message of a server, which answers ``sent``."""
    return (sign for sign, (is_shown, _) in _SIGNS.items() if is_shown(sent, reply))
