"""``opamp-conformance run``."""

import math
import re
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from opamp_conformance.cli import completion
from opamp_conformance.cli.files import FILE, require_writable
from opamp_conformance.cli.graded_options import FLEET_SERVER_SECTION, SECTIONS, GradedOptions, graded_options
from opamp_conformance.cli.help import CommandWithSections
from opamp_conformance.cli.output_options import on_github, output_options, outputs_of
from opamp_conformance.cli.rates import Rate, Seconds
from opamp_conformance.cli.spec_version import spec_version_option
from opamp_conformance.client.timing import AGENT_LIMIT_SECONDS, DEFAULT_LIMIT_SECONDS, Timing
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.ledger.versions import SpecVersion
from opamp_conformance.reading import read_text
from opamp_conformance.reports.jsonl import JsonLines
from opamp_conformance.reports.profile_draft import ProfileDraft
from opamp_conformance.reports.repetition import Repetition
from opamp_conformance.reports.terminal import Terminal
from opamp_conformance.results.verdicts import ExitCode
from opamp_conformance.targets import Target
from opamp_conformance.targets.agent import AgentTarget
from opamp_conformance.text import did_you_mean
from opamp_conformance.walks.steps import SEED, Walk, read_walk
from opamp_conformance.wire.transport import Transport
from opamp_proto import opamp_pb2 as pb

if TYPE_CHECKING:
    from opamp_conformance.profiles.profile import Profile

_CAPABILITIES: Final = [name.removeprefix("ServerCapabilities_") for name, bit in pb.ServerCapabilities.items() if bit]
_CONTRACTS: Final = [*(contract.value for contract in Contract), "all"]

