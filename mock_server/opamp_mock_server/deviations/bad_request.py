"""Deviations from Bad Request: wrong replies to malformed messages."""

from opamp_mock_server.core.core import Core
from opamp_mock_server.deviations.registry import breaks
from opamp_proto import INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb


@breaks("bad-request.respond")
class MalformedUnanswered(Core):
    """The reply to a malformed message has an empty body."""

    def bad_request(self, instance_uid: bytes, problem: str) -> pb.ServerToAgent:
        reply = super().bad_request(instance_uid, problem)
        return pb.ServerToAgent() if _is_malformed(instance_uid) else reply


@breaks("bad-request.respond:any-length")
class AnyLengthAccepted(Core):
    """An instance_uid of any length is accepted."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        return None


@breaks("bad-request.type")
class MalformedErrorTypeUnknown(Core):
    """The error for a malformed message has the type Unknown instead of BadRequest."""

    def bad_request(self, instance_uid: bytes, problem: str) -> pb.ServerToAgent:
        reply = super().bad_request(instance_uid, problem)
        if _is_malformed(instance_uid):
            reply.error_response.type = pb.ServerErrorResponseType_Unknown
        return reply


@breaks("bad-request.message:gzip")
class BrokenGzipErrorWithoutMessage(Core):
    """The error for a broken gzip body has no error_message."""

    def bad_request(self, instance_uid: bytes, problem: str) -> pb.ServerToAgent:
        return super().bad_request(instance_uid, "" if "gzip" in problem else problem)


@breaks("bad-request.message")
class MalformedErrorWithoutMessage(Core):
    """The error for a malformed message has no error_message."""

    def bad_request(self, instance_uid: bytes, problem: str) -> pb.ServerToAgent:
        return super().bad_request(instance_uid, "" if _is_malformed(instance_uid) else problem)


@breaks("error.excludes-other-fields", also=["error.absent-with-other-fields"])
class BadRequestWithCustomCapabilities(Core):
    """A BadRequest error comes with empty custom_capabilities."""

    def bad_request(self, instance_uid: bytes, problem: str) -> pb.ServerToAgent:
        reply = super().bad_request(instance_uid, problem)
        reply.custom_capabilities.SetInParent()
        return reply


@breaks("error.retry-info-only-unavailable")
class BadRequestWithRetryInfo(Core):
    """A BadRequest error has retry_info."""

    def bad_request(self, instance_uid: bytes, problem: str) -> pb.ServerToAgent:
        reply = super().bad_request(instance_uid, problem)
        reply.error_response.retry_info.retry_after_nanoseconds = 30_000_000_000
        return reply


def _is_malformed(instance_uid: bytes) -> bool:
    """Tell whether the message is malformed or undecodable, and not well-formed but refused."""
    return len(instance_uid) != INSTANCE_UID_BYTES


@breaks("bad-request.type:gzip")
class BrokenGzipErrorTypeUnknown(Core):
    """The error for a broken gzip body has the type Unknown."""

    def bad_request(self, instance_uid: bytes, problem: str) -> pb.ServerToAgent:
        reply = super().bad_request(instance_uid, problem)
        if "gzip" in problem:
            reply.error_response.type = pb.ServerErrorResponseType_Unknown
        return reply
