"""Ways to break what the specification says of throttling."""

from opamp_mock_server.core import Core
from opamp_mock_server.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb


@breaks("throttle.ws-unavailable")
class OverloadUnknown(Core):
    """An overloaded server sends an error of type Unknown."""

    def unavailable(self, instance_uid: bytes, retry_after: int = 0) -> pb.ServerToAgent:
        return self.failure(instance_uid)


@breaks("throttle.min-30s")
class BackInASecond(Core):
    """An overloaded server asks to come back in a second."""

    def unavailable(self, instance_uid: bytes, retry_after: int = 1) -> pb.ServerToAgent:
        return super().unavailable(instance_uid, 1)
