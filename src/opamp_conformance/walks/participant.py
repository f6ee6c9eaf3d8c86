"""An agent of a walk, and the steps that need nothing but the agent."""

from collections.abc import Callable, Mapping
from typing import Final

from opamp_conformance.client import sample_messages
from opamp_conformance.client.agent import (
    EVERY_CAPABILITY,
    ORDINARY_CAPABILITIES,
    REQUEST_INSTANCE_UID,
    UNKNOWN_FLAG,
    Agent,
    other_hash,
)
from opamp_conformance.client.message_parts import with_part
from opamp_conformance.walks.steps import Action
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.transport import Transport
from opamp_proto import opamp_pb2 as pb

_LARGE_BYTES: Final = 12 * 1024
_NESTED_LEVELS: Final = 20
_REPORTS_OF_OFFERS: Final = int(
    pb.AgentCapabilities_ReportsRemoteConfig
    | pb.AgentCapabilities_ReportsPackageStatuses
    | pb.AgentCapabilities_ReportsConnectionSettingsStatus
)
_OWN_TELEMETRY: Final = int(
    pb.AgentCapabilities_ReportsOwnMetrics | pb.AgentCapabilities_ReportsOwnTraces | pb.AgentCapabilities_ReportsOwnLogs
)
_NOT_ABOUT_OFFERS: Final = ("agent_description", "health", "effective_config", "available_components")
_CUSTOM_CAPABILITY: Final = "org.example.unknown"


