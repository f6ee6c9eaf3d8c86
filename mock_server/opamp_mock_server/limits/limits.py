"""The limits of a server, and the error that asks an agent to wait (Throttling)."""

import random
from dataclasses import dataclass

from opamp_mock_server.core.error_replies import RETRY_AFTER_SECONDS
from opamp_mock_server.errors import MockServerError


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of the server. Rates are per second; None means no limit.

    ``connections`` counts all open connections. A request has ``request_seconds`` from its first byte (or the start of
    the connection) to its last byte. A connection between two requests has ``idle_seconds``. ``header_bytes`` bounds
    everything of a request except its body. ``rate`` and ``rate_per_key`` limit messages, ``enrollment_rate`` limits
    only new agents. If the store takes time, it works on ``concurrent`` messages at once. After a message has waited
    for longer than ``queue_seconds``, no other message may join the queue. ``agents`` bounds the agents in memory, and
    ``stored_bytes`` their reports. ``pending_bytes`` bounds large messages that are not answered yet. When the server
    stops, work in progress has ``drain_seconds``.
    """

    connections: int = 20_000
    request_seconds: float = 20.0
    idle_seconds: float = 75.0
    header_bytes: int = 64 * 1024
    rate: float | None = None
    rate_per_key: float | None = None
    enrollment_rate: float | None = None
    concurrent: int = 1_000
    queue_seconds: float = 0.5
    agents: int = 1_000_000
    stored_bytes: int = 1024 * 1024 * 1024
    pending_bytes: int = 192 * 1024 * 1024
    drain_seconds: float = 5.0


class OverloadedError(MockServerError):
    """The server does not accept this message now. Its agent is to wait for ``retry_after`` seconds."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the server is overloaded: {reason}")
        self.retry_after = retry_after()


def retry_after() -> int:
    """Return seconds to wait: the recommended 30, and up to 30 more at random, so that agents do not return at once."""
    return RETRY_AFTER_SECONDS + random.randrange(RETRY_AFTER_SECONDS)  # noqa: S311 - it need not be unpredictable
