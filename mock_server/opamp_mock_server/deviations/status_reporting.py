"""Deviations from Status Reporting: wrong replies to reports, and reports that are not stored."""

import asyncio

from opamp_mock_server.core.agent_state import AgentRecord, DesiredState
from opamp_mock_server.core.core import Core, Outcome
from opamp_mock_server.core.status_reporting import StatusReporting
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.transports.http_messages import RequestHeaders, Response
from opamp_mock_server.transports.plain_http import HttpEndpoint
from opamp_proto import opamp_pb2 as pb


@breaks(
    "response.must-respond",
    also=["retry.respond-to-each-duplicate", "response.ack-when-nothing", "http.respond-each", "ws.full-duplex"],
)
class CheckInsUnanswered(Core):
    """The reply to a check-in has an empty body."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        return super().check_in(known, message)._replace(reply=pb.ServerToAgent())

    def add_offers(self, outcome: Outcome, desired: DesiredState) -> Outcome:
        return super().add_offers(outcome, desired) if outcome.reply.instance_uid else outcome


@breaks("retry.respond-to-each-duplicate")
class DuplicatesUnanswered(Core):
    """The reply to a message that repeats the last sequence number has an empty body."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        return outcome._replace(reply=pb.ServerToAgent()) if message.sequence_num == known.sequence_num else outcome


@breaks(
    "response.no-error-on-success", also=["fleet.check-in", "http.support-identity-request", "fleet.instances.check-in"]
)
class UnknownErrorOnCheckIn(Core):
    """A check-in is processed, but answered with an error of type Unknown."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        reply = _unknown_error(message)
        return outcome if message.HasField("agent_description") else outcome._replace(reply=reply)


@breaks(
    "response.no-error-on-success:first-report", also=["fleet.auto-enrollment", "capabilities.server.accepts-status"]
)
class UnknownErrorOnFirstReport(Core):
    """The report of an unknown agent is processed, but answered with an error of type Unknown."""

    def enroll(self, message: pb.AgentToServer) -> Outcome:
        return super().enroll(message)._replace(reply=_unknown_error(message))


@breaks("response.no-error-on-success:unhealthy")
class UnhealthyAgentRefused(Core):
    """The report of an unhealthy agent is answered with an error of type Unknown."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        is_unhealthy = message.HasField("health") and not message.health.healthy
        outcome = super().check_in(known, message)
        return outcome._replace(reply=_unknown_error(message)) if is_unhealthy else outcome


