"""Deviations from Status Reporting: when the server asks an agent for its full state, and when it does not."""

from opamp_mock_server.core.agent_state import AgentRecord, DesiredState
from opamp_mock_server.core.core import Core, Outcome
from opamp_mock_server.core.status_reporting import StatusReporting
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.transports.http_messages import RequestHeaders, Response
from opamp_mock_server.transports.plain_http import HttpEndpoint
from opamp_proto import opamp_pb2 as pb

_OTHER_PARTS = (
    *("effective_config", "package_statuses", "remote_config_status", "connection_settings_status"),
    *("custom_capabilities", "available_components", "connection_settings_request"),
)


@breaks("sequence.server-report-full-state:described", also=["sequence.server-requests-omitted"])
class GapWithDescriptionIgnored(StatusReporting):
    """After a gap, a message with a description counts as a full report."""

    def is_full_report(self, message: pb.AgentToServer) -> bool:
        return message.HasField("agent_description") or super().is_full_report(message)


@breaks("sequence.server-report-full-state:components", also=["sequence.server-requests-omitted"])
class GapWithComponentsIgnored(StatusReporting):
    """After a gap, a message with the hash of the components does not make the server ask for the full state."""

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        is_hash_only = message.HasField("available_components") and not message.HasField("agent_description")
        return 0 if is_hash_only else super().missing_state(known, message)


@breaks("sequence.server-report-full-state:custom-message", also=["sequence.server-requests-omitted"])
class GapWithCustomMessageIgnored(StatusReporting):
    """After a gap, a custom message does not make the server ask for the full state."""

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        return 0 if message.HasField("custom_message") else super().missing_state(known, message)


@breaks("sequence.server-report-full-state:with-part", also=["sequence.server-requests-omitted"])
class GapWithOtherPartsIgnored(StatusReporting):
    """After a gap, a message with a part other than the description, the health and a custom message says enough."""

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        has_part = any(message.HasField(part) for part in _OTHER_PARTS) and not message.HasField("agent_description")
        return 0 if known is not None and has_part else super().missing_state(known, message)


@breaks("sequence.server-report-full-state:after-refusal", also=["sequence.server-requests-omitted"])
class RefusedMessageCounts(Core):
    """The sequence number of a refused message is remembered, so that the gap before it is never noticed."""

    def refuse(self, known: AgentRecord | None, message: pb.AgentToServer, problem: str) -> Outcome:
        outcome = super().refuse(known, message, problem)
        return outcome if known is None else outcome._replace(put=(known._replace(sequence_num=message.sequence_num),))


@breaks("sequence.server-report-full-state:many-agents", also=["sequence.server-requests-omitted"])
class OnlyLastAgentsRemembered(StatusReporting):
    """The server compares the sequence numbers of the last 32 agents only."""

    _last: tuple[bytes, ...] = ()

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        is_forgotten = known is not None and message.instance_uid not in self._last
        others = tuple(uid for uid in self._last if uid != message.instance_uid)
        self._last = (*others, message.instance_uid)[-32:]
        return 0 if is_forgotten else super().missing_state(known, message)


@breaks("sequence.server-report-full-state:new-uid", also=["sequence.server-requests-omitted"])
class GapUnderNewInstanceUidIgnored(Core):
    """The sequence number of the first message under a new instance_uid is not looked at."""

    _new: frozenset[bytes] = frozenset()

    def enroll_under_new_instance_uid(self, message: pb.AgentToServer) -> Outcome:
        outcome = super().enroll_under_new_instance_uid(message)
        self._new |= {outcome.reply.agent_identification.new_instance_uid}
        return outcome

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        is_first, self._new = message.instance_uid in self._new, self._new - {message.instance_uid}
        return 0 if is_first else super().missing_state(known, message)


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


@breaks("sequence.server-report-full-state:with-offer", also=["sequence.server-requests-omitted"])
class NoFlagWithOffers(Core):
    """A reply with an offer of a configuration does not ask for the full state."""

    def add_offers(self, outcome: Outcome, desired: DesiredState) -> Outcome:
        outcome = super().add_offers(outcome, desired)
        if outcome.reply.HasField("remote_config"):
            outcome.reply.flags = 0
        return outcome


@breaks("sequence.server-report-full-state:gzip", also=["sequence.server-requests-omitted"])
class NoFlagAfterGzip(HttpEndpoint):
    """The reply to a compressed message does not ask for the full state."""

    async def respond(self, headers: RequestHeaders, body: bytes) -> Response:
        if headers.content_encoding is None:
            return await super().respond(headers, body)
        response = await super().respond(headers._replace(accept_encoding=None), body)
        reply = pb.ServerToAgent.FromString(response.body)
        reply.flags = 0
        return response._replace(body=reply.SerializeToString())


@breaks("sequence.server-report-full-state:transport", also=["sequence.server-requests-omitted"])
class NoFlagAfterAnotherTransport(HttpEndpoint):
    """The first reply over plain HTTP to an agent that is known from a WebSocket does not ask for the full state."""

    _seen: frozenset[bytes] = frozenset()

    def encode(self, accept_encoding: bytes | None, data: bytes) -> Response:
        reply = pb.ServerToAgent.FromString(data)
        is_first, self._seen = reply.instance_uid not in self._seen, self._seen | {reply.instance_uid}
        if is_first and not reply.capabilities:  # An agent that is not known yet receives the capabilities.
            reply.flags = 0
            data = reply.SerializeToString()
        return super().encode(accept_encoding, data)


@breaks("sequence.server-report-full-state:63-bit", also=["sequence.server-requests-omitted"])
class LargeSequenceNumbersIgnored(StatusReporting):
    """A sequence number that does not fit into a signed number of 64 bits is ignored."""

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        return 0 if message.sequence_num >= 2**63 else super().missing_state(known, message)


@breaks("sequence.server-report-full-state:similar", also=["sequence.server-requests-omitted"])
class SimilarAgentsMixedUp(StatusReporting):
    """An agent whose instance_uid differs only in its last byte is mistaken for another one."""

    _seen: frozenset[bytes] = frozenset()

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        is_mistaken = known is None and message.instance_uid[:-1] in self._seen
        self._seen |= {message.instance_uid[:-1]}
        return 0 if is_mistaken else super().missing_state(known, message)


@breaks("sequence.server-report-full-state:32-bit", also=["sequence.server-requests-omitted"])
class SequenceNumbersOf32Bits(StatusReporting):
    """Only the last 32 bits of a sequence number are looked at."""

    def missing_state(self, known: AgentRecord | None, message: pb.AgentToServer) -> int:
        if known is not None and (message.sequence_num - known.sequence_num) % 2**32 == 1:
            return 0
        return super().missing_state(known, message)
