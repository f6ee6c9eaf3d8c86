"""Deviations of the components."""

from collections.abc import Sequence

from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_agent.core import description
from opamp_mock_agent.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb

Earlier = Sequence[pb.AgentToServer]


@breaks("components.initial-hash", also=("components.reported-if-capable",))
class NoComponents(Behaviour):
    """The agent says nothing of its components until it is asked."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if not message.available_components.components:
            message.ClearField("available_components")
        return message


@breaks("components.initially-no-map")
class SendsMapUnasked(Behaviour):
    """The agent begins with the map of its components."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if message.HasField("available_components"):
            message.available_components.CopyFrom(description.components(with_map=True))
        return message


@breaks("flags.report-available-components.agent", also=("capabilities.agent.available-components-reported",))
class IgnoresReportAvailableComponents(Behaviour):
    """The agent ignores the flag ReportAvailableComponents."""

    answers_flag_for_components = False


@breaks("flags.report-available-components.agent:once")
class SendsComponentsOnce(Behaviour):
    """The agent obeys the flag ReportAvailableComponents the first time only."""

    _has_sent = False

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        if self._has_sent:
            message.flags &= ~pb.ServerToAgentFlags_ReportAvailableComponents
        self._has_sent |= bool(message.flags & pb.ServerToAgentFlags_ReportAvailableComponents)
        return message


@breaks("components.hash-same-for-same-set:with-map")
class OtherHashWithMap(Behaviour):
    """The agent reports another hash beside the map of its components."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if message.available_components.components:
            message.available_components.hash += b"!"
        return message


@breaks("components.hash-same-for-same-set")
class RandomHash(Behaviour):
    """Each process has another hash of the same components."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if message.HasField("available_components"):
            message.available_components.hash += message.instance_uid
        return message


@breaks("components.hash-included")
class MapWithoutHash(Behaviour):
    """The agent sends its components without their hash."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if message.available_components.components:
            message.available_components.ClearField("hash")
        return message


@breaks("flags.report-available-components.agent:beside-flag")
class SendsNoComponentsWithFullState(Behaviour):
    """The agent ignores ReportAvailableComponents beside ReportFullState."""

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        if message.flags & pb.ServerToAgentFlags_ReportFullState:
            message.flags &= ~pb.ServerToAgentFlags_ReportAvailableComponents
        return message