@breaks("response.no-error-on-success:disconnect", also=["fleet.disconnect.enrolled"])
class DisconnectAnsweredWithError(Core):
    """The agent_disconnect of a known agent is answered with an error of type Unknown."""

    def disconnect(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        return super().disconnect(known, message)._replace(reply=_unknown_error(message))


@breaks("sequence.server-report-full-state:described", also=["sequence.server-requests-omitted"])
class GapWithDescriptionIgnored(StatusReporting):
    """After a gap, a message with a description counts as a full report."""

    def is_full_report(self, message: pb.AgentToServer) -> bool:
        return message.HasField("agent_description") or super().is_full_report(message)


@breaks("sequence.server-report-full-state:unknown", also=["sequence.server-requests-omitted"])
class UnknownStateNotRequested(StatusReporting):
    """An unknown agent is not asked for the state that its first message leaves out."""

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        return 0 if known is None else super().missing_state(known, message)


@breaks("sequence.server-report-full-state:once", also=["sequence.server-requests-omitted"])
class OnlyFirstGapNoticed(StatusReporting):
    """An agent is asked for its full state only once."""

    _asked: frozenset[bytes] = frozenset()

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        flag = super().missing_state(known, message)
        if message.instance_uid in self._asked:
            return 0
        self._asked |= {message.instance_uid} if flag else frozenset()
        return flag


@breaks("response.ack-only-instance-uid", also=["custom.only-on-change"])
class CustomCapabilitiesInEveryReply(Core):
    """Every acknowledgement has empty custom_capabilities."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        outcome.reply.custom_capabilities.SetInParent()
        return outcome


@breaks("sequence.server-report-full-state", also=["sequence.server-requests-omitted"])
class SequenceNumbersNotChecked(Core):
    """The sequence numbers of known agents are not checked."""

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        return super().missing_state(known, message) if known is None else 0


@breaks(
    "sequence.server-requests-omitted", also=["interop.server-stops-unsupported", "sequence.server-report-full-state"]
)
class WrongFlagOnGap(Core):
    """After a gap, the server requests the available components instead of the full state."""

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        missing = super().missing_state(known, message)
        return int(pb.ServerToAgentFlags_ReportAvailableComponents) if known and missing else missing


@breaks("sequence.server-report-full-state:backwards", also=["sequence.server-requests-omitted"])
class RepeatedSequenceNumbersNotDetected(Core):
    """A sequence number that repeats or goes back is not detected."""

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        if known is not None and message.sequence_num <= known.sequence_num:
            return 0
        return super().missing_state(known, message)


@breaks("capabilities.server.first-message", also=["interop.announce-initially"])
class CapabilitiesNotAnnounced(Core):
    """The server never announces its capabilities."""

    def announced(self) -> int:
        return 0


@breaks("capabilities.server.accepts-status-bit")
class AcceptsStatusNotAnnounced(Core):
    """The server does not announce AcceptsStatus."""

    def announced(self) -> int:
        return super().announced() & ~int(pb.ServerCapabilities_AcceptsStatus)


@breaks("capabilities.server.undefined-bits-zero")
class UndefinedCapabilityAnnounced(Core):
    """The server announces a capability bit that the specification does not define."""

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
class BadRequestOnCheckIn(Core):
    """A check-in is processed, but answered with an error of type BadRequest."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        reply = self.bad_request(message.instance_uid, "the message is malformed")
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
class UnavailableOnCheckIn(Core):
    """A check-in is processed, but answered with an error of type Unavailable."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        reply = self.error(message.instance_uid, pb.ServerErrorResponseType_Unavailable, "the server is overloaded")
        outcome = super().check_in(known, message)
        return outcome if message.HasField("agent_description") else outcome._replace(reply=reply)


@breaks("response.error-on-failure", also=["error.set-on-failure"])
class FailuresAcknowledged(Core):
    """A message that the server could not process is acknowledged."""

    def failure(self, instance_uid: bytes) -> pb.ServerToAgent:
        return self.empty_message(instance_uid)


@breaks("message.process-fields")
class HealthNotStored(StatusReporting):
    """The health that an agent reports is not stored."""

    def merged(self, known: bytes, message: pb.AgentToServer, reported: list[str]) -> bytes:
        return super().merged(known, message, [part for part in reported if part != "health"])


@breaks("compression.server-keeps-state")
class OnlyLastReportStored(StatusReporting):
    """Only the last report of an agent is stored."""

    def merged(self, known: bytes, message: pb.AgentToServer, reported: list[str]) -> bytes:
        return super().merged(b"", message, reported)


@breaks("effective-config.server-not-expecting", also=["flags.report-flags-allowed"])
class EffectiveConfigRequired(StatusReporting):
    """After a report with a description but without effective_config, a known agent is asked for its full state."""

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        if known and message.HasField("agent_description") and not message.HasField("effective_config"):
            return int(pb.ServerToAgentFlags_ReportFullState)
        return super().missing_state(known, message)


@breaks("health.nesting")
class DeepHealthRefused(Core):
    """Health that is nested more than 10 levels deep is rejected as malformed."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        return (
            "health is nested more than 10 levels deep" if _depth(message.health) > 10 else super().malformed(message)
        )


@breaks("response.must-respond:at-once")
class ConcurrentRequestsUnanswered(HttpEndpoint):
    """While more than 40 plain HTTP requests are in progress, a reply has an empty body."""

    _in_progress = 0

    async def respond(self, headers: RequestHeaders, body: bytes) -> Response:
        self._in_progress += 1
        try:
            await asyncio.sleep(0.02)
            response = await super().respond(headers, body)
            return response._replace(body=b"") if self._in_progress > 40 else response
        finally:
            self._in_progress -= 1


@breaks("response.must-respond:large")
class LargeRequestsUnanswered(HttpEndpoint):
    """The reply to a request body of more than 512 KiB has an empty body."""

    async def respond(self, headers: RequestHeaders, body: bytes) -> Response:
        response = await super().respond(headers, body)
        return response._replace(body=b"") if len(body) > 512 * 1024 else response


