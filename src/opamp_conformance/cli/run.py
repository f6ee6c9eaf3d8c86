"""``opamp-conformance run``."""

import math
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from opamp_conformance.cli import completion
from opamp_conformance.cli.files import FILE, read_text, require_writable
from opamp_conformance.cli.fleet_server import FleetServerOptions, fleet_server_options, fleet_server_target
from opamp_conformance.cli.help import CommandWithSections, click_option, combine_options
from opamp_conformance.cli.output_options import on_github, output_options, outputs_of
from opamp_conformance.cli.rates import Rate, Seconds
from opamp_conformance.client.timing import DEFAULT_LIMIT_SECONDS, Timing
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.profiles.loading import load_profile
from opamp_conformance.profiles.profile import NO_PROFILE, Profile
from opamp_conformance.redaction import REDACTED
from opamp_conformance.reports.jsonl import JsonLines
from opamp_conformance.reports.repetition import Repetition
from opamp_conformance.reports.terminal import Terminal
from opamp_conformance.results.verdicts import ExitCode
from opamp_conformance.runner.run import grade
from opamp_conformance.runner.walking import WalkOptions
from opamp_conformance.suite.selection import Selection
from opamp_conformance.targets import Target, Tls
from opamp_conformance.targets.mock import MockTarget
from opamp_conformance.targets.options import ACCESS_OPTIONS, Access
from opamp_conformance.targets.url import UrlTarget
from opamp_conformance.text import did_you_mean
from opamp_conformance.walks.steps import SEED, Walk, read_walk
from opamp_conformance.wire.transport import Transport
from opamp_proto import opamp_pb2 as pb

_MOST_INSTANCES: Final = 2
"""The scenarios about instances use two."""
_CAPABILITIES: Final = [name.removeprefix("ServerCapabilities_") for name, bit in pb.ServerCapabilities.items() if bit]
_CONTRACTS: Final = [*(contract.value for contract in Contract), "all"]

_SECTIONS: Final = {
    "What to grade": ("--target", "--url", "--control", "--agent-attribute", "--profile", "--server-version"),
    "Access to the server": tuple(option.name for option in ACCESS_OPTIONS),
    "What to check": (
        "--contract",
        "--transport",
        "--only",
        "--skip",
        "--assume",
        "--disruptive",
        "--strict",
        "--repeat",
        "--explore",
        "--seed",
        "--replay",
    ),
    "What to write": ("--html", "--junit", "--badge", "--jsonl"),
    "How long to wait": ("--timeout", "--rate", "--deadline", "--workers"),
    "With --target fleet-server": (
        *("--stack-version", "--elasticsearch-image", "--elastic-agent-image", "--reaper-image", "--keep"),
        *("--fleet-server-url", "--elasticsearch-url", "--elasticsearch-ca"),
    ),
}


