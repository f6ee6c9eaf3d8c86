"""Deviations from Interoperability: agents with fewer capabilities or newer fields are not supported."""

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.core.core import Core
from opamp_mock_server.core.status_reporting import StatusReporting
from opamp_mock_server.deviations.registry import breaks
from opamp_proto import anyvalue_pb2
from opamp_proto import opamp_pb2 as pb


@breaks("capabilities.server.bits-truthful")
class OffersPackagesNotAnnounced(StatusReporting):
    """The server offers packages, but does not announce OffersPackages."""

    def announced(self) -> int:
        return super().announced() & ~int(pb.ServerCapabilities_OffersPackages)


@breaks("interop.peer-may-lack")
class HealthRequired(Core):
    """A message of an agent without the ReportsHealth capability is rejected as malformed."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        if not message.capabilities & pb.AgentCapabilities_ReportsHealth:
            return "an agent has to report its health"
        return super().malformed(message)


@breaks("interop.ignore-unknown-fields")
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


@breaks("anyvalue.null-valid")
class NullAttributesRefused(Core):
    """A description with an attribute that is null is rejected as malformed."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        if any(value.WhichOneof("value") is None for value in _attributes(message)):
            return "an attribute has no value"
        return super().malformed(message)


@breaks("anyvalue.empty-lists-valid")
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
        "connection-settings.capability.own-metrics",
    ],
)
class CapabilitiesNeverRemoved(StatusReporting):
    """An agent keeps a capability that it no longer reports."""

    def capabilities_of(self, known: AgentRecord, message: pb.AgentToServer) -> int:
        return message.capabilities | known.capabilities
