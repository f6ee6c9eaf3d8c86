"""Deviations from Status Reporting: reports that are not answered, not understood or not stored, and capabilities."""

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


@breaks("retry.respond-to-each-duplicate:full-report")
class DuplicateReportsUnanswered(Core):
    """The reply to a full report that repeats the last sequence number has an empty body."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        is_again = message.sequence_num == known.sequence_num and message.HasField("agent_description")
        return outcome._replace(reply=pb.ServerToAgent()) if is_again else outcome


@breaks("retry.respond-to-each-duplicate")
class DuplicatesUnanswered(Core):
    """The reply to a message that repeats the last sequence number has an empty body."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        return outcome._replace(reply=pb.ServerToAgent()) if message.sequence_num == known.sequence_num else outcome


@breaks("retry.respond-to-each-duplicate:third")
class OnlyFirstDuplicateAnswered(Core):
    """The reply to a message that repeats a sequence number once more has an empty body."""

    _repeated: frozenset[tuple[bytes, int]] = frozenset()

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome, this = super().check_in(known, message), (message.instance_uid, message.sequence_num)
        if message.sequence_num != known.sequence_num:
            return outcome
        is_third, self._repeated = this in self._repeated, self._repeated | {this}
        return outcome._replace(reply=pb.ServerToAgent()) if is_third else outcome


@breaks("response.ack-only-instance-uid", also=["custom.only-on-change"])
class CustomCapabilitiesInEveryReply(Core):
    """Every acknowledgement has empty custom_capabilities."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        outcome.reply.custom_capabilities.SetInParent()
        return outcome


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


@breaks("health.attributes")
class HealthAttributesRefused(Core):
    """Health with attributes is rejected as malformed."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        return "health has attributes" if message.health.attributes else super().malformed(message)


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


def _depth(component: pb.ComponentHealth) -> int:
    """Return how many levels of components are below a component."""
    return max((_depth(part) + 1 for part in component.component_health_map.values()), default=0)


@breaks("message.process-fields:configuration")
class ConfigurationNotStored(StatusReporting):
    """The effective configuration that an agent reports is not stored."""

    def status(self, known: AgentRecord, message: pb.AgentToServer, parts: int) -> bytes:
        status = pb.AgentToServer.FromString(super().status(known, message, parts))
        status.ClearField("effective_config")
        return status.SerializeToString()


@breaks("message.process-fields:replaced")
class DescriptionsMerged(StatusReporting):
    """A new agent_description is added to the one before."""

    def status(self, known: AgentRecord, message: pb.AgentToServer, parts: int) -> bytes:
        status = pb.AgentToServer.FromString(super().status(known, message, parts))
        before = pb.AgentToServer.FromString(known.reported).agent_description
        if message.HasField("agent_description"):
            status.agent_description.non_identifying_attributes.extend(before.non_identifying_attributes)
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
