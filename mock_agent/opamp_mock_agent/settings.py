"""The settings of one agent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from opamp_mock_agent.errors import SettingsError

POLL_SECONDS: Final = 30.0
"""The interval of heartbeats and polls, if the server offers no other one (heartbeat.default-interval)."""
_SCHEMES: Final = ("http", "https", "ws", "wss")


@dataclass(frozen=True)
class AgentSettings:
    """Where the server is, how to reach it, and what the agent is.

    The scheme of ``url`` chooses the transport. ``ca`` has the authorities to trust, ``cert`` and ``key`` are for
    mutual TLS, all in PEM. The agent keeps what it is given in the folder ``state``; without one, it forgets that at
    its end. ``poll_seconds`` is the interval of heartbeats and polls. ``capabilities`` are the names of capabilities,
    None for all. ``deviations`` are ids of ``DEVIATIONS``.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    state: Path | None = None
    poll_seconds: float = POLL_SECONDS
    name: str = "org.opamp-conformance.mock-agent"
    config: bytes = b"mode: default\n"
    capabilities: Sequence[str] | None = None
    request_instance_uid: bool = False
    deviations: Sequence[str] = ()

    def __post_init__(self) -> None:
        require_url(self.url)


def require_url(url: str) -> None:
    """Raise SettingsError if an agent cannot use a URL."""
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise SettingsError("a URL begins with http, https, ws or wss, and has a host")
