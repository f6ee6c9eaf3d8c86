"""Deviations from Throttling: wrong replies of an overloaded server."""

from opamp_mock_server.core.core import Core
from opamp_mock_server.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb


@breaks("throttle.ws-unavailable")
class OverloadErrorTypeUnknown(Core):
    """An overloaded server sends an error of type Unknown instead of Unavailable."""

    def unavailable(self, instance_uid: bytes, retry_after: int = 0) -> pb.ServerToAgent:
        return self.failure(instance_uid)


@breaks("throttle.min-30s")
class RetryAfterOneSecond(Core):
    """An overloaded server asks agents to retry after one second."""

    def unavailable(self, instance_uid: bytes, retry_after: int = 1) -> pb.ServerToAgent:
        return super().unavailable(instance_uid, 1)
