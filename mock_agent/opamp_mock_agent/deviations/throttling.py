"""Deviations of an agent whose server is too busy."""

from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_agent.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb


@breaks("throttle.retry-after-ns", also=("connection.backoff-jitter",))
class IgnoresRetryInfo(Behaviour):
    """The agent tries again at once after Unavailable."""

    obeys_retry_info = False

    def wait_before_retry(self, attempt: int) -> float:
        return 0.1


@breaks(
    "throttle.http-honour",
    also=("throttle.http-retry-after-time", "connection.honour-throttling", "connection.backoff-jitter"),
)
class IgnoresRetryAfter(Behaviour):
    """The agent does not wait as long as Retry-After says."""

    obeys_retry_after = False

    def wait_before_retry(self, attempt: int) -> float:
        return 0.2


@breaks(
    "throttle.http-retry-after-time:once",
    also=("throttle.http-honour", "connection.honour-throttling", "throttle.backoff"),
    needs="http",
)
class ObeysRetryAfterOnce(Behaviour):
    """The agent waits as long as Retry-After says the first time only."""

    def settings_after_loss(self, given: pb.OpAMPConnectionSettings) -> pb.OpAMPConnectionSettings:
        self.obeys_retry_after = False
        return given

    def wait_before_retry(self, attempt: int) -> float:
        return 0.2


@breaks("throttle.http-retry-after-time:date", also=("connection.backoff-jitter",))
class IgnoresDates(Behaviour):
    """The agent does not understand a date in Retry-After."""

    reads_dates = False

    def wait_before_retry(self, attempt: int) -> float:
        return 0.2


@breaks("connection.backoff-jitter", also=("reconnect.backoff", "throttle.backoff"))
class ConstantWait(Behaviour):
    """The agent waits equally long before each attempt."""

    def wait_before_retry(self, attempt: int) -> float:
        return 0.0 if attempt == 0 else 0.4


@breaks("throttle.retry-after-ns:again")
class WaitsOnce(Behaviour):
    """The agent obeys the first retry_info only."""

    _has_waited = False

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        if message.error_response.HasField("retry_info"):
            if self._has_waited:
                message.error_response.ClearField("retry_info")
            self._has_waited = True
        return message
