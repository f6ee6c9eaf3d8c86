"""Ways to break what the specification says of custom messages."""

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.core.custom_messages import CustomMessages
from opamp_mock_server.core.status_reporting import StatusReporting
from opamp_mock_server.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb


@breaks("custom.signal-support")
class AnnouncesAnother(CustomMessages):
    """The custom capability that the server announces is not the one it has."""

    def announce_custom_capabilities(self, reply: pb.ServerToAgent) -> None:
        reply.custom_capabilities.capabilities.append("io.example.another")


@breaks("custom.reverse-fqdn")
class PlainName(CustomMessages):
    """A custom capability goes by a plain name."""

    def announce_custom_capabilities(self, reply: pb.ServerToAgent) -> None:
        super().announce_custom_capabilities(reply)
        reply.custom_capabilities.capabilities.append("echo")


@breaks("custom.capability-matches", also=["custom.list-replaces", "custom.none-by-default"])
class AgentsNotAsked(CustomMessages):
    """Custom messages are sent to whoever is there."""

    def may_send(self, message: pb.CustomMessage, record: AgentRecord) -> bool:
        return message.capability in self.custom_capabilities


@breaks("custom.none-by-default", also=["custom.list-replaces"])
class SilenceIsConsent(CustomMessages):
    """An agent that announces no custom capabilities is taken to have all."""

    def may_send(self, message: pb.CustomMessage, record: AgentRecord) -> bool:
        return not record.custom_capabilities or super().may_send(message, record)


@breaks("custom.list-replaces")
class CustomCapabilitiesAddUp(StatusReporting):
    """A custom capability that an agent once announced it is taken to have for ever."""

    def learn(self, record: AgentRecord, message: pb.AgentToServer, reported: list[str]) -> AgentRecord:
        learned = super().learn(record, message, reported)
        return learned._replace(custom_capabilities=(*record.custom_capabilities, *learned.custom_capabilities))
