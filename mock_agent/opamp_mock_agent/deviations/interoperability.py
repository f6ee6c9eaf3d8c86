"""Deviations that break agents and servers of different versions apart."""

from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_agent.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb

_NONE = pb.ServerToAgent()
_DEFINED_FLAGS = sum(pb.ServerToAgentFlags.values())


@breaks("interop.ignore-unknown-fields", also=("flags.report-full-state.agent",))
class RefusesUnknownFields(Behaviour):
    """The agent throws a message away that has an unknown field."""

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        known = pb.ServerToAgent()
        known.CopyFrom(message)
        known.DiscardUnknownFields()
        return message if known.ByteSize() == message.ByteSize() else _NONE


@breaks("interop.tolerate-schema-growth", also=("flags.report-full-state.agent",))
class RefusesUndefinedFlags(Behaviour):
    """The agent throws a message away that has an undefined flag."""

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        return _NONE if message.flags & ~_DEFINED_FLAGS else message


@breaks("interop.peer-may-lack", also=("flags.report-full-state.agent",))
class NeedsAllCapabilities(Behaviour):
    """The agent ignores a server that only accepts status."""

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        return _NONE if message.capabilities == pb.ServerCapabilities_AcceptsStatus else message


@breaks("interop.agent-stops-unsupported")
class ReportsUnsupported(Behaviour):
    """The agent reports its effective configuration and its packages to a server that does not accept them."""

    stops_unsupported = False


@breaks("interop.agent-stops-unsupported:certificate")
class AsksInVain(Behaviour):
    """The agent asks a server for a certificate that does not accept such requests."""

    stops_requests = False


@breaks("interop.agent-stops-unsupported:packages")
class ReportsUnsupportedPackages(Behaviour):
    """The agent reports its packages to a server that does not accept them."""

    always_reported = ("package_statuses",)


@breaks("capabilities.agent.server-zero-is-unspecified", also=("flags.report-full-state.agent",))
class TakesZeroAsNone(Behaviour):
    """The agent takes capabilities of 0 for a server that accepts nothing."""

    keeps_capabilities_if_zero = False


@breaks("capabilities.agent.ignore-unsupported:settings")
class TakesSettingsWithoutCapability(Behaviour):
    """The agent takes settings for OpAMP though it has not announced that it accepts any."""

    needs_capability_for_settings = False


@breaks("capabilities.agent.ignore-unsupported:packages")
class TakesPackagesWithoutCapability(Behaviour):
    """The agent takes packages though it has not announced that it accepts any."""

    needs_capability_for_packages = False


@breaks("capabilities.agent.ignore-unsupported:telemetry")
class SendsTelemetryWithoutCapability(Behaviour):
    """The agent sends logs though it has not announced that it does."""

    needs_capability_for_telemetry = False
