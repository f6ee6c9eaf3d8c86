"""Ways to break what the specification says of remote configuration."""

from opamp_mock_server.core.agent_state import AgentRecord, DesiredState
from opamp_mock_server.core.remote_config import RemoteConfig
from opamp_mock_server.core.status_reporting import StatusReporting
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.transports.http_messages import Response
from opamp_mock_server.transports.plain_http import HttpEndpoint
from opamp_proto import opamp_pb2 as pb


@breaks("remote-config.offer-field", also=["http.server-waits-for-poll", "retry.server-one-message"])
class NeverOffered(RemoteConfig):
    """The operator's configuration is not offered."""

    def offer_remote_config(self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent) -> AgentRecord:
        return record


@breaks(
    "remote-config.not-offered-if-unsupported",
    also=["interop.server-stops-unsupported", "capabilities.server-respects-change"],
)
class OfferedToAll(RemoteConfig):
    """A configuration is offered to agents that take none."""

    def may_offer_remote_config(self, capabilities: int) -> bool:
        return True


@breaks("remote-config.server-offers-on-mismatch", also=["remote-config.server-compares-hash"])
class ReportedHashIgnored(StatusReporting):
    """The hash that an agent reports of its configuration is not looked at."""

    def learn(self, record: AgentRecord, message: pb.AgentToServer, reported: list[str]) -> AgentRecord:
        return super().learn(record, message, reported)._replace(remote_config_hash=record.remote_config_hash)


@breaks("remote-config.server-compares-hash")
class EmptyHashIgnored(StatusReporting):
    """An agent that reports no hash is taken to have its configuration."""

    def learn(self, record: AgentRecord, message: pb.AgentToServer, reported: list[str]) -> AgentRecord:
        learned = super().learn(record, message, reported)
        return learned if learned.remote_config_hash else learned._replace(remote_config_hash=record.remote_config_hash)


@breaks("remote-config.config-unset-if-unchanged")
class OfferedEveryTime(RemoteConfig):
    """The configuration is offered again with every answer."""

    def offer_remote_config(self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent) -> AgentRecord:
        return super().offer_remote_config(record._replace(remote_config_hash=b""), desired, reply)


@breaks("remote-config.config-hash-set")
class NoConfigHash(RemoteConfig):
    """config_hash is not set."""

    def remote_config(self, files: pb.AgentConfigMap) -> pb.AgentRemoteConfig:
        return pb.AgentRemoteConfig(config=files)


@breaks("remote-config.hash-function")
class SameHashForAll(RemoteConfig):
    """Every configuration has the same hash."""

    def config_hash(self, files: pb.AgentConfigMap) -> bytes:
        return b"the hash of any"


@breaks("config-files.unique-names")
class NameTwice(HttpEndpoint):
    """Over plain HTTP, a configuration has its files twice."""

    def encode(self, accept_encoding: bytes | None, data: bytes) -> Response:
        again = pb.ServerToAgent()
        again.remote_config.CopyFrom(pb.ServerToAgent.FromString(data).remote_config)
        return super().encode(
            accept_encoding, data + again.SerializeToString() if again.remote_config.config_hash else data
        )


@breaks("config-files.keys-are-names")
class FilesNumbered(RemoteConfig):
    """Configuration files go by numbers."""

    def remote_config(self, files: pb.AgentConfigMap) -> pb.AgentRemoteConfig:
        numbered = pb.AgentConfigMap()
        for number, file in enumerate(files.config_map.values()):
            numbered.config_map[str(number)].CopyFrom(file)
        return pb.AgentRemoteConfig(config=numbered, config_hash=self.config_hash(files))


@breaks("config-files.single-entry", also=["retry.server-one-message"])
class EmptyFileBeside(RemoteConfig):
    """A configuration of one file comes with an empty one."""

    def remote_config(self, files: pb.AgentConfigMap) -> pb.AgentRemoteConfig:
        offer = super().remote_config(files)
        offer.config.config_map[""].SetInParent()
        return offer


@breaks("config-files.content-type-mime")
class ContentTypeByEnding(RemoteConfig):
    """content_type is the ending of the file's name."""

    def remote_config(self, files: pb.AgentConfigMap) -> pb.AgentRemoteConfig:
        offer = super().remote_config(files)
        for name, file in offer.config.config_map.items():
            file.content_type = name.rpartition(".")[2] or "yaml"
        return offer
