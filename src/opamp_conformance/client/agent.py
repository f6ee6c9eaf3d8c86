"""The agent of the suite: it composes AgentToServer messages and counts its sequence numbers."""

import hashlib
import platform
from collections.abc import Mapping, Sequence
from typing import Final

import uuid6

from opamp_proto import anyvalue_pb2
from opamp_proto import opamp_pb2 as pb

REQUEST_INSTANCE_UID: Final = int(pb.AgentToServerFlags_RequestInstanceUid)
"""The flag by which an agent asks for a new instance_uid (AgentToServer.flags)."""
UNKNOWN_FLAG: Final = 0x2
"""A bit of AgentToServer.flags that no version defines."""

SERVICE_NAME: Final = "opamp-conformance"
"""The service.name of the suite's agents, which identifies them on a shared server."""
HEALTHY: Final = "StatusOK"
"""The status of a healthy agent."""

ORDINARY_CAPABILITIES: Final = int(pb.AgentCapabilities_ReportsStatus | pb.AgentCapabilities_ReportsHealth)
EVERY_CAPABILITY: Final = sum(pb.AgentCapabilities.values())
"""All bits of AgentCapabilities that the specification defines."""


def capability(name: str) -> int:
    """Return a bit of AgentCapabilities by its name in the specification, such as AcceptsRemoteConfig."""
    return int(pb.AgentCapabilities.Value(f"AgentCapabilities_{name}"))


class Agent:
    """An agent that follows the specification. It does not depend on a transport.

    ``run_id`` names the run it belongs to; its ``name`` (service.instance.id) begins with it. Sequence numbers start at
    1 and count every composed message. The hashes are those of the last offers that it accepted, and ``packages`` are
    the statuses of the packages of the last offer by name.
    ``custom_capabilities`` is None if it does not report any.
    """

    def __init__(
        self, run_id: str, instance_uid: bytes | None = None, capabilities: int = ORDINARY_CAPABILITIES
    ) -> None:
        self.run_id = run_id
        self.instance_uid = instance_uid if instance_uid is not None else uuid6.uuid7().bytes
        self.name = f"{run_id}-{self.instance_uid[-4:].hex()}"
        self.sequence_num = 0
        self.capabilities = capabilities
        self.remote_config_hash = b""
        self.connection_settings_hash = b""
        self.packages_hash = b""
        self.packages: Mapping[str, pb.PackageStatus] = {}
        self.custom_capabilities: Sequence[str] | None = None

    def clone(self) -> "Agent":
        """Return a copy, as on a cloned machine: with the same instance_uid, and its own sequence numbers."""
        copy = Agent(self.run_id, self.instance_uid, self.capabilities)
        copy.name = self.name
        copy.sequence_num = self.sequence_num
        return copy

    def similar(self) -> "Agent":
        """Return another agent, whose instance_uid differs only in its last bit, with the same sequence number."""
        instance_uid = self.instance_uid[:-1] + bytes([self.instance_uid[-1] ^ 1])
        other = Agent(self.run_id, instance_uid, self.capabilities)
        other.sequence_num = self.sequence_num
        return other

    def install(self, offer: pb.PackagesAvailable) -> None:
        """Install all packages of an offer, so that reports have their statuses (PackageStatuses)."""
        self.packages_hash = offer.all_packages_hash
        self.packages = {
            name: pb.PackageStatus(
                name=name,
                agent_has_version=package.version,
                agent_has_hash=package.hash,
                server_offered_version=package.version,
                server_offered_hash=package.hash,
                status=pb.PackageStatusEnum_Installed,
            )
            for name, package in offer.packages.items()
        }

    def adopt(self, new_instance_uid: bytes) -> None:
        """Use an instance_uid from the server from now on (ServerToAgent.agent_identification)."""
        self.instance_uid = new_instance_uid

    def can(self, bit: int) -> bool:
        return bool(self.capabilities & bit)

    def check_in(self, *, flags: int = 0) -> pb.AgentToServer:
        """Compose a message that reports no change (Agent Status Compression)."""
        self.sequence_num += 1
        return pb.AgentToServer(
            instance_uid=self.instance_uid,
            sequence_num=self.sequence_num,
            capabilities=self.capabilities,
            flags=flags,
        )

    def full_status(self, *, flags: int = 0) -> pb.AgentToServer:
        """Compose a full status report (Status Reporting)."""
        message = self.check_in(flags=flags)
        self._describe(message.agent_description)
        if self.can(pb.AgentCapabilities_ReportsHealth):
            message.health.CopyFrom(healthy())
        if self.can(pb.AgentCapabilities_ReportsEffectiveConfig):
            message.effective_config.config_map.config_map[""].CopyFrom(configuration("receivers: {}"))
        if self.can(pb.AgentCapabilities_ReportsRemoteConfig):
            self._report_remote_config(message, pb.RemoteConfigStatuses_APPLIED)
        if self.can(pb.AgentCapabilities_ReportsPackageStatuses):
            self._report_packages(message)
        if self.can(pb.AgentCapabilities_ReportsConnectionSettingsStatus):
            self._report_connection_settings(message, pb.ConnectionSettingsStatuses_APPLIED)
        if self.can(pb.AgentCapabilities_ReportsAvailableComponents):
            message.available_components.hash = components_hash()
        if self.custom_capabilities is not None:
            message.custom_capabilities.SetInParent()  # An empty list takes back what the agent had.
            message.custom_capabilities.capabilities.extend(self.custom_capabilities)
        return message

    def disconnect(self, *, flags: int = 0, full_report: bool = False) -> pb.AgentToServer:
        """Compose the last message of a session (AgentToServer.agent_disconnect)."""
        message = self.full_status(flags=flags) if full_report else self.check_in(flags=flags)
        message.agent_disconnect.SetInParent()
        return message

    # ---- reports of one change

    def remote_config_status(self, status: pb.RemoteConfigStatuses) -> pb.AgentToServer:
        """Report the status of the last remote configuration (RemoteConfigStatus)."""
        message = self.check_in()
        self._report_remote_config(message, status)
        return message

    def connection_settings_status(self, status: pb.ConnectionSettingsStatuses) -> pb.AgentToServer:
        """Report the status of the last connection settings (ConnectionSettingsStatus)."""
        message = self.check_in()
        self._report_connection_settings(message, status)
        return message

    def package_statuses(self) -> pb.AgentToServer:
        """Report the packages, and the hash of their last offer (PackageStatuses)."""
        message = self.check_in()
        self._report_packages(message)
        return message

    def components_hash(self) -> pb.AgentToServer:
        """Report the hash of the components without the components (AvailableComponents)."""
        message = self.check_in()
        message.available_components.hash = components_hash()
        return message

    def certificate_request(self, csr: bytes) -> pb.AgentToServer:
        """Request a client certificate (CertificateRequest). ``csr`` is PEM."""
        message = self.full_status()
        message.connection_settings_request.opamp.certificate_request.csr = csr
        return message

    # ---- sequence numbers

    def count_from(self, sequence_num: int) -> None:
        """Set the sequence number of the next message, as after a restart."""
        self.sequence_num = sequence_num - 1

    def lose(self, messages: int) -> None:
        """Count messages that never reach the server."""
        self.sequence_num += messages

    def _describe(self, description: pb.AgentDescription) -> None:
        description.identifying_attributes.extend(
            [attribute("service.name", SERVICE_NAME), attribute("service.instance.id", self.name)]
        )
        description.non_identifying_attributes.extend(
            [attribute("os.type", platform.system().lower()), attribute("host.arch", _architecture())]
        )

    def _report_remote_config(self, message: pb.AgentToServer, status: pb.RemoteConfigStatuses) -> None:
        report = message.remote_config_status
        report.last_remote_config_hash = self.remote_config_hash
        report.status = status if self.remote_config_hash else pb.RemoteConfigStatuses_UNSET
        if report.status == pb.RemoteConfigStatuses_FAILED:
            report.error_message = "the configuration does not parse"

    def _report_packages(self, message: pb.AgentToServer) -> None:
        report = message.package_statuses
        report.server_provided_all_packages_hash = self.packages_hash
        for name, status in self.packages.items():
            report.packages[name].CopyFrom(status)

    def _report_connection_settings(self, message: pb.AgentToServer, status: pb.ConnectionSettingsStatuses) -> None:
        report = message.connection_settings_status
        report.last_connection_settings_hash = self.connection_settings_hash
        report.status = status if self.connection_settings_hash else pb.ConnectionSettingsStatuses_UNSET
        if report.status == pb.ConnectionSettingsStatuses_FAILED:
            report.error_message = "the destination does not answer"