@click.command("run", cls=CommandWithSections, sections=_SECTIONS)
@click.option(
    "--target",
    metavar="mock|fleet-server|URL",
    help="The bundled mock server (the default), Fleet Server with Elasticsearch, or a URL.",
)
@click.option(
    "--url", metavar="URL", multiple=True, help="Same as --target URL; a second URL is another instance of the server."
)
@click.option(
    "--profile",
    metavar="NAME|FILE",
    shell_complete=completion.profile_names,
    help="Known properties of the server: built in, or see docs/profiles.md.",
)
@click.option("--server-version", metavar="VERSION", help="For a profile that differs by version; default: the newest.")
@click.option(
    "--contract",
    type=click.Choice(_CONTRACTS),
    help="Default: the profile's; without a profile, all for the mock server and opamp for a URL.",
)
@click.option(
    "--transport",
    type=click.Choice([*(transport.value for transport in Transport), "all"]),
    default="all",
    help="all: every transport that the server serves.",
)
@click.option("--control", metavar="URL", help="The server's control plane: see docs/control-plane.md.")
@combine_options(*map(click_option, ACCESS_OPTIONS))
@click.option(
    "--only",
    metavar="PATTERN",
    multiple=True,
    shell_complete=completion.requirements,
    help="Glob over requirement ids and scenario keys.",
)
@click.option(
    "--skip",
    metavar="PATTERN",
    multiple=True,
    shell_complete=completion.requirements,
    help="Glob over the ids and keys to leave out.",
)
@click.option(
    "--assume",
    metavar="CAPABILITY,…",
    multiple=True,
    help="Check these capabilities even if the server does not announce them, such as OffersRemoteConfig.",
)
@click.option(
    "--agent-attribute",
    metavar="KEY=VALUE",
    multiple=True,
    help="An attribute that the suite's agents describe themselves with; needs --url.",
)
@click.option("--disruptive", is_flag=True, help="Also run what could hurt a shared server; always on for the mock.")
@click.option("--strict", is_flag=True, help="A broken SHOULD is a failure, too.")
@click.option(
    "--timeout",
    type=click.FloatRange(0.01, 3600),
    default=DEFAULT_LIMIT_SECONDS,
    help="Seconds for each exchange, at most: the run waits less for a server that answers others quickly.",
)
@click.option("--rate", type=Rate(), metavar="RATE", help="The most messages to send, such as 5/s or 300/min.")
@click.option(
    "--deadline",
    type=click.FloatRange(1, 86400),
    default=600.0,
    help="Seconds for the whole run, also for waiting as a busy server asks; then it could not tell.",
)
@click.option(
    "--workers", type=click.IntRange(1, 64), help="Scenarios in parallel; default: 1, or more for a slow server."
)
@click.option(
    "--repeat",
    metavar="N",
    type=click.IntRange(1, 100),
    default=1,
    help="Run everything N times, and show what came out differently. Files are of the last run.",
)
@click.option(
    "--explore",
    metavar="SECONDS",
    type=Seconds(),
    help="Go random walks for so long, such as 60s. Default: a few walks, on this machine only.",
)
@click.option("--seed", type=click.IntRange(1), default=SEED, help="Of the walks: the same seed, the same walks.")
@click.option("--replay", type=FILE, help="Go one walk only: its steps, a line each, as a finding shows them.")
@fleet_server_options
@output_options
@click.option("--jsonl", type=FILE, help="Write the events of the run to this file, as JSON Lines.")
def run_command(
    target: str | None,
    url: tuple[str, ...],
    profile: str | None,
    server_version: str | None,
    contract: str | None,
    transport: str,
    control: str | None,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    assume: tuple[str, ...],
    agent_attribute: tuple[str, ...],
    disruptive: bool,
    strict: bool,
    timeout: float,
    rate: float | None,
    deadline: float,
    workers: int | None,
    repeat: int,
    explore: float | None,
    seed: int,
    replay: Path | None,
    html: Path | None,
    junit: Path | None,
    badge: Path | None,
    jsonl: Path | None,
    **others: Any,
) -> ExitCode:
    """Grade a server.

    Exit code 0 if it conforms, 1 if it does not, 2 if the run could not tell.

    \b
    opamp-conformance run
    opamp-conformance run --url https://opamp.example.com --header-env Authorization=OPAMP_KEY
    opamp-conformance run --url http://127.0.0.1:4320 --contract fleet --only 'fleet.request-uid.*'
    opamp-conformance run --target fleet-server
    """
    if math.isnan(timeout) or math.isnan(deadline):
        raise InconclusiveError("--timeout and --deadline are numbers of seconds")
    given = {option.dest: others.pop(option.dest) for option in ACCESS_OPTIONS}
    access, again = Access.of(given), _access_again(given)
    attributes = _attributes(agent_attribute)
    chosen = _target(target, url, access, again, control, attributes, FleetServerOptions(**others))
    known = _profile(profile, chosen)
    known.at(server_version)
    transports = tuple(Transport) if transport == "all" else (Transport(transport),)
    if jsonl is not None:
        require_writable(jsonl)
    outputs = outputs_of(html, junit, badge, **{"--jsonl": jsonl})
    event_files = [] if jsonl is None else [JsonLines(jsonl)]
    selection = Selection(
        _contracts(contract, known.contracts or chosen.contracts),
        only,
        skip,
        transports,
        disruptive or not chosen.is_shared,
    )
    walks = WalkOptions(explore, seed, () if replay is None else _replayed(replay))
    repetition, code = Repetition(), ExitCode.CONFORMANT
    ends_at = time.time() + deadline
    for number in range(1, repeat + 1):
        terminal = Terminal(is_terminal=sys.stdout.isatty())
        files = [*event_files, *outputs, *on_github()] if number == repeat else []
        graded = grade(
            chosen,
            selection,
            timing=Timing(timeout, interval=1 / rate if rate else 0.0, deadline=ends_at),
            strict=strict,
            assumed=_assumed(assume),
            workers=workers,
            profile=known,
            version=server_version,
            walks=walks,
            listeners=[terminal, repetition, *files],
        )
        code = max(code, graded)
    if repeat > 1:
        _print_differences(repetition, repeat)
    return code