class Participant:
    """One agent of a walk, its transport, and what the server has told it."""

    def __init__(self, run_id: str, transport: Transport, connection_id: bytes | None = None) -> None:
        """``connection_id`` names a WebSocket that the agent shares with another one."""
        self.agent = Agent(run_id, capabilities=EVERY_CAPABILITY)
        self.transport = transport
        self.connection_id = connection_id or self.agent.instance_uid
        self._announced = b""
        self._offered = pb.ServerToAgent()

    def hear(self, exchange: Exchange) -> None:
        """Keep what the agent can use later: a new instance_uid, and the hashes of offers."""
        reply = exchange.message
        if reply is not None:
            self._announced = reply.agent_identification.new_instance_uid or self._announced
            self._offered.MergeFrom(reply)

    # ---- changes that the server does not see at once

    def adopt(self) -> None:
        if len(self._announced) == len(self.agent.instance_uid):
            self.agent.adopt(self._announced)

    def withdraw(self) -> None:
        self.agent.capabilities = ORDINARY_CAPABILITIES

    def accept_only_config(self) -> None:
        self.agent.capabilities = ORDINARY_CAPABILITIES | int(pb.AgentCapabilities_AcceptsRemoteConfig)

    def accept_only_packages(self) -> None:
        self.agent.capabilities = ORDINARY_CAPABILITIES | int(pb.AgentCapabilities_AcceptsPackages)

    def report_only_metrics(self) -> None:
        self.agent.capabilities = ORDINARY_CAPABILITIES | int(pb.AgentCapabilities_ReportsOwnMetrics)

    def report_no_telemetry(self) -> None:
        self.agent.capabilities = EVERY_CAPABILITY & ~_OWN_TELEMETRY

    def report_less(self) -> None:
        self.agent.capabilities = EVERY_CAPABILITY & ~_REPORTS_OF_OFFERS

    def give_back(self) -> None:
        self.agent.capabilities = EVERY_CAPABILITY

    def lose(self) -> None:
        self.agent.lose(1)

    def lose_many(self) -> None:
        self.agent.lose(2**32)

    def restart(self) -> None:
        self.agent.count_from(1)

    # ---- messages

    def applied(self) -> pb.AgentToServer:
        self._apply_offers()
        return self.agent.full_status()

    def applying(self) -> pb.AgentToServer:
        statuses = pb.RemoteConfigStatuses_APPLYING, pb.ConnectionSettingsStatuses_APPLYING
        return self._with_statuses(self.applied(), *statuses)

    def failed(self) -> pb.AgentToServer:
        statuses = pb.RemoteConfigStatuses_FAILED, pb.ConnectionSettingsStatuses_FAILED
        return self._with_statuses(self.applied(), *statuses)

    def failed_with_others(self) -> pb.AgentToServer:
        statuses = pb.RemoteConfigStatuses_FAILED, pb.ConnectionSettingsStatuses_FAILED
        return self._with_statuses(self.with_other_hashes(), *statuses)

    def applying_others(self) -> pb.AgentToServer:
        statuses = pb.RemoteConfigStatuses_APPLYING, pb.ConnectionSettingsStatuses_APPLYING
        return self._with_statuses(self.with_other_hashes(), *statuses)

    def forgotten(self) -> pb.AgentToServer:
        self._offered.Clear()
        return self.applied()

    def with_other_hashes(self) -> pb.AgentToServer:
        self._apply_offers()
        agent = self.agent
        agent.remote_config_hash = other_hash(agent.remote_config_hash)
        agent.connection_settings_hash = other_hash(agent.connection_settings_hash)
        agent.packages_hash = other_hash(agent.packages_hash)
        return agent.full_status()

    def components_hash(self) -> pb.AgentToServer:
        can_report = self.agent.can(pb.AgentCapabilities_ReportsAvailableComponents)
        return self.agent.components_hash() if can_report else self.agent.check_in()

    def compressed(self, message: pb.AgentToServer) -> pb.AgentToServer:
        """Leave out what has not changed, but not the statuses of offers."""
        for part in _NOT_ABOUT_OFFERS:
            message.ClearField(part)
        return message

    def repeated(self) -> pb.AgentToServer:
        self.agent.count_from(max(self.agent.sequence_num, 1))
        return self.agent.check_in()

    def with_custom_capabilities(self) -> pb.AgentToServer:
        self.agent.custom_capabilities = tuple(self._offered.custom_capabilities.capabilities) or (_CUSTOM_CAPABILITY,)
        return self.agent.full_status()

    def without_custom_capabilities(self) -> pb.AgentToServer:
        self.agent.custom_capabilities = ()
        return self.agent.full_status()

    def custom_message(self) -> pb.AgentToServer:
        """Return a custom message of a capability that the server has announced, if it has any."""
        names = self._offered.custom_capabilities.capabilities
        return sample_messages.custom_message(self.agent, names[0] if names else _CUSTOM_CAPABILITY)

    def only_uid(self) -> pb.AgentToServer:
        return pb.AgentToServer(instance_uid=self.agent.instance_uid)

    @property
    def can_request_certificates(self) -> bool:
        """Whether the agent accepts settings for OpAMP, and the server accepts requests for certificates."""
        is_able = self.agent.can(pb.AgentCapabilities_AcceptsOpAMPConnectionSettings)
        return is_able and bool(self._offered.capabilities & pb.ServerCapabilities_AcceptsConnectionSettingsRequest)

    def _with_statuses(
        self,
        message: pb.AgentToServer,
        of_config: "pb.RemoteConfigStatuses",
        of_settings: "pb.ConnectionSettingsStatuses",
    ) -> pb.AgentToServer:
        """Set the status of what the agent was offered."""
        config, settings = message.remote_config_status, message.connection_settings_status
        if config.last_remote_config_hash:
            config.status = of_config
        if settings.last_connection_settings_hash:
            settings.status = of_settings
        return message

    def _apply_offers(self) -> None:
        agent, offered = self.agent, self._offered
        agent.remote_config_hash = offered.remote_config.config_hash
        agent.connection_settings_hash = offered.connection_settings.hash
        agent.install(offered.packages_available)


