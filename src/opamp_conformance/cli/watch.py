"""``opamp-conformance watch``."""

import asyncio
import contextlib
import signal
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from opamp_conformance.cli.agent_findings import exit_code_of, line_of, tell, tell_breach
from opamp_conformance.cli.files import FILE, require_files
from opamp_conformance.cli.finding_reports import (
    Judged,
    finding_outputs,
    of_agents,
    of_server,
    report,
    severity_of,
)
from opamp_conformance.cli.help import CommandWithSections
from opamp_conformance.cli.judging_options import judging_options
from opamp_conformance.cli.open_files import allow_files
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.results.events import FindingBooked
from opamp_conformance.results.verdicts import ExitCode
from opamp_conformance.targets import ENDPOINT_PATH, Tls
from opamp_conformance.targets.tls import tls_context
from opamp_conformance.targets.url import checked_url
from opamp_conformance.text import counted, printable
from opamp_conformance.watch.recording import Recorder, recorded_path
from opamp_conformance.watch.recording import replay as replay_recording
from opamp_conformance.watch.relay import Relay, Tap, Upstream
from opamp_conformance.watch.watcher import Watcher

_PORTS: Final = {"http": 80, "https": 443}
_MOST_FILES: Final = 1024 * 1024
_OTHER_FILES: Final = 32
"""The maximum number of files that are open beside the connections."""
_FILES_OF_CONNECTION: Final = 2
_SECTIONS: Final = {
    "The server": ("--upstream", "--ca"),
    "The agents": ("--host", "--port", "--cert", "--key"),
    "Recordings": ("--record", "--replay"),
    "Verdicts": ("--contract", "--for", "--fail-on", "--verbose"),
    "Reports": ("--html", "--junit", "--badge", "--jsonl"),
}


@click.command("watch", cls=CommandWithSections, sections=_SECTIONS)
@click.option(
    "--upstream",
    metavar="URL",
    help="The server: its scheme, host and port; and its path, if that is not /v1/opamp.",
)
@click.option("--ca", type=FILE, help="PEM file of the authorities to trust for the server.")
@click.option("--host", default="127.0.0.1", help="Address to listen on for agents.")
@click.option("--port", type=click.IntRange(0, 65535), default=4320, help="0: a free port.")
@click.option("--cert", type=FILE, help="PEM file of a certificate, to serve agents over TLS.")
@click.option("--key", type=FILE, help="PEM file of its key.")
@click.option(
    "--contract",
    type=click.Choice([*(contract.value for contract in Contract), "all"]),
    default=Contract.OPAMP.value,
    help="The contract by which the server is judged.",
)
@click.option("--record", type=FILE, help="Write everything that passes to this file, to judge it again later.")
@click.option("--replay", type=FILE, help="Judge a recording, instead of agents and a server.")
@judging_options
@click.option("-v", "--verbose", is_flag=True, help="Print each finding about an agent as it happens.")
def watch_command(
    upstream: str | None,
    ca: Path | None,
    host: str,
    port: int,
    cert: Path | None,
    key: Path | None,
    contract: str,
    record: Path | None,
    replay: Path | None,
    seconds: float | None,
    fail_on: str | None,
    verbose: bool,
    html: Path | None,
    junit: Path | None,
    badge: Path | None,
    jsonl: Path | None,
) -> ExitCode:
    """Judge real traffic between agents and a server.

    Agents connect to this command, which passes every byte on to the server, and back, unchanged. At the end it prints
    what the agents broke, and what the server broke. Exit code 2 if the server answered no message.

    \b
    opamp-conformance watch --upstream https://opamp.example.com --port 4320
    opamp-conformance watch --upstream https://opamp.example.com --record traffic.jsonl
    opamp-conformance watch --replay traffic.jsonl
    """
    if (upstream is None) == (replay is None):
        raise InconclusiveError("give one of --upstream and --replay")
    if replay is not None and record is not None:
        raise InconclusiveError("--replay judges a recording, so there is nothing to record")
    outputs = finding_outputs(html, junit, badge, jsonl, **{"--record": record, "--replay": replay})
    contracts = tuple(Contract) if contract == "all" else (Contract(contract),)
    if upstream is not None:
        server, tls = _upstream(upstream, ca), _listening(cert, key)
        watcher = Watcher(contracts, _say, urlsplit(upstream).path.rstrip("/") or ENDPOINT_PATH)
        _tell_as_it_happens(watcher, verbose)
        recorder = None if record is None else Recorder(record, watcher.path, watcher.now, _say)
        relay = Relay(server, _taps(watcher, recorder), _say, _most_connections())
        try:
            asyncio.run(_watch(relay, host, port, tls, seconds))
        except OSError as error:
            raise InconclusiveError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        finally:
            if recorder is not None:
                recorder.close()
    if replay is not None:
        clock = _Clock()
        watcher = Watcher(contracts, _say, recorded_path(replay), clock.now)
        _tell_as_it_happens(watcher, verbose)
        replay_recording(replay, watcher.connection, clock.go_to)
    tell(watcher.judge)
    broken = list(of_server(watcher.findings))
    _tell_of_server(watcher, broken)
    severities = {severity_of(one) for one in broken} | {finding.severity for finding in watcher.judge.findings}
    code = exit_code_of(severities, fail_on) if watcher.messages else ExitCode.COULD_NOT_TELL
    url = upstream or str(replay)
    judged = Judged(f"agents and the server at {url}", url, contracts, watcher.now())
    report(judged, [*of_agents(watcher.judge), *broken], watcher.judge.agents, code, outputs)
    return code