@breaks("flags.report-flags-allowed")
class FullStateAlwaysRequested(StatusReporting):
    """Every reply asks for the full state."""

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        return int(pb.ServerToAgentFlags_ReportFullState)


@breaks("flags.report-flags-allowed:without-description")
class FullStateRequestedWithoutDescription(StatusReporting):
    """The server asks for the full state whenever a message has no agent_description."""

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        is_described = message.HasField("agent_description")
        return super().missing_state(known, message) if is_described else int(pb.ServerToAgentFlags_ReportFullState)


def _depth(component: pb.ComponentHealth) -> int:
    """Return how many levels of components are below a component."""
    return max((_depth(part) + 1 for part in component.component_health_map.values()), default=0)


def _unknown_error(message: pb.AgentToServer) -> pb.ServerToAgent:
    reply = pb.ServerToAgent(instance_uid=message.instance_uid)
    reply.error_response.error_message = "the message could not be processed"
    return reply


@breaks("sequence.server-report-full-state:with-offer", also=["sequence.server-requests-omitted"])
class NoFlagWithOffers(Core):
    """A reply with an offer of a configuration does not ask for the full state."""

    def add_offers(self, outcome: Outcome, desired: DesiredState) -> Outcome:
        outcome = super().add_offers(outcome, desired)
        if outcome.reply.HasField("remote_config"):
            outcome.reply.flags = 0
        return outcome


@breaks("error.bad-request-only-as-reply:failure")
class FailuresAreBadRequests(Core):
    """A message that the server could not process is answered with BadRequest."""

    def failure(self, instance_uid: bytes) -> pb.ServerToAgent:
        return self.bad_request(instance_uid, "the message could not be processed")


@breaks("error.bad-request-only-as-reply:custom-message")
class CustomMessagesRefused(Core):
    """A custom message of a capability that the server does not have is rejected as malformed."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        is_foreign = message.custom_message.capability not in self.custom_capabilities
        if message.HasField("custom_message") and is_foreign:
            return "the server does not have this custom capability"
        return super().malformed(message)


@breaks("response.no-error-on-success:binary-configuration")
class OnlyTextsAsConfiguration(Core):
    """The report of a configuration that is not text is answered with an error of type Unknown."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        try:
            for file in message.effective_config.config_map.config_map.values():
                file.body.decode()
        except UnicodeDecodeError:
            return outcome._replace(reply=_unknown_error(message))
        return outcome


@breaks("message.process-fields:configuration")
class ConfigurationNotStored(StatusReporting):
    """The effective configuration that an agent reports is not stored."""

    def status(self, known: AgentRecord, message: pb.AgentToServer, parts: int) -> bytes:
        status = pb.AgentToServer.FromString(super().status(known, message, parts))
        status.ClearField("effective_config")
        return status.SerializeToString()


@breaks("message.process-fields:packages")
class PackagesNotStored(StatusReporting):
    """The packages that an agent reports are not stored."""

    def status(self, known: AgentRecord, message: pb.AgentToServer, parts: int) -> bytes:
        status = pb.AgentToServer.FromString(super().status(known, message, parts))
        status.package_statuses.ClearField("packages")
        return status.SerializeToString()


@breaks("response.must-respond:large-gzip")
class LargeGzipUnanswered(HttpEndpoint):
    """The reply to a message of more than 256 KiB that was compressed has an empty body."""

    _size = 0

    def gunzip(self, body: bytes) -> bytes:
        data = super().gunzip(body)
        self._size = len(data)
        return data

    async def respond(self, headers: RequestHeaders, body: bytes) -> Response:
        self._size = 0
        response = await super().respond(headers, body)
        return response._replace(body=b"") if self._size > 256 * 1024 else response


@breaks("sequence.server-report-full-state:32-bit", also=["sequence.server-requests-omitted"])
class SequenceNumbersOf32Bits(StatusReporting):
    """Only the last 32 bits of a sequence number are looked at."""

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        if known is not None and (message.sequence_num - known.sequence_num) % 2**32 == 1:
            return 0
        return super().missing_state(known, message)