CHANGES: Final[Mapping[Action, Callable[[Participant], None]]] = {
    Action.ADOPT: Participant.adopt,
    Action.WITHDRAW: Participant.withdraw,
    Action.ACCEPT_ONLY_CONFIG: Participant.accept_only_config,
    Action.ACCEPT_ONLY_PACKAGES: Participant.accept_only_packages,
    Action.REPORT_ONLY_METRICS: Participant.report_only_metrics,
    Action.REPORT_NO_TELEMETRY: Participant.report_no_telemetry,
    Action.REPORT_LESS: Participant.report_less,
    Action.GIVE_BACK: Participant.give_back,
    Action.LOSE: Participant.lose,
    Action.LOSE_MANY: Participant.lose_many,
    Action.RESTART: Participant.restart,
}
"""The steps without a message."""

MESSAGES: Final[Mapping[Action, Callable[[Participant], pb.AgentToServer]]] = {
    Action.REPORT: lambda p: p.agent.full_status(),
    Action.CHECK_IN: lambda p: p.agent.check_in(),
    Action.REPORT_DESCRIPTION: lambda p: with_part(p.agent, "a description"),
    Action.REPORT_HEALTH: lambda p: with_part(p.agent, "the health of the agent"),
    Action.REPORT_UNHEALTHY: lambda p: sample_messages.unhealthy(p.agent),
    Action.REPORT_ATTRIBUTES: lambda p: sample_messages.with_attributes_of_each_kind(p.agent),
    Action.REPORT_NESTED: lambda p: sample_messages.with_nested_health(p.agent, _NESTED_LEVELS),
    Action.REPORT_COMPONENTS: lambda p: sample_messages.with_components(p.agent, _NESTED_LEVELS),
    Action.REPORT_COMPONENTS_HASH: Participant.components_hash,
    Action.REPORT_NEWER_FIELDS: lambda p: sample_messages.with_newer_fields(p.agent),
    Action.REPORT_NEWER_VALUE: lambda p: sample_messages.with_newer_value(p.agent),
    Action.REPORT_NEWER_BITS: lambda p: sample_messages.with_newer_capability(p.agent),
    Action.REPORT_MUCH: lambda p: sample_messages.with_large_configuration(p.agent, _LARGE_BYTES),
    Action.REPORT_CUSTOM: Participant.with_custom_capabilities,
    Action.REPORT_NO_CUSTOM: Participant.without_custom_capabilities,
    Action.SEND_CUSTOM: Participant.custom_message,
    Action.SET_UNKNOWN_FLAG: lambda p: p.agent.check_in(flags=UNKNOWN_FLAG),
    Action.POLL: Participant.only_uid,
    Action.ASK: lambda p: p.agent.full_status(flags=REQUEST_INSTANCE_UID),
    Action.ASK_IN_CHECK_IN: lambda p: p.agent.check_in(flags=REQUEST_INSTANCE_UID),
    Action.APPLY: Participant.applied,
    Action.BEGIN_TO_APPLY: Participant.applying,
    Action.FAIL_TO_APPLY: Participant.failed,
    Action.FAIL_WITH_OTHERS: Participant.failed_with_others,
    Action.BEGIN_WITH_OTHERS: Participant.applying_others,
    Action.FORGET_OFFERS: Participant.forgotten,
    Action.REPORT_OTHER_HASHES: Participant.with_other_hashes,
    Action.CHANGE_HASHES: lambda p: p.compressed(p.with_other_hashes()),
    Action.APPLY_IN_CHECK_IN: lambda p: p.compressed(p.applied()),
    Action.REPEAT: Participant.repeated,
    Action.DISCONNECT: lambda p: p.agent.disconnect(),
    Action.DISCONNECT_DESCRIBED: lambda p: p.agent.disconnect(full_report=True),
    Action.DISCONNECT_WITH_FLAG: lambda p: p.agent.disconnect(flags=REQUEST_INSTANCE_UID),
}
"""The steps that are one ordinary message; the model of the conversation judges the answer."""
