"""Replies to messages that are not processed (ServerErrorResponse, Bad Request, Throttling)."""

from typing import Final

from opamp_mock_server.core.agent_state import Fault
from opamp_mock_server.core.chapter import Chapter
from opamp_proto import opamp_pb2 as pb

RETRY_AFTER_SECONDS: Final = 30
"""How long agents of an overloaded server are to wait: the shortest interval that the specification recommends."""


_LONGEST_ECHO: Final = 64


class ErrorReplies(Chapter):
    """How the server reports errors."""

    def bad_request(self, instance_uid: bytes, problem: str) -> pb.ServerToAgent:
        """Return the reply to a malformed or refused message. If it is undecodable, its instance_uid is empty.

        An instance_uid that is much too long is not sent back: the reply would be as large as the message.
        """
        addressee = instance_uid if len(instance_uid) <= _LONGEST_ECHO else b""
        return self.error(addressee, pb.ServerErrorResponseType_BadRequest, problem)

    def error(self, instance_uid: bytes, kind: "pb.ServerErrorResponseType", problem: str) -> pb.ServerToAgent:
        reply = pb.ServerToAgent(instance_uid=instance_uid)
        reply.error_response.type = kind
        reply.error_response.error_message = problem
        return reply

    def fault_reply(self, instance_uid: bytes, fault: Fault) -> pb.ServerToAgent:
        """Return the reply of a server that has a fault."""
        return self.unavailable(instance_uid) if fault is Fault.OVERLOADED else self.failure(instance_uid)

    def unavailable(self, instance_uid: bytes, retry_after: int = RETRY_AFTER_SECONDS) -> pb.ServerToAgent:
        reply = self.error(instance_uid, pb.ServerErrorResponseType_Unavailable, "the server is overloaded")
        reply.error_response.retry_info.retry_after_nanoseconds = retry_after * 1_000_000_000
        return reply

    def failure(self, instance_uid: bytes) -> pb.ServerToAgent:
        return self.error(instance_uid, pb.ServerErrorResponseType_Unknown, "the message could not be processed")
