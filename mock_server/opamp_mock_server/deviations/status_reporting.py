"""Ways to break what the specification says of reports and their answers."""

from opamp_mock_server.core import Core, Outcome
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.records import AgentRecord
from opamp_proto import opamp_pb2 as pb


@breaks("response.must-respond", also=["retry.respond-to-each-duplicate"])
class SilentOnCheckIns(Core):
    """Check-ins are processed, but answered with an empty body."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        return super().check_in(known, message)._replace(reply=pb.ServerToAgent())


@breaks("retry.respond-to-each-duplicate")
class SilentOnDuplicates(Core):
    """A message with the sequence number of the one before is answered with an empty body."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        return outcome._replace(reply=pb.ServerToAgent()) if message.sequence_num == known.sequence_num else outcome


@breaks("response.no-error-on-success", also=["fleet.check-in"])
class ErrorOnCheckIns(Core):
    """Check-ins are processed, but answered with an error of type Unknown."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        return super().check_in(known, message)._replace(reply=_unknown_error(message))


@breaks("response.no-error-on-success:first-report", also=["fleet.auto-enrollment"])
class ErrorOnFirstReports(Core):
    """An unknown agent's report is processed, but answered with an error of type Unknown."""

    def enroll(self, message: pb.AgentToServer) -> Outcome:
        return super().enroll(message)._replace(reply=_unknown_error(message))


@breaks("response.ack-only-instance-uid")
class CustomCapabilitiesEverywhere(Core):
    """Every acknowledgement carries custom_capabilities, if empty ones."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        outcome.reply.custom_capabilities.SetInParent()
        return outcome


@breaks("sequence.server-report-full-state", also=["sequence.server-requests-omitted"])
class GapsUnnoticed(Core):
    """Sequence numbers of known agents are not looked at."""

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        return super().missing_state(known, message) if known is None else 0


@breaks("sequence.server-requests-omitted", also=["sequence.server-report-full-state"])
class OtherFlagOnGaps(Core):
    """On a gap the server asks for the available components instead of the full state."""

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        missing = super().missing_state(known, message)
        return int(pb.ServerToAgentFlags_ReportAvailableComponents) if known and missing else missing


@breaks("sequence.server-report-full-state:backwards", also=["sequence.server-requests-omitted"])
class OnlyGapsAhead(Core):
    """A sequence number that comes again, or goes back, is not noticed."""

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        if known is not None and message.sequence_num <= known.sequence_num:
            return 0
        return super().missing_state(known, message)


@breaks("capabilities.server.first-message")
class CapabilitiesUntold(Core):
    """The server never tells its capabilities."""

    def announced(self) -> int:
        return 0


@breaks("capabilities.server.accepts-status-bit")
class AcceptsStatusMissing(Core):
    """AcceptsStatus is not among the capabilities."""

    def announced(self) -> int:
        return super().announced() & ~int(pb.ServerCapabilities_AcceptsStatus)


@breaks("capabilities.server.undefined-bits-zero")
class UndefinedCapability(Core):
    """A capability bit is set that the specification does not define."""

    def announced(self) -> int:
        return super().announced() | 0x80


def _unknown_error(message: pb.AgentToServer) -> pb.ServerToAgent:
    reply = pb.ServerToAgent(instance_uid=message.instance_uid)
    reply.error_response.error_message = "something went wrong"
    return reply
