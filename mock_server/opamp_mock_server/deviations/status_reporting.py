"""Ways to break what the specification says of reports and their answers."""

import asyncio

from opamp_mock_server.core import Core, Outcome
from opamp_mock_server.core.agent_state import AgentRecord, DesiredState
from opamp_mock_server.core.status_reporting import StatusReporting
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.transports.http_messages import RequestHeaders, Response
from opamp_mock_server.transports.plain_http import HttpEndpoint
from opamp_proto import opamp_pb2 as pb


@breaks(
    "response.must-respond",
    also=["retry.respond-to-each-duplicate", "response.ack-when-nothing", "http.respond-each", "ws.full-duplex"],
)
class SilentOnCheckIns(Core):
    """Check-ins are processed, but answered with an empty body."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        return super().check_in(known, message)._replace(reply=pb.ServerToAgent())

    def add_offers(self, outcome: Outcome, desired: DesiredState) -> Outcome:
        return super().add_offers(outcome, desired) if outcome.reply.instance_uid else outcome


@breaks("retry.respond-to-each-duplicate")
class SilentOnDuplicates(Core):
    """A message with the sequence number of the one before is answered with an empty body."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        return outcome._replace(reply=pb.ServerToAgent()) if message.sequence_num == known.sequence_num else outcome


@breaks(
    "response.no-error-on-success", also=["fleet.check-in", "http.support-identity-request", "fleet.instances.check-in"]
)
class ErrorOnCheckIns(Core):
    """Check-ins are processed, but answered with an error of type Unknown."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        reply = _unknown_error(message)
        return outcome if message.HasField("agent_description") else outcome._replace(reply=reply)


@breaks(
    "response.no-error-on-success:first-report", also=["fleet.auto-enrollment", "capabilities.server.accepts-status"]
)
class ErrorOnFirstReports(Core):
    """An unknown agent's report is processed, but answered with an error of type Unknown."""

    def enroll(self, message: pb.AgentToServer) -> Outcome:
        return super().enroll(message)._replace(reply=_unknown_error(message))


@breaks("response.ack-only-instance-uid", also=["custom.only-on-change"])
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


@breaks("capabilities.server.first-message", also=["interop.announce-initially"])
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


@breaks(
    "error.bad-request-only-as-reply",
    also=[
        "response.no-error-on-success",
        "fleet.check-in",
        "http.support-identity-request",
        "fleet.instances.check-in",
    ],
)
class CheckInsMalformed(Core):
    """A check-in is processed, and called malformed."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        reply = self.bad_request(message.instance_uid, "nothing new")
        return outcome if message.HasField("agent_description") else outcome._replace(reply=reply)


@breaks(
    "error.unavailable-means-overload",
    also=[
        "response.no-error-on-success",
        "fleet.check-in",
        "fleet.instances.check-in",
        "http.support-identity-request",
    ],
)
class CheckInsUnwelcome(Core):
    """A check-in is processed, and called too much."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        reply = self.error(message.instance_uid, pb.ServerErrorResponseType_Unavailable, "not again")
        outcome = super().check_in(known, message)
        return outcome if message.HasField("agent_description") else outcome._replace(reply=reply)


@breaks("response.error-on-failure", also=["error.set-on-failure"])
class FailuresAcknowledged(Core):
    """A message that could not be processed is acknowledged."""

    def failure(self, instance_uid: bytes) -> pb.ServerToAgent:
        return self.addressed_to(instance_uid)


@breaks("message.process-fields")
class HealthNotKept(StatusReporting):
    """The health that an agent reports is not kept."""

    def merged(self, known: bytes, message: pb.AgentToServer, reported: list[str]) -> bytes:
        return super().merged(known, message, [part for part in reported if part != "health"])


@breaks("compression.server-keeps-state")
class LastReportOnly(StatusReporting):
    """Of what an agent has reported, only the last report is kept."""

    def merged(self, known: bytes, message: pb.AgentToServer, reported: list[str]) -> bytes:
        return super().merged(b"", message, reported)


@breaks("effective-config.server-not-expecting")
class ConfigurationExpected(StatusReporting):
    """A report of a known agent without effective_config is asked for again, if it has a description."""

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        if known and message.HasField("agent_description") and not message.HasField("effective_config"):
            return int(pb.ServerToAgentFlags_ReportFullState)
        return super().missing_state(known, message)


@breaks("health.nesting")
class ShallowHealth(Core):
    """Health that is nested more than 10 deep is malformed."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        return "health is nested too deep" if _depth(message.health) > 10 else super().malformed(message)


@breaks("response.must-respond:at-once")
class FewAtOnce(HttpEndpoint):
    """Of more than 40 requests that are under way at once, the others are answered with an empty body."""

    _under_way = 0

    async def respond(self, headers: RequestHeaders, body: bytes) -> Response:
        self._under_way += 1
        try:
            await asyncio.sleep(0.02)
            response = await super().respond(headers, body)
            return response._replace(body=b"") if self._under_way > 40 else response
        finally:
            self._under_way -= 1


@breaks("response.must-respond:large")
class LargeUnanswered(HttpEndpoint):
    """A body of more than half a megabyte is answered with an empty one."""

    async def respond(self, headers: RequestHeaders, body: bytes) -> Response:
        response = await super().respond(headers, body)
        return response._replace(body=b"") if len(body) > 512 * 1024 else response


def _depth(component: pb.ComponentHealth) -> int:
    """Return how many levels of components are below one."""
    return max((_depth(part) + 1 for part in component.component_health_map.values()), default=0)


def _unknown_error(message: pb.AgentToServer) -> pb.ServerToAgent:
    reply = pb.ServerToAgent(instance_uid=message.instance_uid)
    reply.error_response.error_message = "something went wrong"
    return reply