def _print_differences(repetition: Repetition, runs: int) -> None:
    differences = list(repetition.differences(runs))
    click.echo(f"\n{len(differences)} came out differently in {runs} runs{':' if differences else ''}")
    for line in differences:
        click.echo(f"  {line}")


def _replayed(path: Path) -> Walk:
    """Read the steps of a walk; raises InconclusiveError."""
    walk = read_walk(read_text(path).splitlines())
    if not walk:
        raise InconclusiveError(f"{path} has no step")
    return walk


def _access_again(given: dict[str, Any]) -> list[str]:
    """Return the access options that choose the same again, without secrets."""
    names = [option.partition(":")[0].strip() for option in given["header"]]
    again = [f"--header {shlex.quote(f'{name}: {REDACTED}')}" for name in names]
    again += [f"--header-env {shlex.quote(option)}" for option in given["header_env"]]
    return again + [f"--{name} {shlex.quote(str(given[name]))}" for name in ("ca", "cert", "key") if given[name]]


def _target(
    target: str | None,
    urls: tuple[str, ...],
    access: Access,
    again: Sequence[str],
    control: str | None,
    attributes: Mapping[str, str],
    fleet_server: FleetServerOptions,
) -> Target:
    if target is not None and urls:
        raise InconclusiveError("--target and --url name two targets: give one of them")
    if len(urls) > _MOST_INSTANCES:
        raise InconclusiveError("two instances of a server are enough: give --url at most twice")
    if target not in (None, "mock", "fleet-server"):
        urls = (target,)
    if fleet_server.are_meant and target != "fleet-server":
        raise InconclusiveError("Elasticsearch and containers are for --target fleet-server: add it")
    is_fleet_server = target == "fleet-server"
    needs_url = access.headers or attributes or control is not None or (access.tls != Tls() and not is_fleet_server)
    if not urls and needs_url:
        raise InconclusiveError(
            "headers, certificates, attributes and a control plane need a server at a URL: add --url"
        )
    if is_fleet_server:
        return fleet_server_target(fleet_server, access.tls)
    if not urls:
        return MockTarget()
    return UrlTarget(urls[0], access.headers, access.tls, again, control, urls[1:], attributes)


def _profile(name: str | None, target: Target) -> Profile:
    if name is None and target.name == "fleet-server":
        name = target.name
    return NO_PROFILE if name is None else load_profile(name)


def _assumed(options: Sequence[str]) -> list[str]:
    """Read the names of capabilities, separated by commas; raises InconclusiveError."""
    names = [name.strip() for option in options for name in option.split(",") if name.strip()]
    for name in names:
        if name not in _CAPABILITIES:
            raise InconclusiveError(f"{name!r} is not a server capability{did_you_mean(name, _CAPABILITIES)}")
    return list(dict.fromkeys(names))


def _attributes(options: Sequence[str]) -> dict[str, str]:
    """Read KEY=VALUE options; raises InconclusiveError."""
    for option in options:
        if not option.partition("=")[0] or "=" not in option:
            raise InconclusiveError(f"--agent-attribute {option!r}: give it as KEY=VALUE")
    return dict(option.split("=", 1) for option in options)


def _contracts(contract: str | None, default: Sequence[Contract]) -> Sequence[Contract]:
    if contract is None:
        return default
    return tuple(Contract) if contract == "all" else (Contract(contract),)
