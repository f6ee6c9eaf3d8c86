"""Deviations from Custom Messages: wrong custom capabilities, and messages that an agent does not support."""

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.core.core import Core, Outcome
from opamp_mock_server.core.custom_messages import CustomMessages
from opamp_mock_server.core.status_reporting import StatusReporting
from opamp_mock_server.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb


@breaks("custom.signal-support")
class WrongCustomCapability(CustomMessages):
    """The server announces a custom capability that it does not have, instead of its own."""

    def announce_custom_capabilities(self, reply: pb.ServerToAgent) -> None:
        reply.custom_capabilities.capabilities.append("io.example.another")


@breaks("custom.reverse-fqdn")
class CustomCapabilityWithoutDomain(CustomMessages):
    """The server announces a custom capability whose name is not a reverse FQDN."""

    def announce_custom_capabilities(self, reply: pb.ServerToAgent) -> None:
        super().announce_custom_capabilities(reply)
        reply.custom_capabilities.capabilities.append("echo")


@breaks("custom.capability-matches", also=["custom.list-replaces", "custom.none-by-default"])
class AgentCustomCapabilitiesIgnored(CustomMessages):
    """A custom message is sent to agents that did not announce its capability."""

    def may_send(self, message: pb.CustomMessage, record: AgentRecord) -> bool:
        return message.capability in self.custom_capabilities


@breaks("custom.none-by-default", also=["custom.list-replaces", "custom.capability-matches"])
class AllCustomCapabilitiesByDefault(CustomMessages):
    """An agent that announces no custom capabilities is treated as if it had all of them."""

    def may_send(self, message: pb.CustomMessage, record: AgentRecord) -> bool:
        return not record.custom_capabilities or super().may_send(message, record)


@breaks("custom.list-replaces", also=["custom.capability-matches"])
class CustomCapabilitiesNeverRemoved(StatusReporting):
    """An agent keeps a custom capability that is not in its last list."""

    def note_reported_hashes(self, record: AgentRecord, message: pb.AgentToServer, reported: list[str]) -> AgentRecord:
        learned = super().note_reported_hashes(record, message, reported)
        return learned._replace(custom_capabilities=(*record.custom_capabilities, *learned.custom_capabilities))


@breaks("custom.list-replaces:answer", also=["custom.capability-matches"])
class WithdrawnCapabilityAnswered(Core):
    """A custom message of an agent is answered with another one, also after the agent has withdrawn the capability."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        if message.HasField("custom_message"):
            outcome.reply.custom_message.CopyFrom(message.custom_message)
        return outcome


@breaks("custom.capability-matches:answer", also=["custom.list-replaces"])
class CustomAnswerOfAnotherCapability(Core):
    """A custom message of an agent is answered with one of another custom capability."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        if message.HasField("custom_message"):
            outcome.reply.custom_message.capability = "io.example.another"
        return outcome
