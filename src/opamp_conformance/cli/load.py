"""``opamp-conformance load``: Locust, set up for a fleet."""

import importlib.util
import os
import socket
import sys
from collections.abc import Callable
from typing import Any, Final, NoReturn

import click

from opamp_conformance import resources
from opamp_conformance.cli import completion
from opamp_conformance.cli.tasks import CommandByTask, together
from opamp_conformance.errors import CannotTell
from opamp_conformance.load import conditions
from opamp_conformance.load.options import OPTIONS, Option
from opamp_conformance.selection import nearest

_DURATION: Final = "60s"
_NAMES: Final = {"--summary-json": "--json", "--summary-html": "--html"}
"""Options that Locust has for its own files."""


def _option(option: Option) -> Callable[[Any], Any]:
    settings: dict[str, Any] = {"help": option.help, "metavar": option.metavar}
    if option.default is False:
        settings = {"is_flag": True, "help": option.help}
    elif option.choices:
        settings["type"] = click.Choice(option.choices)
    elif isinstance(option.default, int):
        settings["type"] = click.IntRange(min=1)
    if option.default:
        settings |= {"default": option.default, "show_default": True}
    return click.option(_NAMES.get(option.name, option.name), option.dest, multiple=option.is_repeatable, **settings)


_TASKS: Final = {
    "What to load": ("--url", "--header", "--header-env", "--ca", "--cert", "--key", "--i-may-load-this-host"),
    "What the fleet does": ("--agents", "--ramp", "--interval", "--duration", "--transport", "--mix", "--seed"),
    "How it is played": ("--users", "--processes", "--timeout"),
    "What to check": ("--contract", "--fail-if"),
    "What to write": ("--json", "--html"),
}


@click.command(
    "load", cls=CommandByTask, tasks=_TASKS, epilog="Measures for --fail-if: " + ", ".join(conditions.MEASURES) + "."
)
@click.argument("scenario", metavar="SCENARIO", shell_complete=completion.load_scenarios)
@click.option("--url", metavar="URL", required=True, help="The server's endpoint, as http://HOST:PORT/v1/opamp.")
@click.option(
    "--duration",
    metavar="TIME",
    help=f"How long the test goes on.  [default: enrollment ends with the last agent, others after {_DURATION}]",
)
@click.option("--users", type=click.IntRange(min=1), help="Connections that play the fleet.  [default: 32]")
@click.option("--processes", type=click.IntRange(1, 256), help="Play it from so many processes.")
@together(*map(_option, OPTIONS))
def load_command(
    scenario: str, url: str, duration: str | None, users: int | None, processes: int | None, **given: Any
) -> NoReturn:
    """Put a fleet of agents on a server, and measure.

    SCENARIO is one of enrollment, steady, restart_storm, churn, mixed.

    Exit code 0 if it passed, 1 if a condition of --fail-if holds (without any: violations>0, failures>0 or
    not_enrolled>0), 2 if nothing can be said.

    \b
    opamp-conformance load enrollment --url http://127.0.0.1:4320 --agents 100000
    opamp-conformance load steady --url http://127.0.0.1:4320 --agents 20000 --duration 5m --fail-if 'p99>500ms'
    opamp-conformance load churn --url https://staging.example.com --header-env Authorization=OPAMP_AUTHORIZATION
    """
    scenarios = sorted(path.stem for path in resources.folder("loadtests").glob("*.py"))
    if scenario not in scenarios:
        raise CannotTell(f"there is no scenario {scenario!r}{nearest(scenario, scenarios)} ({', '.join(scenarios)})")
    if importlib.util.find_spec("locust") is None:
        raise CannotTell("load tests need Locust: pip install 'opamp-conformance[load]'")
    if processes is not None and users is not None and users < processes:
        raise CannotTell(f"{users} users cannot play from {processes} processes: give as many --users at least")
    if duration is not None:
        duration = f"{max(1, round(conditions.seconds(duration)))}s"
    elif scenario != "enrollment":
        duration = _DURATION
    command = [sys.executable, "-m", "locust", "-f", str(resources.folder("loadtests") / f"{scenario}.py")]
    command += ["--headless", "--skip-log-setup", "--only-summary", "--host", url]
    command += ["--run-time", duration] if duration is not None else []
    command += ["--users", str(users)] if users is not None else []
    command += _processes(processes) if processes is not None else []
    for option in OPTIONS:
        command += _words(option, given[option.dest])
    sys.stdout.flush()
    # In the place of this process: signals and the exit code are Locust's, which would not work after other imports.
    os.execv(command[0], command)  # noqa: S606 - no shell, and words of our own making


def _processes(number: int) -> list[str]:
    """Have Locust's master listen to its workers on a free port of this machine, and nowhere else."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    words = ["--processes", str(number), "--master-bind-host", "127.0.0.1", "--master-bind-port", port]
    return [*words, "--master-port", port]


def _words(option: Option, value: Any) -> list[str]:
    if value is True:
        return [option.name]
    values = value if option.is_repeatable else [value]
    return [f"{option.name}={each}" for each in values if each not in (None, False)]
