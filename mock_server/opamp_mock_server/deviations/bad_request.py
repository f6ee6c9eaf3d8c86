"""Ways to break what the specification says of malformed messages."""

from opamp_mock_server.core import Core
from opamp_mock_server.deviations.registry import breaks
from opamp_proto import INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb


@breaks("bad-request.respond")
class MalformedUnanswered(Core):
    """A malformed message is answered with an empty body."""

    def bad_request(self, instance_uid: bytes, problem: str) -> pb.ServerToAgent:
        reply = super().bad_request(instance_uid, problem)
        return pb.ServerToAgent() if _is_malformed(instance_uid) else reply


@breaks("bad-request.respond:any-length")
class AnyLengthTaken(Core):
    """An instance_uid of any length is accepted."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        return None


@breaks("bad-request.type")
class MalformedUnknown(Core):
    """The error about a malformed message is of type Unknown."""

    def bad_request(self, instance_uid: bytes, problem: str) -> pb.ServerToAgent:
        reply = super().bad_request(instance_uid, problem)
        if _is_malformed(instance_uid):
            reply.error_response.type = pb.ServerErrorResponseType_Unknown
        return reply


@breaks("bad-request.message")
class MalformedUnexplained(Core):
    """The error about a malformed message has no error_message."""

    def bad_request(self, instance_uid: bytes, problem: str) -> pb.ServerToAgent:
        return super().bad_request(instance_uid, "" if _is_malformed(instance_uid) else problem)


@breaks("error.excludes-other-fields", also=["error.absent-with-other-fields"])
class ErrorWithCustomCapabilities(Core):
    """Errors come with empty custom_capabilities."""

    def bad_request(self, instance_uid: bytes, problem: str) -> pb.ServerToAgent:
        reply = super().bad_request(instance_uid, problem)
        reply.custom_capabilities.SetInParent()
        return reply


@breaks("error.retry-info-only-unavailable")
class BadRequestAsksToRetry(Core):
    """A BadRequest comes with retry_info."""

    def bad_request(self, instance_uid: bytes, problem: str) -> pb.ServerToAgent:
        reply = super().bad_request(instance_uid, problem)
        reply.error_response.retry_info.retry_after_nanoseconds = 30_000_000_000
        return reply


def _is_malformed(instance_uid: bytes) -> bool:
    """Tell a malformed message, or an undecodable one, from a well-formed one that is refused."""
    return len(instance_uid) != INSTANCE_UID_BYTES
