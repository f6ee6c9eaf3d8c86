"""Remote configuration: it is applied when its hash is new, and its outcome is reported."""

from opamp_proto import opamp_pb2 as pb


def effective_config(own: bytes, remote: pb.AgentRemoteConfig) -> pb.EffectiveConfig:
    """Return the configuration in use: the agent's own under the key "", and what the server gave over it."""
    effective = pb.EffectiveConfig()
    effective.config_map.config_map[""].body = own
    effective.config_map.config_map[""].content_type = "text/yaml"
    for key, entry in remote.config.config_map.items():
        effective.config_map.config_map[key].CopyFrom(entry)
    return effective


def applied(offer: pb.AgentRemoteConfig, problem: str) -> pb.RemoteConfigStatus:
    """Return the status after an offer was applied, or after it failed for a reason."""
    status = pb.RemoteConfigStatuses_FAILED if problem else pb.RemoteConfigStatuses_APPLIED
    return pb.RemoteConfigStatus(
        last_remote_config_hash=offer.config_hash, status=status, error_message=problem or None
    )
