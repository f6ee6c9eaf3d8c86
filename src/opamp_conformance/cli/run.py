"""``opamp-conformance run``."""

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from opamp_conformance.cli import completion
from opamp_conformance.cli.files import FILE, writable
from opamp_conformance.cli.fleet_server import FleetServerOptions, fleet_server_options, fleet_server_target
from opamp_conformance.cli.outputs import on_github, opened, output_options
from opamp_conformance.cli.tasks import CommandByTask
from opamp_conformance.errors import CannotTell
from opamp_conformance.events import Listener
from opamp_conformance.ledger import Contract
from opamp_conformance.options import headers_from_environment, merged, parse_headers
from opamp_conformance.profiles import NO_PROFILE, Profile, load_profile
from opamp_conformance.redaction import REDACTED
from opamp_conformance.reports.jsonl import JsonLines
from opamp_conformance.reports.terminal import Terminal
from opamp_conformance.run import examine
from opamp_conformance.selection import Selection
from opamp_conformance.targets import Target, Tls
from opamp_conformance.targets.mock import MockTarget
from opamp_conformance.targets.url import UrlTarget
from opamp_conformance.transports import Transport
from opamp_conformance.verdicts import ExitCode

_MOST_INSTANCES = 2
_CONTRACTS = [*(contract.value for contract in Contract), "all"]


_TASKS: Final = {
    "What to grade": ("--target", "--url", "--control", "--profile", "--server-version"),
    "How to get in": ("--header", "--header-env", "--ca", "--cert", "--key"),
    "What to check": ("--contract", "--transport", "--only", "--skip", "--disruptive", "--strict"),
    "What to write": ("--html", "--junit", "--badge", "--jsonl"),
    "How long to wait": ("--timeout", "--workers"),
    "With --target fleet-server": (
        *("--stack-version", "--elasticsearch-image", "--elastic-agent-image", "--reaper-image", "--keep"),
        *("--fleet-server-url", "--elasticsearch-url", "--elasticsearch-ca"),
    ),
}


@click.command("run", cls=CommandByTask, tasks=_TASKS)
@click.option(
    "--target",
    metavar="mock|fleet-server|URL",
    help="What to grade: the bundled mock server (the default), Fleet Server with Elasticsearch, or a URL.",
)
@click.option(
    "--url", metavar="URL", multiple=True, help="The same as --target URL; a second one is another instance of it."
)
@click.option(
    "--profile",
    metavar="NAME|FILE",
    shell_complete=completion.profile_names,
    help="What is known of the server: built in, or see docs/profiles.md.",
)
@click.option("--server-version", metavar="VERSION", help="For a profile that differs by it; default: its newest.")
@click.option(
    "--contract",
    type=click.Choice(_CONTRACTS),
    help="Default: the profile's; without one all for the mock, opamp for a URL.",
)
@click.option(
    "--transport",
    type=click.Choice([*(transport.value for transport in Transport), "all"]),
    default="all",
    show_default=True,
    help="all: whatever the server serves.",
)
@click.option("--control", metavar="URL", help="The server's control plane: see docs/control-plane.md.")
@click.option("--header", metavar="'NAME: VALUE'", multiple=True, help="A header of each request; repeatable.")
@click.option(
    "--header-env", metavar="NAME=VARIABLE", multiple=True, help="A header whose value is in the environment."
)
@click.option("--ca", type=FILE, help="PEM file of the authorities that vouch for the server.")
@click.option("--cert", type=FILE, help="PEM file of a client certificate.")
@click.option("--key", type=FILE, help="PEM file of its key, if --cert does not hold it.")
@click.option(
    "--only",
    metavar="PATTERN",
    multiple=True,
    shell_complete=completion.requirements,
    help="Glob over requirement ids and scenario names.",
)
@click.option(
    "--skip",
    metavar="PATTERN",
    multiple=True,
    shell_complete=completion.requirements,
    help="Glob of what to leave out.",
)
@click.option("--disruptive", is_flag=True, help="Also what could hurt a shared server; the mock is spared nothing.")
@click.option("--strict", is_flag=True, help="A broken SHOULD fails, too.")
@click.option(
    "--timeout", type=click.FloatRange(0.01, 3600), default=10.0, show_default=True, help="Seconds for each exchange."
)
@click.option(
    "--workers", type=click.IntRange(1, 64), help="Scenarios side by side; default: by how slow the server is."
)
@fleet_server_options
@output_options
@click.option("--jsonl", type=FILE, help="Write the stream of events to this file, as JSON Lines.")
def run_command(
    target: str | None,
    url: tuple[str, ...],
    profile: str | None,
    server_version: str | None,
    contract: str | None,
    transport: str,
    control: str | None,
    header: tuple[str, ...],
    header_env: tuple[str, ...],
    ca: Path | None,
    cert: Path | None,
    key: Path | None,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    disruptive: bool,
    strict: bool,
    timeout: float,
    workers: int | None,
    html: Path | None,
    junit: Path | None,
    badge: Path | None,
    jsonl: Path | None,
    **fleet_server: Any,
) -> ExitCode:
    """Grade a server.

    Exit code 0 if it conforms, 1 if it does not, 2 if that cannot be told.

    \b
    opamp-conformance run
    opamp-conformance run --url https://opamp.example.com --header-env Authorization=OPAMP_KEY
    opamp-conformance run --url http://127.0.0.1:4320 --contract fleet --only 'fleet.request-uid.*'
    opamp-conformance run --target fleet-server
    """
    if math.isnan(timeout):
        raise CannotTell("--timeout is a number of seconds")
    chosen = _target(
        target, url, _headers(header, header_env), Tls(ca, cert, key), control, FleetServerOptions(**fleet_server)
    )
    known = _profile(profile, chosen)
    known.at(server_version)
    transports = tuple(Transport) if transport == "all" else (Transport(transport),)
    with opened(html, junit, badge, **{"--jsonl": jsonl}) as outputs, _stream(jsonl) as stream:
        terminal = Terminal(is_terminal=sys.stdout.isatty())
        return examine(
            chosen,
            Selection(
                _contracts(contract, known.contracts or chosen.contracts),
                only,
                skip,
                transports,
                disruptive or not chosen.is_shared,
            ),
            timeout=timeout,
            strict=strict,
            workers=workers,
            profile=known,
            version=server_version,
            listeners=[terminal, *stream, *outputs, *on_github()],
        )


