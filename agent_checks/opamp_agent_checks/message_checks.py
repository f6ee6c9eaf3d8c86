"""The checks of one message, without memory: its form, its transport, and fields that belong together."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from opamp_agent_checks.finding import Breach, failure, warning
from opamp_agent_checks.traffic import HttpRequestFacts, Received
from opamp_proto import CONTENT_TYPE, INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb

_DEFINED_CAPABILITIES: Final = sum(pb.AgentCapabilities.values())
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
"""The text form of a UUID (RFC 4122, section 3)."""
_NO_ERROR: Final = {
    pb.PackageStatusEnum_Installed: "package-status.installed-no-error",
    pb.PackageStatusEnum_Installing: "package-status.installing-no-error",
    pb.PackageStatusEnum_Downloading: "package-status.downloading-no-error",
}
_NEEDS_OFFERED_HASH: Final = {
    pb.PackageStatusEnum_Installing: "package-status.installing-hash",
    pb.PackageStatusEnum_InstallFailed: "package-status.failed-hash",
    pb.PackageStatusEnum_Downloading: "package-status.downloading-hash",
}

STATUS_PARTS: Final = (
    "agent_description",
    "health",
    "effective_config",
    "remote_config_status",
    "package_statuses",
    "connection_settings_status",
    "available_components",
)
"""The fields of AgentToServer that report a status."""


def breaches_of_form(received: Received) -> Iterator[Breach]:
    """Check the transport and the bytes of what an agent sent."""
    yield from _of_http(received) if received.http is not None else _of_websocket(received)
    if received.message is None and not received.is_text:
        requirement = "ws.layout.agent" if received.http is None else "http.request-body"
        yield failure(requirement, "one serialized AgentToServer", f"{len(received.data)} bytes that cannot be decoded")


def _of_http(received: Received) -> Iterator[Breach]:
    facts = received.http
    assert facts is not None
    yield from breaches_of_method(facts)
    yield from breaches_of_content_type(facts)
    uid = None if received.message is None else received.message.instance_uid.hex()
    if facts.instance_uid is None:
        yield warning("http.instance-uid-header", "a header OpAMP-Instance-UID", "none")
        return
    digits = facts.instance_uid.replace("-", "").lower()
    if not _UUID.fullmatch(facts.instance_uid):
        yield warning("http.instance-uid-header", "a UUID in its text form", repr(facts.instance_uid))
    elif uid is not None and digits != uid:
        yield warning("http.instance-uid-header.equal", f"the instance_uid of the message, {uid}", facts.instance_uid)


def breaches_of_method(facts: HttpRequestFacts) -> Iterator[Breach]:
    """Check the method of a request."""
    if facts.method != "POST":
        yield failure("http.post", "the method POST", facts.method)


def breaches_of_content_type(facts: HttpRequestFacts) -> Iterator[Breach]:
    """Check the content type of a request. It may be in any case, and have parameters."""
    media_type = (facts.content_type or "").partition(";")[0].strip().lower()
    if media_type != CONTENT_TYPE:
        yield failure("http.content-type", f"the content type {CONTENT_TYPE}", facts.content_type or "none")


def _of_websocket(received: Received) -> Iterator[Breach]:
    if received.is_text:
        yield failure("ws.binary-frames.agent", "a binary WebSocket message", "a text message")
    elif received.data[:1] != b"\0":
        start = received.data[:4].hex() or "an empty message"
        yield failure("ws.header.zero.agent", "the header 0", f"a message that begins with {start}")


def breaches_of_fields(message: pb.AgentToServer) -> Iterator[Breach]:
    """Check the fields of one message."""
    for check in _CHECKS:
        yield from check(message)


def _instance_uid(message: pb.AgentToServer) -> Iterator[Breach]:
    length = len(message.instance_uid)
    if length == INSTANCE_UID_BYTES:
        return
    if length == 0 and message.flags & pb.AgentToServerFlags_RequestInstanceUid:
        yield warning("identification.request-uid.temporary", "a temporary instance_uid beside the flag", "none")
    elif length == 0:
        yield failure("identification.every-message.agent", "an instance_uid in every message", "none")
    else:
        yield failure("identification.instance-uid.length", f"{INSTANCE_UID_BYTES} bytes", f"{length} bytes")


def _capabilities(message: pb.AgentToServer) -> Iterator[Breach]:
    undefined = message.capabilities & ~_DEFINED_CAPABILITIES
    if undefined:
        yield failure("capabilities.agent.undefined-bits-zero", "only defined capability bits", f"{undefined:#x}")
    find = failure if any(message.HasField(part) for part in STATUS_PARTS) else warning  # A poll may have less.
    if not message.capabilities:
        yield find("capabilities.agent.always-set", "capabilities in every message", "none")
    elif not message.capabilities & pb.AgentCapabilities_ReportsStatus:
        yield find("capabilities.agent.reports-status-bit", "the bit ReportsStatus", f"{message.capabilities:#x}")
    if message.HasField("effective_config") and not message.capabilities & pb.AgentCapabilities_ReportsEffectiveConfig:
        yield failure("effective-config.capability-set", "ReportsEffectiveConfig beside effective_config", "not set")
    has_bit = message.capabilities & pb.AgentCapabilities_ReportsAvailableComponents
    if message.HasField("available_components") and not has_bit:
        yield warning("components.not-reported-if-incapable", "ReportsAvailableComponents beside components", "not set")


def _components(message: pb.AgentToServer) -> Iterator[Breach]:
    if message.HasField("available_components") and not message.available_components.hash:
        yield failure("components.hash-included", "a hash of the available components", "none")


def _health(message: pb.AgentToServer) -> Iterator[Breach]:
    if message.HasField("health"):
        yield from _of_health(message.health, "an agent")


def _of_health(health: pb.ComponentHealth, whose: str) -> Iterator[Breach]:
    if not health.healthy and not health.last_error:
        yield warning("health.last-error", f"last_error of {whose} that is not healthy", "none")
    for name, component in health.component_health_map.items():
        yield from _of_health(component, f"the component {name!r}")


def _packages(message: pb.AgentToServer) -> Iterator[Breach]:
    for key, status in message.package_statuses.packages.items():
        if key != status.name:
            yield failure("package-status.key-equals-name", f"the name {key!r}, as its key", repr(status.name))
        if status.error_message and status.status in _NO_ERROR:
            yield failure(_NO_ERROR[status.status], "no error_message", repr(status.error_message[:100]))
        elif status.error_message and status.status == pb.PackageStatusEnum_InstallPending:
            expected = "no error_message of a pending package"
            yield warning("package-status.error-message-only-if-erroneous", expected, repr(status.error_message[:100]))
        if status.status in _NEEDS_OFFERED_HASH and not status.server_offered_hash:
            yield failure(_NEEDS_OFFERED_HASH[status.status], f"server_offered_hash of the package {key!r}", "none")
        percent = status.download_details.download_percent
        if not 0 <= percent <= 100:
            yield failure("package-status.download-percent", "a percentage from 0 to 100", f"{percent:g}")
        rate = status.download_details.download_bytes_per_second
        if not rate >= 0:  # It may be no number.
            yield failure("package-status.download-rate", "a rate of 0 or more", f"{rate:g}")
        if status.HasField("download_details") and status.status != pb.PackageStatusEnum_Downloading:
            expected = "download_details only of a package with the status Downloading"
            came = f"the status {status.status}"
            yield warning("package-status.download-details-only-downloading", expected, came)


def _error_messages(message: pb.AgentToServer) -> Iterator[Breach]:
    settings, config = message.connection_settings_status, message.remote_config_status
    for requirement, status, failed in (
        ("connection-status.error-message", settings, pb.ConnectionSettingsStatuses_FAILED),
        ("remote-config.error-message", config, pb.RemoteConfigStatuses_FAILED),
    ):
        if status.error_message and status.status != failed:
            yield warning(requirement, "no error_message without FAILED", repr(status.error_message[:100]))


def _custom_capabilities(message: pb.AgentToServer) -> Iterator[Breach]:
    for name in message.custom_capabilities.capabilities:
        if "." not in name.partition("/")[0]:
            yield warning(
                "custom.reverse-fqdn", "a reverse FQDN at the beginning of a custom capability", repr(name[:100])
            )


def _requests(message: pb.AgentToServer) -> Iterator[Breach]:
    if not message.HasField("connection_settings_request"):
        return
    request = message.connection_settings_request
    if not request.HasField("opamp"):
        yield warning("csr.request-has-opamp", "opamp in the request for connection settings", "none")
    elif not request.opamp.HasField("certificate_request"):
        yield warning("csr.certificate-request-required", "a certificate_request", "none")


_CHECKS: Final[tuple[Callable[[pb.AgentToServer], Iterator[Breach]], ...]] = (
    _instance_uid,
    _capabilities,
    _components,
    _health,
    _packages,
    _error_messages,
    _custom_capabilities,
    _requests,
)
