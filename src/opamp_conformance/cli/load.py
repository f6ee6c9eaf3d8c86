"""``opamp-conformance load``: Locust, set up for a fleet."""

import importlib.util
import os
import socket
import sys
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from opamp_conformance import resources
from opamp_conformance.cli import completion
from opamp_conformance.cli.help import CommandWithSections, click_option, combine_options
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.load import conditions
from opamp_conformance.load.options import OPTIONS
from opamp_conformance.targets.options import ACCESS_OPTIONS, Option
from opamp_conformance.text import did_you_mean

_DURATION: Final = "60s"
_LAUNCHER: Final = Path(conditions.__file__).with_name("launcher.py")
_NAMES: Final = {"--summary-json": ("--json",), "--summary-html": ("--html",), "--server-profile": ("--profile",)}
"""Shorter names of options: Locust uses these names for its own files."""


_SECTIONS: Final = {
    "What to load": ("--url", *(option.name for option in ACCESS_OPTIONS), "--i-may-load-this-host"),
    "The fleet": (
        *("--agents", "--ramp", "--arrivals", "--stages", "--duration", "--interval", "--transport", "--mix", "--seed"),
        *("--shortest-interval", "--longest-wait"),
    ),
    "Load generator": ("--users", "--processes", "--timeout"),
    "What to check": ("--contract", "--profile", "--fail-if"),
    "What to write": ("--json", "--html"),
}


@click.command(
    "load",
    cls=CommandWithSections,
    sections=_SECTIONS,
    epilog="Measures for --fail-if: " + ", ".join(conditions.MEASURES) + ".",
)
@click.argument("scenario", metavar="SCENARIO", shell_complete=completion.load_scenarios)
@click.option("--url", metavar="URL", required=True, help="The server's endpoint: http://HOST:PORT/v1/opamp.")
@click.option("--users", type=click.IntRange(min=1), help="Connections that the fleet shares.  [default: 32]")
@click.option("--processes", type=click.IntRange(1, 256), help="Number of processes.")
@combine_options(*(click_option(option, *_NAMES.get(option.name, ())) for option in OPTIONS))
def load_command(scenario: str, url: str, users: int | None, processes: int | None, **given: Any) -> NoReturn:
    """Load a server with a fleet of agents, and measure.

    SCENARIO is one of enrollment, steady, restart_storm, churn, mixed.

    Exit code 0 if it passed, 1 if a condition of --fail-if holds (by default: violations>0, failures>0 or
    not_enrolled>0), 2 if the test could not tell.

    \b
    opamp-conformance load enrollment --url http://127.0.0.1:4320 --agents 100000
    opamp-conformance load steady --url http://127.0.0.1:4320 --agents 20000 --duration 5m --fail-if 'p99>500ms'
    opamp-conformance load churn --url https://staging.example.com --header-env Authorization=OPAMP_AUTHORIZATION
    """
    scenarios = sorted(path.stem for path in resources.folder("loadtests").glob("*.py"))
    if scenario not in scenarios:
        raise InconclusiveError(
            f"there is no scenario {scenario!r}{did_you_mean(scenario, scenarios)} ({', '.join(scenarios)})"
        )
    if importlib.util.find_spec("locust") is None:
        raise InconclusiveError("load tests need Locust: pip install 'opamp-conformance[load]'")
    if processes is not None and users is not None and users < processes:
        raise InconclusiveError(f"{users} users are too few for {processes} processes: give at least as many --users")
    if given["duration"] is None and scenario != "enrollment":
        given["duration"] = _DURATION
    # -P: without it, Python would import modules such as token.py from the current folder.
    command = [sys.executable, "-P", str(_LAUNCHER), "-f", str(resources.folder("loadtests") / f"{scenario}.py")]
    command += ["--headless", "--skip-log-setup", "--only-summary", "--host", url]
    command += ["--users", str(users)] if users is not None else []
    command += _processes(processes) if processes is not None else []
    for option in OPTIONS:
        command += _words(option, given[option.dest])
    sys.stdout.flush()
    # It replaces this process: Locust does not work after other imports, and handles signals and the exit code itself.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    os.execve(command[0], command, environment)  # noqa: S606 - no shell, and only our own words


def _processes(number: int) -> list[str]:
    """Let Locust's master listen to its workers on a free port of this machine only."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    words = ["--processes", str(number), "--master-bind-host", "127.0.0.1", "--master-bind-port", port]
    return [*words, "--master-port", port]


def _words(option: Option, value: Any) -> list[str]:
    if value is True:
        return [option.name]
    values = value if option.is_repeatable else [value]
    return [f"{option.name}={each}" for each in values if each not in (None, False)]
