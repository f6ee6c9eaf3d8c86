"""Deviations from AvailableComponents: limits on nested components, and components that nobody needs to ask for."""

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.core.core import Core
from opamp_mock_server.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb


@breaks("components.nesting")
class DeepComponentsRefused(Core):
    """Components that are nested more than 10 levels deep are rejected as malformed."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        deepest = max(map(_depth, message.available_components.components.values()), default=0)
        return "components are nested more than 10 levels deep" if deepest > 10 else super().malformed(message)


@breaks("flags.report-flags-allowed:components")
class ComponentsAskedForAgain(Core):
    """An agent that reports its components is asked for them."""

    def missing_components(self, record: AgentRecord, message: pb.AgentToServer) -> int:
        is_reported = bool(message.available_components.components)
        asked = int(pb.ServerToAgentFlags_ReportAvailableComponents)
        return asked if is_reported else super().missing_components(record, message)


def _depth(component: pb.ComponentDetails) -> int:
    """Return how many levels of components are below a component."""
    return max((_depth(part) + 1 for part in component.sub_component_map.values()), default=0)