@dataclass(frozen=True)
class _Headers:
    """Headers, and the options that give them again without their values."""

    values: Mapping[str, str]
    again: Sequence[str]


def _headers(header: tuple[str, ...], header_env: tuple[str, ...]) -> _Headers:
    names = [option.partition(":")[0].strip() for option in header]
    again = [f"--header '{name}: {REDACTED}'" for name in names] + [f"--header-env {option}" for option in header_env]
    return _Headers(merged(parse_headers(header), headers_from_environment(header_env)), again)


def _target(
    target: str | None,
    urls: tuple[str, ...],
    headers: _Headers,
    tls: Tls,
    control: str | None,
    fleet_server: FleetServerOptions,
) -> Target:
    if target is not None and urls:
        raise CannotTell("--target and --url name two targets: give one")
    if len(urls) > _MOST_INSTANCES:
        raise CannotTell("two instances of a server are enough: give --url twice at most")
    if target not in (None, "mock", "fleet-server"):
        urls = (target,)
    if fleet_server.are_meant and target != "fleet-server":
        raise CannotTell("Elasticsearch and containers are for --target fleet-server: add that")
    if not urls and (headers.values or control is not None or (tls != Tls() and target != "fleet-server")):
        raise CannotTell(
            "headers, certificates and a control plane are for a server at a URL: the others have their own; add --url"
        )
    if target == "fleet-server":
        return fleet_server_target(fleet_server, tls)
    if not urls:
        return MockTarget()
    files = {"--ca": tls.ca, "--cert": tls.cert, "--key": tls.key}
    again = [*headers.again, *(f"{option} {path}" for option, path in files.items() if path is not None)]
    return UrlTarget(urls[0], headers.values, tls, again, control, others=urls[1:])


def _profile(name: str | None, target: Target) -> Profile:
    if name is None and target.name == "fleet-server":
        name = target.name
    return NO_PROFILE if name is None else load_profile(name)


def _contracts(contract: str | None, default: Sequence[Contract]) -> Sequence[Contract]:
    if contract is None:
        return default
    return tuple(Contract) if contract == "all" else (Contract(contract),)


@contextmanager
def _stream(path: Path | None) -> Iterator[list[Listener]]:
    """Open the stream of events, if it is asked for."""
    if path is None:
        yield []
        return
    with writable(path) as stream:
        yield [JsonLines(stream)]