def _architecture() -> str:
    """Return the host.arch of this machine, by its name in the semantic conventions of OpenTelemetry."""
    machine = platform.machine().lower()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def attribute(key: str, value: str) -> anyvalue_pb2.KeyValue:
    return anyvalue_pb2.KeyValue(key=key, value=anyvalue_pb2.AnyValue(string_value=value))


def healthy() -> pb.ComponentHealth:
    return pb.ComponentHealth(healthy=True, status=HEALTHY)


def nested_health(depth: int) -> pb.ComponentHealth:
    """Return the health of nested components (ComponentHealth.component_health_map)."""
    health = healthy()
    if depth:
        health.component_health_map[f"component/{depth}"].CopyFrom(nested_health(depth - 1))
    return health


def components(depth: int) -> pb.ComponentDetails:
    """Return a component with nested components (ComponentDetails.sub_component_map)."""
    details = pb.ComponentDetails(metadata=[attribute("code.namespace", f"level {depth}")])
    if depth:
        details.sub_component_map[f"component/{depth}"].CopyFrom(components(depth - 1))
    return details


def components_hash() -> bytes:
    """Return the hash of the agent's components (AvailableComponents.hash)."""
    return hashlib.sha256(SERVICE_NAME.encode()).digest()


def configuration(text: str) -> pb.AgentConfigObject:
    return pb.AgentConfigObject(body=text.encode(), content_type="text/yaml")


def other_hash(hash_: bytes) -> bytes:
    """Return a hash that differs from another one in its last bit only."""
    return hash_[:-1] + bytes([hash_[-1] ^ 1]) if hash_ else b"the hash of others"
