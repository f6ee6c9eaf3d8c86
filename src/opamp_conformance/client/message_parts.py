"""Messages with one part besides what every message has, by the name that scenarios use for the part."""

from collections.abc import Callable, Mapping
from typing import Final

from opamp_conformance.client import certificates, sample_messages
from opamp_conformance.client.agent import UNKNOWN_FLAG, Agent, components_hash, configuration, healthy
from opamp_proto import opamp_pb2 as pb

_LARGE_BYTES: Final = 100_000
"""More than the buffers of usual libraries (64 KiB), and less than usual limits of messages."""


def with_part(agent: Agent, part: str, *, flags: int = 0) -> pb.AgentToServer:
    """Return a check-in with one of PARTS and some ``flags``."""
    message = agent.check_in(flags=flags)
    PARTS[part](agent, message)
    return message


def _description(agent: Agent, message: pb.AgentToServer) -> None:
    message.agent_description.CopyFrom(agent.clone().full_status().agent_description)  # A clone counts for itself.


def _health(agent: Agent, message: pb.AgentToServer) -> None:
    message.health.CopyFrom(healthy())


def _configuration(agent: Agent, message: pb.AgentToServer) -> None:
    message.capabilities |= pb.AgentCapabilities_ReportsEffectiveConfig
    message.effective_config.config_map.config_map[""].CopyFrom(configuration("receivers: {}"))


def _toml(agent: Agent, message: pb.AgentToServer) -> None:
    message.capabilities |= pb.AgentCapabilities_ReportsEffectiveConfig
    file = message.effective_config.config_map.config_map["agent.toml"]
    file.body, file.content_type = b"[agent]\ninterval = '10s'\n", "application/toml"


def _large_configuration(agent: Agent, message: pb.AgentToServer) -> None:
    message.capabilities |= pb.AgentCapabilities_ReportsEffectiveConfig
    file = message.effective_config.config_map.config_map[""]
    file.CopyFrom(configuration("receivers: {}\n" + "# a comment\n" * (_LARGE_BYTES // 12)))


def _package(status: pb.PackageStatusEnum) -> Callable[[Agent, pb.AgentToServer], None]:
    def add(agent: Agent, message: pb.AgentToServer) -> None:
        message.capabilities |= pb.AgentCapabilities_ReportsPackageStatuses
        package = message.package_statuses.packages["collector"]
        package.name, package.status = "collector", status
        package.server_offered_version, package.server_offered_hash = sample_messages.VERSION, b"an offered hash"
        if status == pb.PackageStatusEnum_InstallFailed:
            package.error_message = "the package cannot be installed"

    return add


def _remote_config_status(agent: Agent, message: pb.AgentToServer) -> None:
    message.capabilities |= pb.AgentCapabilities_ReportsRemoteConfig
    message.remote_config_status.last_remote_config_hash = agent.remote_config_hash


def _connection_settings_status(agent: Agent, message: pb.AgentToServer) -> None:
    message.capabilities |= pb.AgentCapabilities_ReportsConnectionSettingsStatus
    message.connection_settings_status.last_connection_settings_hash = agent.connection_settings_hash


def _custom_capabilities(agent: Agent, message: pb.AgentToServer) -> None:
    message.custom_capabilities.capabilities.append("org.example.unknown")


def _custom_message(agent: Agent, message: pb.AgentToServer) -> None:
    message.custom_message.CopyFrom(sample_messages.custom_message(agent.clone(), "org.example.unknown").custom_message)


def _components(hash_: bytes) -> Callable[[Agent, pb.AgentToServer], None]:
    def add(agent: Agent, message: pb.AgentToServer) -> None:
        message.capabilities |= pb.AgentCapabilities_ReportsAvailableComponents
        message.available_components.hash = hash_

    return add


def _certificate_request(agent: Agent, message: pb.AgentToServer) -> None:
    csr = certificates.signing_request(agent.instance_uid)
    message.connection_settings_request.opamp.certificate_request.csr = csr


def _unknown_flag(agent: Agent, message: pb.AgentToServer) -> None:
    message.flags |= UNKNOWN_FLAG


def _unknown_capability(agent: Agent, message: pb.AgentToServer) -> None:
    message.capabilities |= sample_messages.NEWER_CAPABILITY


def _number_zero(agent: Agent, message: pb.AgentToServer) -> None:
    message.sequence_num = 0


PARTS: Final[Mapping[str, Callable[[Agent, pb.AgentToServer], None]]] = {
    "a description": _description,
    "the health of the agent": _health,
    "a configuration": _configuration,
    "a configuration in TOML": _toml,
    "a large configuration": _large_configuration,
    "a package that waits": _package(pb.PackageStatusEnum_InstallPending),
    "a package that is being downloaded": _package(pb.PackageStatusEnum_Downloading),
    "a package that is being installed": _package(pb.PackageStatusEnum_Installing),
    "a package that could not be installed": _package(pb.PackageStatusEnum_InstallFailed),
    "the status of its configuration": _remote_config_status,
    "the status of its connection settings": _connection_settings_status,
    "custom capabilities": _custom_capabilities,
    "a custom message": _custom_message,
    "the hash of the same components": _components(components_hash()),
    "the hash of other components": _components(b"the hash of other components"),
    "a certificate request": _certificate_request,
    "an unknown flag": _unknown_flag,
    "an unknown capability": _unknown_capability,
    "the sequence number 0": _number_zero,
}
"""Each part by its name in scenarios."""
