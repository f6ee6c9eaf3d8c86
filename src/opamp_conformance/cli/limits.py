"""The options of ``serve`` that say how much the mock server takes on."""

from typing import Final

import click

from opamp_conformance.cli.tasks import together
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
        help="Agents to keep in memory.",
    ),
    click.option(
        "--request-timeout",
        "request_seconds",
        type=_SECONDS,
        default=_DEFAULT.request_seconds,
        show_default=True,
        help="Seconds for a request to arrive, headers and body.",
    ),
    click.option("--rate", type=_RATE, help="Messages per second, of all; no limit without it."),
    click.option("--rate-per-key", type=_RATE, help="Messages per second with one enrollment key."),
    click.option("--enrollment-rate", type=_RATE, help="New agents per second."),
    click.option(
        "--max-concurrency",
        "at_once",
        type=_MANY,
        default=_DEFAULT.at_once,
        show_default=True,
        help="Messages at a slow store at once; enrollments have half of the places at most.",
    ),
    click.option(
        "--queue-delay",
        "queue_seconds",
        type=_SECONDS,
        default=_DEFAULT.queue_seconds,
        show_default=True,
        help="Seconds a message may wait for that before no more are let in.",
    ),
    click.option(
        "--drain",
        "drain_seconds",
        type=_SECONDS,
        default=_DEFAULT.drain_seconds,
        show_default=True,
        help="Seconds to finish at the end.",
    ),
)
"""The options; their parameters have the names of Limits."""

_OTHER_FILES: Final = 256
"""How many files a server has open beside its connections, at the most."""


def allow_connections(limits: Limits) -> None:
    """Have the system let this process have as many connections as the limits say, or as many as it may."""
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
