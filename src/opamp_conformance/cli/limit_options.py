"""The options of ``serve`` that limit the mock server."""

from collections.abc import Callable
from typing import Any, Final

import click

from opamp_conformance.cli.help import combine_options
from opamp_conformance.cli.open_files import allow_files
from opamp_mock_server import Limits

_MANY: Final = click.IntRange(min=1)
_RATE: Final = click.FloatRange(min=0, min_open=True)
_SECONDS: Final = click.FloatRange(min=0, max=3600, min_open=True)
_DEFAULT: Final = Limits()


def _limit(name: str, field: str, kind: click.IntRange | click.FloatRange, text: str) -> Callable[[Any], Any]:
    return click.option(name, field, type=kind, default=getattr(_DEFAULT, field), help=text)


limit_options = combine_options(
    _limit("--max-connections", "connections", _MANY, "Open connections."),
    _limit("--max-agents", "agents", _MANY, "Agents that are kept in memory."),
    _limit("--max-stored-bytes", "stored_bytes", _MANY, "Bytes of the reports that are kept in memory."),
    _limit("--max-pending-bytes", "pending_bytes", _MANY, "Bytes of large messages that are not answered yet."),
    _limit("--request-timeout", "request_seconds", _SECONDS, "Seconds for a request to arrive, headers and body."),
    _limit("--rate", "rate", _RATE, "Messages per second in total; unlimited by default."),
    _limit("--rate-per-key", "rate_per_key", _RATE, "Messages per second for each enrollment key."),
    _limit("--enrollment-rate", "enrollment_rate", _RATE, "New agents per second."),
    _limit("--max-concurrency", "concurrent", _MANY, "Messages that use a slow store; at most half are enrollments."),
    _limit("--queue-delay", "queue_seconds", _SECONDS, "Seconds in the queue before the server refuses new messages."),
    _limit("--drain", "drain_seconds", _SECONDS, "Seconds to finish the work in progress at the end."),
)
"""The options; their parameters have the names of Limits."""

_OTHER_FILES: Final = 256
"""The maximum number of files that a server opens in addition to its connections."""


def allow_connections(limits: Limits) -> None:
    """Raise the limit of open files to what the connections need, or as far as the system allows."""
    allow_files(limits.connections + _OTHER_FILES)
