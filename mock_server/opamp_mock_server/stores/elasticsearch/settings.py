"""Which Elasticsearch a server uses, and how."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

BREAKER_FAILURES: Final = 3
"""After this number of failures in a row, the server does not try Elasticsearch for a while."""


@dataclass(frozen=True, slots=True)
class ElasticsearchSettings:
    """An Elasticsearch that keeps the agents. The URL may have a user and a password.

    The URL, ``api_key`` and ``service_token`` are secrets. The default index is not the one of Fleet Server: in a
    distribution of Elasticsearch, only Fleet Server may use that. If ``is_queued``, the server acknowledges a message
    before Elasticsearch has acknowledged its record, so the record is lost if the process ends. After
    ``breaker_failures`` failures in a row the server does not try Elasticsearch for a while.
    """

    url: str
    index: str = "opamp-agents"
    api_key: str | None = None
    service_token: str | None = None
    ca: Path | None = None
    is_queued: bool = False
    breaker_failures: int = BREAKER_FAILURES

    @property
    def desired_state_index(self) -> str:
        """The index of desired states."""
        return f"{self.index}-desired-state"

    @property
    def instances_index(self) -> str:
        """The index of the instances of the server."""
        return f"{self.index}-instances"
