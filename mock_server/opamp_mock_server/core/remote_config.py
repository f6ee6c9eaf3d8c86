"""Remote configuration (Configuration, RemoteConfigStatus)."""

import hashlib

from opamp_mock_server.core.agent_state import AgentRecord, DesiredState
from opamp_mock_server.core.chapter import Chapter, supports
from opamp_proto import opamp_pb2 as pb


class RemoteConfig(Chapter):
    """How the server offers a configuration."""

    def remote_config(self, files: pb.AgentConfigMap) -> pb.AgentRemoteConfig:
        """Return an offer of configuration files, by name."""
        if not self.knows_roles:
            for file in files.config_map.values():
                file.ClearField("role")
        return pb.AgentRemoteConfig(config=files, config_hash=self.config_hash(files))

    def config_hash(self, files: pb.AgentConfigMap) -> bytes:
        return hashlib.sha256(files.SerializeToString(deterministic=True)).digest()

    def may_offer_remote_config(self, capabilities: int) -> bool:
        return self.can(pb.ServerCapabilities_OffersRemoteConfig) and supports(
            capabilities, pb.AgentCapabilities_AcceptsRemoteConfig
        )

    def offer_remote_config(self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent) -> AgentRecord:
        """Offer the configuration if the agent has a different one; return its new record."""
        files = desired.remote_config
        if files is None or not self.may_offer_remote_config(record.capabilities):
            return record
        config_hash = self.config_hash(files)
        if config_hash != record.remote_config_hash:
            reply.remote_config.CopyFrom(self.remote_config(files))
        return record._replace(remote_config_hash=config_hash)
