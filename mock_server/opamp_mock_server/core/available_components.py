"""Available components (AvailableComponents, Initial Handshake)."""

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.core.chapter import Chapter
from opamp_proto import opamp_pb2 as pb

_REPORT_AVAILABLE_COMPONENTS = int(pb.ServerToAgentFlags_ReportAvailableComponents)


class AvailableComponents(Chapter):
    """How the server learns the components of an agent."""

    def missing_components(self, record: AgentRecord, message: pb.AgentToServer) -> int:
        """Return ReportAvailableComponents if the agent reports an unknown hash, otherwise 0."""
        if not message.HasField("available_components"):
            return 0
        is_known = message.available_components.hash == record.components_hash
        return 0 if is_known else _REPORT_AVAILABLE_COMPONENTS
