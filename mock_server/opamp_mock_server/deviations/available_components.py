"""Ways to break what the specification says of available components."""

from opamp_mock_server.core import Core
from opamp_mock_server.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb


@breaks("components.nesting")
class ShallowComponents(Core):
    """Components that are nested more than 10 deep are malformed."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        deepest = max(map(_depth, message.available_components.components.values()), default=0)
        return "components are nested too deep" if deepest > 10 else super().malformed(message)


def _depth(component: pb.ComponentDetails) -> int:
    """Return how many levels of components are below one."""
    return max((_depth(part) + 1 for part in component.sub_component_map.values()), default=0)
