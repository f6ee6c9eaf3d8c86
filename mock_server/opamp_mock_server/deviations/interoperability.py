"""Deviations from Interoperability: agents with fewer capabilities or newer fields are not supported."""

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.core.core import Core
from opamp_mock_server.core.remote_config import RemoteConfig
from opamp_mock_server.core.status_reporting import StatusReporting
from opamp_mock_server.deviations.registry import breaks
from opamp_proto import anyvalue_pb2
from opamp_proto import opamp_pb2 as pb

_OWN_METRICS = int(pb.AgentCapabilities_ReportsOwnMetrics)


@breaks("capabilities.server.bits-truthful")
class OffersPackagesNotAnnounced(StatusReporting):
    """The server offers packages, but does not announce OffersPackages."""

    def announced(self) -> int:
        return super().announced() & ~int(pb.ServerCapabilities_OffersPackages)


@breaks("interop.peer-may-lack", also=["heartbeat.only-instance-uid"])
class HealthRequired(Core):
    """A message of an agent without the ReportsHealth capability is rejected as malformed."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        if not message.capabilities & pb.AgentCapabilities_ReportsHealth:
            return "an agent has to report its health"
        return super().malformed(message)


@breaks("interop.ignore-unknown-fields", also=["size.http.default", "size.ws.default"])
class UnknownFieldsRefused(Core):
    """A message with fields that the server does not know is rejected as malformed."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        return "the message has unknown fields" if _has_unknown_fields(message) else super().malformed(message)


@breaks("interop.ignore-unknown-fields:values")
class UnknownValuesRefused(Core):
    """A message with an enum value that the server does not know is rejected as malformed."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        if message.remote_config_status.status not in pb.RemoteConfigStatuses.values():
            return "remote_config_status has an unknown status"
        return super().malformed(message)


@breaks("anyvalue.null-valid", also=["anyvalue.kinds"])
class NullAttributesRefused(Core):
    """A description with an attribute that is null is rejected as malformed."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        if any(value.WhichOneof("value") is None for value in _attributes(message)):
            return "an attribute has no value"
        return super().malformed(message)


@breaks("anyvalue.empty-lists-valid", also=["anyvalue.kinds"])
class EmptyListsRefused(Core):
    """A description with an attribute that is an empty list is rejected as malformed."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        for value in _attributes(message):
            kind = value.WhichOneof("value")
            if kind in ("array_value", "kvlist_value") and not getattr(value, kind).values:
                return "an attribute is an empty list"
        return super().malformed(message)


def _attributes(message: pb.AgentToServer) -> list[anyvalue_pb2.AnyValue]:
    return [attribute.value for attribute in message.agent_description.non_identifying_attributes]


def _has_unknown_fields(message: Message) -> bool:
    return len(UnknownFieldSet(message)) > 0


@breaks(
    "capabilities.server-respects-change",
    also=[
        "remote-config.not-offered-if-unsupported",
        "packages.not-offered-if-unsupported",
        "connection-settings.capability.opamp",
        "connection-settings.capability.other",
        "connection-settings.capability.own-logs",
        "connection-settings.capability.own-metrics",
        "connection-settings.capability.own-traces",
    ],
)
class CapabilitiesNeverRemoved(StatusReporting):
    """An agent keeps a capability that it no longer reports."""

    def capabilities_of(self, known: AgentRecord, message: pb.AgentToServer) -> int:
        return message.capabilities | known.capabilities


@breaks("interop.ignore-unknown-fields:capabilities")
class UnknownCapabilitiesRefused(Core):
    """A message with a capability that the server does not know is rejected as malformed."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        if message.capabilities & ~sum(pb.AgentCapabilities.values()):
            return "capabilities have an unknown bit"
        return super().malformed(message)


@breaks("interop.ignore-unknown-fields:offers")
class NoOffersToNewerAgents(RemoteConfig):
    """An agent with a capability that the server does not know is not offered a configuration."""

    def may_offer_remote_config(self, capabilities: int) -> bool:
        is_newer = bool(capabilities & ~sum(pb.AgentCapabilities.values()))
        return not is_newer and super().may_offer_remote_config(capabilities)


@breaks(
    "interop.ignore-unknown-fields:flags",
    also=[
        "fleet.auto-enrollment",
        "fleet.check-in",
        "fleet.disconnect.enrolled",
        "fleet.request-uid.unknown-agent",
        "identification.request-uid.answered",
    ],
)
class UnknownFlagsRefused(Core):
    """A message with a flag that the server does not know is rejected as malformed."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        if message.flags & ~sum(pb.AgentToServerFlags.values()):
            return "flags have an unknown bit"
        return super().malformed(message)


@breaks("anyvalue.kinds")
class OnlyTextsAccepted(Core):
    """A description with a number as an attribute is rejected as malformed."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        if any(value.WhichOneof("value") in ("int_value", "double_value") for value in _attributes(message)):
            return "an attribute is not a text"
        return super().malformed(message)


@breaks(
    "interop.server-stops-unsupported:first-answer",
    also=[
        "connection-settings.capability.opamp",
        "connection-settings.capability.other",
        "connection-settings.capability.own-logs",
        "connection-settings.capability.own-metrics",
        "connection-settings.capability.own-traces",
        "packages.not-offered-if-unsupported",
        "remote-config.not-offered-if-unsupported",
    ],
)
class CapabilitiesLookedAtLater(StatusReporting):
    """In the first answer to an agent, it is treated as if it had every capability."""

    def capabilities_of(self, known: AgentRecord, message: pb.AgentToServer) -> int:
        capabilities = super().capabilities_of(known, message)
        return capabilities if known.capabilities else sum(pb.AgentCapabilities.values())


@breaks("capabilities.server-respects-change:check-in", also=["remote-config.not-offered-if-unsupported"])
class CapabilitiesOnlyOfFullReports(StatusReporting):
    """The capabilities in a check-in are ignored."""

    def capabilities_of(self, known: AgentRecord, message: pb.AgentToServer) -> int:
        is_described = message.HasField("agent_description") or not known.capabilities
        return super().capabilities_of(known, message) if is_described else known.capabilities


@breaks("capabilities.server-respects-change:failed", also=["remote-config.not-offered-if-unsupported"])
class WithdrawalsInFailuresIgnored(StatusReporting):
    """The capabilities in a message that reports a failure are ignored."""

    def capabilities_of(self, known: AgentRecord, message: pb.AgentToServer) -> int:
        has_failed = message.remote_config_status.status == pb.RemoteConfigStatuses_FAILED
        return known.capabilities if has_failed else super().capabilities_of(known, message)


@breaks("capabilities.server-respects-change:gained-settings")
class TelemetryNeverAdded(StatusReporting):
    """A capability for own telemetry that an agent reports only later is ignored."""

    def capabilities_of(self, known: AgentRecord, message: pb.AgentToServer) -> int:
        capabilities = super().capabilities_of(known, message)
        return capabilities & (known.capabilities | ~_OWN_METRICS) if known.capabilities else capabilities


@breaks("capabilities.server-respects-change:gained")
class CapabilitiesNeverAdded(StatusReporting):
    """A capability that an agent reports only later is ignored."""

    def capabilities_of(self, known: AgentRecord, message: pb.AgentToServer) -> int:
        capabilities = super().capabilities_of(known, message)
        return capabilities & known.capabilities if known.capabilities else capabilities
