"""What all connections of a server share."""

from dataclasses import dataclass

from opamp_mock_server.limits.limits import Limits
from opamp_mock_server.limits.pending_bytes import PendingBytes
from opamp_mock_server.metrics import Metrics
from opamp_mock_server.transports.response_batch import ResponseBatch


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """The limits, and what counts them. ``answers_from_memory`` means that hardly any answer has to wait."""

    limits: Limits
    max_message_bytes: int
    pending: PendingBytes
    metrics: Metrics
    batch: ResponseBatch
    answers_from_memory: bool