_SECTIONS: Final = {
    **SECTIONS,
    "What to check": (
        "--spec-version",
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
    "What to write": ("--html", "--junit", "--badge", "--jsonl", "--write-profile", "--verbose"),
    "How long to wait": ("--wait", "--timeout", "--rate", "--deadline", "--workers"),
    **FLEET_SERVER_SECTION,
}


@click.command("run", cls=CommandWithSections, sections=_SECTIONS, context_settings={"allow_extra_args": True})
@click.pass_context
@graded_options
@click.option(
    "--profile",
    metavar="NAME|FILE",
    shell_complete=completion.profile_names,
    help="Known properties of the server: built in, or a file (docs/profiles.md); NAME@VERSION.",
)
@click.option("--server-version", metavar="VERSION", help="For a profile that differs by version; default: the newest.")
@spec_version_option("The version of the specification. Parts of newer ones are checked, but not scored.")
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
@click.option(
    "--only",
    metavar="PATTERN",
    multiple=True,
    shell_complete=completion.requirements,
    help="A chapter, a glob over requirement ids and scenario keys, or words of a statement or a title; repeatable.",
)
@click.option(
    "--skip",
    metavar="PATTERN",
    multiple=True,
    shell_complete=completion.requirements,
    help="The same, to leave out; repeatable.",
)
@click.option(
    "--assume",
    metavar="CAPABILITY,…",
    multiple=True,
    help="Check these capabilities even if the server does not announce them, such as OffersRemoteConfig.",
)
@click.option("--disruptive", is_flag=True, help="Also run what could hurt a shared server; always on for the mock.")
@click.option("--strict", is_flag=True, help="A broken SHOULD is a failure, too.")
@click.option(
    "--timeout",
    type=click.FloatRange(0.01, 3600),
    help="Seconds for each exchange, at most: the run waits less for a server that answers others quickly. Default: "
    f"{DEFAULT_LIMIT_SECONDS:g}, and {AGENT_LIMIT_SECONDS:g} for each message of an agent.",
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
    help="How long random walks last, such as 60s. Default: a few walks, on this machine only.",
)
@click.option("--seed", type=click.IntRange(1), default=SEED, help="Of the walks: the same seed, the same walks.")
@click.option("--replay", type=FILE, help="Go one walk only: its steps, one per line, as a finding shows them.")
@output_options
@click.option("--write-profile", type=FILE, help="Write a profile with everything that is broken; fill in the reasons.")
@click.option("-v", "--verbose", is_flag=True, help="On a terminal, also show each scenario that passed.")
@click.option(
    "--wait",
    metavar="SECONDS",
    type=Seconds(),
    help="Wait so long for the server to answer, such as 60s: it may just be starting.",
)
@click.option("--jsonl", type=FILE, help="Write the events of the run to this file, as JSON Lines.")
def run_command(
    context: click.Context,
    profile: str | None,
    server_version: str | None,
    spec_version: SpecVersion,
    contract: str | None,
    transport: str,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    assume: tuple[str, ...],
    disruptive: bool,
    strict: bool,
    timeout: float | None,
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
    write_profile: Path | None,
    verbose: bool,
    wait: float | None,
    **others: Any,
) -> ExitCode:
    """Grade a server, or an agent.

    Exit code 0 if it conforms, 1 if it does not, 2 if the run could not tell.

    \b
    opamp-conformance run
    opamp-conformance run --url https://opamp.example.com --header-env Authorization=OPAMP_KEY
    opamp-conformance run --url http://127.0.0.1:4320 --contract fleet --only 'fleet.request-uid.*'
    opamp-conformance run --target fleet-server
    opamp-conformance run --agent 'my-agent --url {url} --state {state}'
    """
    if context.args:
        url_like = next(
            (word for word in context.args if "://" in word or re.fullmatch(r"[\w.-]+:\d+(/.*)?", word)), ""
        )
        url = url_like if "://" in url_like else f"http://{url_like}"
        hint = f"add --url: --url {shlex.quote(url)}" if url_like else "see --help for the options"
        raise InconclusiveError(f"{context.args[0]!r} is not an option: {hint}")
    if math.isnan(timeout or 0.0) or math.isnan(deadline):
        raise InconclusiveError("--timeout and --deadline are numbers of seconds")
    chosen = GradedOptions.of(others).chosen(context)
    known = _profile(profile, chosen)
    known.at(server_version)
    from opamp_conformance.runner.run import grade  # noqa: PLC0415 - it loads pytest and the features
    from opamp_conformance.runner.walking import WalkOptions  # noqa: PLC0415
    from opamp_conformance.suite.selection import Selection  # noqa: PLC0415

    transports = tuple(Transport) if transport == "all" else (Transport(transport),)
    if jsonl is not None:
        require_writable(jsonl)
    outputs = outputs_of(html, junit, badge, **{"--jsonl": jsonl, "--write-profile": write_profile})
    if write_profile is not None:
        require_writable(write_profile)
        outputs.append(ProfileDraft(write_profile))
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
        terminal = Terminal(is_terminal=sys.stdout.isatty(), is_verbose=verbose)
        files = [*event_files, *outputs, *on_github()] if number == repeat else []
        of_both: dict[str, Any] = {
            "strict": strict,
            "workers": workers,
            "profile": known,
            "version": server_version,
            "spec_version": spec_version,
            "say": _say,
            "listeners": [terminal, repetition, *files],
        }
        if isinstance(chosen, AgentTarget):
            from opamp_conformance.runner.agent_run import grade_agent  # noqa: PLC0415 - it loads another server

            timing = Timing(timeout or AGENT_LIMIT_SECONDS, deadline=ends_at)
            graded = grade_agent(chosen, selection, timing=timing, **of_both)
        else:
            interval = 1 / rate if rate else 0.0
            timing = Timing(timeout or DEFAULT_LIMIT_SECONDS, interval=interval, deadline=ends_at)
            assumed, wait = _assumed(assume), wait or 0.0
            graded = grade(chosen, selection, timing=timing, assumed=assumed, walks=walks, wait=wait, **of_both)
        code = max(code, graded)
    if repeat > 1:
        _print_differences(repetition, repeat)
    return code


def _say(line: str) -> None:
    click.echo(f"opamp-conformance: {line}", err=True)


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


def _profile(name: str | None, target: Target | AgentTarget) -> "Profile":
    from opamp_conformance.profiles.loading import load_profile  # noqa: PLC0415 - it loads the features
    from opamp_conformance.profiles.profile import NO_PROFILE  # noqa: PLC0415

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


def _contracts(contract: str | None, default: Sequence[Contract]) -> Sequence[Contract]:
    if contract is None:
        return default
    return tuple(Contract) if contract == "all" else (Contract(contract),)
