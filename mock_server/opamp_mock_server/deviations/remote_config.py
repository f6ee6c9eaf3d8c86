"""Deviations from Configuration: wrong receivers, times and contents of offers."""

import hashlib

from opamp_mock_server.core.agent_state import AgentRecord, DesiredState
from opamp_mock_server.core.remote_config import RemoteConfig
from opamp_mock_server.core.status_reporting import StatusReporting
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.transports.http_messages import Response
from opamp_mock_server.transports.plain_http import HttpEndpoint
from opamp_proto import opamp_pb2 as pb


@breaks(
    "remote-config.offer-field",
    also=["capabilities.server-respects-change", "http.server-waits-for-poll", "remote-config.server-compares-hash"],
)
class ConfigNeverOffered(RemoteConfig):
    """The configuration is never offered."""

    def offer_remote_config(self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent) -> AgentRecord:
        return record


@breaks(
    "remote-config.not-offered-if-unsupported",
    also=["interop.server-stops-unsupported", "capabilities.server-respects-change"],
)
class ConfigWithoutCapability(RemoteConfig):
    """A configuration is offered to agents without the AcceptsRemoteConfig capability."""

    def may_offer_remote_config(self, capabilities: int) -> bool:
        return True


@breaks("remote-config.server-offers-on-mismatch", also=["remote-config.server-compares-hash"])
class ReportedConfigHashIgnored(StatusReporting):
    """The hash of the configuration that an agent reports is ignored."""

    def note_reported_hashes(self, record: AgentRecord, message: pb.AgentToServer, reported: list[str]) -> AgentRecord:
        return (
            super()
            .note_reported_hashes(record, message, reported)
            ._replace(remote_config_hash=record.remote_config_hash)
        )


@breaks("remote-config.server-offers-on-mismatch:longer")
class BeginningOfConfigHashCompared(RemoteConfig):
    """A hash that begins with that of the offered configuration counts as the same."""

    def offer_remote_config(self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent) -> AgentRecord:
        if desired.remote_config is not None:
            offered = self.config_hash(desired.remote_config)
            if record.remote_config_hash.startswith(offered):
                record = record._replace(remote_config_hash=offered)
        return super().offer_remote_config(record, desired, reply)


@breaks("capabilities.server-respects-change:again")
class WithdrawnForEver(RemoteConfig):
    """An agent that has once not accepted remote configuration is not offered it again."""

    _unable: frozenset[bytes] = frozenset()

    def offer_remote_config(self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent) -> AgentRecord:
        if not self.may_offer_remote_config(record.capabilities):
            self._unable |= {record.instance_uid}
        return record if record.instance_uid in self._unable else super().offer_remote_config(record, desired, reply)


@breaks("remote-config.server-compares-hash")
class EmptyConfigHashIgnored(StatusReporting):
    """An agent that reports an empty hash of its configuration is treated as if it had the offered one."""

    def note_reported_hashes(self, record: AgentRecord, message: pb.AgentToServer, reported: list[str]) -> AgentRecord:
        learned = super().note_reported_hashes(record, message, reported)
        return learned if learned.remote_config_hash else learned._replace(remote_config_hash=record.remote_config_hash)


@breaks("remote-config.config-unset-if-unchanged")
class ConfigInEveryReply(RemoteConfig):
    """The configuration is offered again in every reply."""

    def offer_remote_config(self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent) -> AgentRecord:
        return super().offer_remote_config(record._replace(remote_config_hash=b""), desired, reply)


@breaks("remote-config.config-hash-set")
class NoConfigHash(RemoteConfig):
    """config_hash is not set."""

    def remote_config(self, files: pb.AgentConfigMap) -> pb.AgentRemoteConfig:
        return pb.AgentRemoteConfig(config=files)


@breaks(
    "remote-config.hash-function",
    also=["config-objects.keys-agent-defined", "config-objects.empty-key", "config-objects.role-optional"],
)
class SameConfigHashForAll(RemoteConfig):
    """Every configuration has the same config_hash."""

    def config_hash(self, files: pb.AgentConfigMap) -> bytes:
        return b"the hash of any"


@breaks("remote-config.hash-function:bodies")
class ConfigHashOfBodies(RemoteConfig):
    """config_hash covers the contents of the files, and not their names."""

    def config_hash(self, files: pb.AgentConfigMap) -> bytes:
        bodies = sorted(file.body for file in files.config_map.values())
        return hashlib.sha256(b"\0".join(bodies)).digest()


