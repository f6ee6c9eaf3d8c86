"""The options of ``serve`` that limit the mock server."""

from typing import Final

import click

from opamp_conformance.cli.help import together
from opamp_mock_server import Limits

_MANY: Final = click.IntRange(min=1)
_RATE: Final = click.FloatRange(min=0, min_open=True)
_SECONDS: Final = click.FloatRange(min=0, max=3600, min_open=True)
_DEFAULT: Final = Limits()

limit_options = together(
    click.option("--max-connections", "connections", type=_MANY, default=_DEFAULT.connections, show_default=True),
    click.option(
        "--max-agents",
        "agents",
        type=_MANY,
        default=_DEFAULT.agents,
        show_default=True,
        help="Agents that are kept in memory.",
    ),
    click.option(
        "--request-timeout",
        "request_seconds",
        type=_SECONDS,
        default=_DEFAULT.request_seconds,
        show_default=True,
        help="Seconds for a request to arrive, headers and body.",
    ),
    click.option("--rate", type=_RATE, help="Messages per second in total; unlimited by default."),
    click.option("--rate-per-key", type=_RATE, help="Messages per second for each enrollment key."),
    click.option("--enrollment-rate", type=_RATE, help="New agents per second."),
    click.option(
        "--max-concurrency",
        "concurrent",
        type=_MANY,
        default=_DEFAULT.concurrent,
        show_default=True,
        help="Messages in progress at a slow store; at most half of them are enrollments.",
    ),
    click.option(
        "--queue-delay",
        "queue_seconds",
        type=_SECONDS,
        default=_DEFAULT.queue_seconds,
        show_default=True,
        help="Seconds that a message may wait for the store before the server refuses more.",
    ),
    click.option(
        "--drain",
        "drain_seconds",
        type=_SECONDS,
        default=_DEFAULT.drain_seconds,
        show_default=True,
        help="Seconds to finish the work in progress at the end.",
    ),
)
"""The options; their parameters have the names of Limits."""

_OTHER_FILES: Final = 256
"""How many files a server opens besides its connections, at most."""


def allow_connections(limits: Limits) -> None:
    """Raise the limit of open files to what the connections need, or as far as the system allows."""
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.connections + _OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