def _tell_as_it_happens(watcher: Watcher, verbose: bool) -> None:
    if verbose:
        watcher.judge.on_finding = lambda finding: click.echo(line_of(finding), err=True)


class _Clock:
    """The time in a recording, in seconds since the watch began."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        return self._now

    def go_to(self, now: float) -> None:
        self._now = now


def _upstream(url: str, ca: Path | None) -> Upstream:
    """Return the server at a URL; raises InconclusiveError."""
    checked_url(url, "--upstream")
    require_files(ca)
    parts = urlsplit(url)
    tls = tls_context(Tls(ca=ca)) if parts.scheme == "https" else None
    return Upstream(parts.hostname or "", parts.port or _PORTS[parts.scheme], tls)


def _taps(watcher: Watcher, recorder: Recorder | None) -> Callable[[], Tap]:
    """Return what makes the tap of a new connection."""
    if recorder is None:
        return watcher.connection
    return lambda: recorder.tap(watcher.connection())


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # Nobody may read it any more.
        click.echo(f"opamp-conformance: {printable(line)}", err=True)


def _listening(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    require_files(cert, key)
    if cert is None:
        if key is not None:
            raise InconclusiveError("--key needs --cert")
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise InconclusiveError(f"cannot use the certificate {cert}: {error}") from error
    return context


async def _watch(relay: Relay, host: str, port: int, tls: ssl.SSLContext | None, seconds: float | None) -> None:
    """Pass traffic on until a signal comes, or for some seconds."""
    async with relay.listen(host, port, tls) as (own_host, own_port):
        click.echo(f"watching at {'https' if tls else 'http'}://{own_host}:{own_port}")
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await ended.wait()


def _most_connections() -> int | None:
    """Raise the limit of open files; return how many connections it allows, None for any number."""
    files = allow_files(_MOST_FILES)
    return None if files is None else (files - _OTHER_FILES) // _FILES_OF_CONNECTION


def _tell_of_server(watcher: Watcher, broken: Sequence[FindingBooked]) -> None:
    """Print what the server broke."""
    sent = counted(watcher.messages, "message")
    click.echo(f"the server sent {sent}; it broke {counted(len(broken), 'requirement')}")
    for one in broken:
        tell_breach(severity_of(one), one.requirement, counted(one.count, "message"), one.expected, one.actual)
    if watcher.unjudged:
        click.echo(f"not judged to their end: {counted(watcher.unjudged, 'connection')}")
