"""The options of ``serve`` that say how much the mock server takes on."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from opamp_mock_server import Limits

F = TypeVar("F", bound=Callable[..., Any])

_MANY: Final = click.IntRange(min=1)
_RATE: Final = click.FloatRange(min=0, min_open=True)
_SECONDS: Final = click.FloatRange(min=0, max=3600, min_open=True)
_DEFAULT: Final = Limits()

_OPTIONS: Final = (
    click.option("--max-connections", type=_MANY, default=_DEFAULT.connections, show_default=True),
    click.option(
        "--max-agents", type=_MANY, default=_DEFAULT.agents, show_default=True, help="Agents to keep in memory."
    ),
    click.option(
        "--request-timeout",
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
        type=_MANY,
        default=_DEFAULT.at_once,
        show_default=True,
        help="Messages at a slow store at once; enrollments have half of the places at most.",
    ),
    click.option(
        "--queue-delay",
        type=_SECONDS,
        default=_DEFAULT.queue_seconds,
        show_default=True,
        help="Seconds a message may wait for that before no more are let in.",
    ),
    click.option(
        "--drain",
        type=_SECONDS,
        default=_DEFAULT.drain_seconds,
        show_default=True,
        help="Seconds to finish at the end.",
    ),
)


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


def limit_options(command: F) -> F:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def limits_of(
    max_connections: int,
    max_agents: int,
    request_timeout: float,
    rate: float | None,
    rate_per_key: float | None,
    enrollment_rate: float | None,
    max_concurrency: int,
    queue_delay: float,
    drain: float,
) -> Limits:
    """Make the limits of what was given."""
    return Limits(
        connections=max_connections,
        agents=max_agents,
        request_seconds=request_timeout,
        rate=rate,
        rate_per_key=rate_per_key,
        enrollment_rate=enrollment_rate,
        at_once=max_concurrency,
        queue_seconds=queue_delay,
        drain_seconds=drain,
    )
