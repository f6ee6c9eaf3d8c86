"""Remote configuration of an agent (RemoteConfigStatus)."""

from opamp_conformance.assertions.common import require
from opamp_proto import opamp_pb2 as pb


def tells_hash(message: pb.AgentToServer, offer: pb.AgentRemoteConfig) -> None:
    """Assert that a report has the hash of an offer (RemoteConfigStatus.last_remote_config_hash)."""
    came = message.remote_config_status.last_remote_config_hash
    require(came == offer.config_hash, "last_remote_config_hash of the offer", came.hex() or "none")


def has_no_status(message: pb.AgentToServer) -> None:
    """Assert that an agent has taken no configuration. An empty remote_config_status says the same as none."""
    status = message.remote_config_status
    has_taken = status.status or status.last_remote_config_hash
    require(not has_taken, "no status of a configuration", pb.RemoteConfigStatuses.Name(status.status))


def lacks_hash(message: pb.AgentToServer, offer: pb.AgentRemoteConfig) -> None:
    """Assert that a report does not have the hash of an offer that the agent has to ignore."""
    came = message.remote_config_status.last_remote_config_hash
    require(came != offer.config_hash, "the configuration to be ignored", "its hash in remote_config_status")


def has_failed(status: pb.RemoteConfigStatus) -> None:
    """Assert that a report says that a configuration has failed (RemoteConfigStatus.status)."""
    name = pb.RemoteConfigStatuses.Name(status.status)
    require(status.status == pb.RemoteConfigStatuses_FAILED, "the status FAILED", name)