@breaks("config-files.unique-names")
class RepeatedFileNames(HttpEndpoint):
    """Over plain HTTP, a configuration contains each of its files twice."""

    def encode(self, accept_encoding: bytes | None, data: bytes) -> Response:
        again = pb.ServerToAgent()
        again.remote_config.CopyFrom(pb.ServerToAgent.FromString(data).remote_config)
        return super().encode(
            accept_encoding, data + again.SerializeToString() if again.remote_config.config_hash else data
        )


@breaks("config-objects.role-optional")
class RolesDropped(RemoteConfig):
    """The objects of a configuration have no roles."""

    def remote_config(self, files: pb.AgentConfigMap) -> pb.AgentRemoteConfig:
        offer = super().remote_config(files)
        for file in offer.config.config_map.values():
            file.ClearField("role")
        return offer


@breaks("config-objects.empty-key")
class EmptyKeyOnlyAlone(RemoteConfig):
    """If a configuration has several objects, the one with the empty key is left out."""

    def remote_config(self, files: pb.AgentConfigMap) -> pb.AgentRemoteConfig:
        offer = super().remote_config(files)
        if len(offer.config.config_map) > 1:
            offer.config.config_map.pop("", None)
        return offer


@breaks("config-objects.keys-agent-defined", also=["config-objects.empty-key", "config-objects.role-optional"])
@breaks("config-files.keys-are-names", also=["config-objects.role-optional"])
class NumbersAsFileNames(RemoteConfig):
    """The names of configuration files are numbers."""

    def remote_config(self, files: pb.AgentConfigMap) -> pb.AgentRemoteConfig:
        numbered = pb.AgentConfigMap()
        for number, file in enumerate(files.config_map.values()):
            numbered.config_map[str(number)].CopyFrom(file)
        return pb.AgentRemoteConfig(config=numbered, config_hash=self.config_hash(files))


@breaks("config-files.single-entry")
class EmptyFileAdded(RemoteConfig):
    """A configuration contains an additional empty file."""

    def remote_config(self, files: pb.AgentConfigMap) -> pb.AgentRemoteConfig:
        offer = super().remote_config(files)
        offer.config.config_map[""].SetInParent()
        return offer


@breaks("config-files.content-type-mime")
class ContentTypeIsFileExtension(RemoteConfig):
    """content_type is the extension of the file name."""

    def remote_config(self, files: pb.AgentConfigMap) -> pb.AgentRemoteConfig:
        offer = super().remote_config(files)
        for name, file in offer.config.config_map.items():
            file.content_type = name.rpartition(".")[2] or "yaml"
        return offer


@breaks("remote-config.server-compares-hash:first-answer")
class ConfigNotInFirstReply(RemoteConfig):
    """The first reply to an agent has no configuration."""

    def offer_remote_config(self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent) -> AgentRecord:
        return record if reply.capabilities else super().offer_remote_config(record, desired, reply)


@breaks("config-objects.keys-agent-defined:first-only", also=["config-objects.empty-key"])
@breaks("config-files.keys-are-names:first-only")
class OnlyFirstFile(RemoteConfig):
    """A configuration has only the first of its files."""

    def remote_config(self, files: pb.AgentConfigMap) -> pb.AgentRemoteConfig:
        offer = super().remote_config(files)
        for name in sorted(offer.config.config_map)[1:]:
            del offer.config.config_map[name]
        return offer


@breaks("remote-config.server-offers-on-mismatch:applying")
class ConfigurationHashIgnoredWhileApplying(StatusReporting):
    """The hash of a configuration is ignored if the agent reports that it is applying it."""

    def note_reported_hashes(self, record: AgentRecord, message: pb.AgentToServer, reported: list[str]) -> AgentRecord:
        learned = super().note_reported_hashes(record, message, reported)
        is_applying = message.remote_config_status.status == pb.RemoteConfigStatuses_APPLYING
        return learned._replace(remote_config_hash=record.remote_config_hash) if is_applying else learned


@breaks("remote-config.server-offers-on-mismatch:failed")
class ConfigurationHashIgnoredAfterFailure(StatusReporting):
    """The hash of a configuration is ignored if the agent reports a failure."""

    def note_reported_hashes(self, record: AgentRecord, message: pb.AgentToServer, reported: list[str]) -> AgentRecord:
        learned = super().note_reported_hashes(record, message, reported)
        has_failed = message.remote_config_status.status == pb.RemoteConfigStatuses_FAILED
        return learned._replace(remote_config_hash=record.remote_config_hash) if has_failed else learned
