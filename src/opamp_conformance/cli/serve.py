"""``opamp-conformance serve``."""

import contextlib
import logging
import ssl
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from opamp_conformance.cli import completion
from opamp_conformance.cli.agent_findings import exit_code_of_agents, line_of, tell
from opamp_conformance.cli.files import FILE, require_files, secret
from opamp_conformance.cli.finding_reports import Judged, finding_outputs, of_agents, report
from opamp_conformance.cli.help import CommandWithSections
from opamp_conformance.cli.judging_options import judging_options
from opamp_conformance.cli.limit_options import allow_connections, limit_options
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.garbage_collection import tune_for_many_objects
from opamp_conformance.ledger.versions import NEWEST, SpecVersion
from opamp_conformance.results.events import Listener
from opamp_conformance.results.verdicts import ExitCode
from opamp_conformance.text import did_you_mean
from opamp_mock_server import (
    ALL_CAPABILITIES,
    BREAKER_FAILURES,
    DEFAULT_MAX_BODY_BYTES,
    DEFAULT_PORT,
    DEVIATIONS,
    Contract,
    Delays,
    Deviation,
    DeviationError,
    ElasticsearchSettings,
    KeyFileError,
    Limits,
    ListenError,
    MockServer,
    Settings,
    StoreSetupError,
    Tls,
)
from opamp_proto import opamp_pb2 as pb

_DUTIES: Final = (0, pb.ServerCapabilities_AcceptsStatus)
CAPABILITIES: Final = {
    name.rpartition("_")[2]: bit for name, bit in pb.ServerCapabilities.items() if bit not in _DUTIES
}
"""The capabilities that can be left out, by name. Every server must have AcceptsStatus."""

_SECONDS = click.FloatRange(0, 60)
_DELAY = (_SECONDS, _SECONDS)


_SECTIONS: Final = {
    "Address": ("--host", "--port", "--cert", "--key", "--client-ca", "--tls-min"),
    "Authentication": ("--enrollment-key", "--enrollment-key-file", "--allow-origin"),
    "Behaviour": ("--spec-version", "--contract", "--deviation", "--list-deviations", "--without", "--delay"),
    "Operation": ("--control", "--second-endpoints", "--verbose"),
    "Judging agents": ("--for", "--fail-on", "--html", "--junit", "--badge", "--jsonl"),
    "Storage": (
        *("--store", "--elasticsearch-url", "--elasticsearch-ca", "--index", "--durability", "--breaker-failures"),
    ),
    "Limits": (
        *(
            "--max-connections",
            "--max-agents",
            "--max-stored-bytes",
            "--max-pending-bytes",
            "--max-body-bytes",
            "--request-timeout",
            "--rate",
            "--rate-per-key",
        ),
        *("--enrollment-rate", "--max-concurrency", "--queue-delay", "--drain"),
    ),
}


@click.command("serve", cls=CommandWithSections, sections=_SECTIONS)
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, help="0: a free port.")
@click.option(
    "--contract",
    type=click.Choice([contract.value for contract in Contract]),
    default=Contract.OPAMP.value,
    help="opamp: only the specification; fleet: also Fleet Server's enrollment contract.",
)
@click.option(
    "--spec-version",
    type=click.Choice([version.value for version in SpecVersion]),
    default=NEWEST.value,
    help="The version of the specification that the server speaks.",
)
@click.option(
    "--deviation",
    metavar="ID",
    multiple=True,
    shell_complete=completion.deviations,
    help="Break one requirement on purpose; repeatable.",
)
@click.option("--list-deviations", is_flag=True, help="List the deviations, and exit.")
@click.option("--enrollment-key", metavar="KEY", multiple=True, help="Require this key (ApiKey or Bearer); repeatable.")
@click.option(
    "--enrollment-key-file",
    type=FILE,
    help="File with one key per line, each with its policy and its namespaces, if any; read again when it changes.",
)
@click.option(
    "--store",
    type=click.Choice(["memory", "elasticsearch"]),
    default="memory",
    help="Where agents are stored; several servers can share one Elasticsearch.",
)
@click.option("--elasticsearch-url", metavar="URL", envvar="ELASTICSEARCH_URL", show_envvar=True)
@click.option("--elasticsearch-ca", type=FILE, help="PEM file of the authorities to trust for Elasticsearch.")
@click.option("--index", default="opamp-agents", help="The index for agents.")
@click.option(
    "--durability",
    type=click.Choice(["acknowledged", "queued"]),
    default="acknowledged",
    help="queued: answer before Elasticsearch has stored the agent; a killed process loses its queue.",
)
@click.option(
    "--breaker-failures",
    type=click.IntRange(min=1),
    default=BREAKER_FAILURES,
    help="Consecutive failures after which the server stops using Elasticsearch for a while.",
)
@click.option(
    "--without",
    metavar="CAPABILITY",
    multiple=True,
    type=click.Choice(sorted(CAPABILITIES), case_sensitive=False),
    help="Leave out a capability: " + ", ".join(sorted(CAPABILITIES)) + "; repeatable.",
)
@click.option(
    "--allow-origin",
    metavar="ORIGIN",
    multiple=True,
    help="Let web pages of this origin open WebSockets, such as https://app.example.com; repeatable.",
)
@click.option("--control", is_flag=True, help="Serve the control plane: see docs/control-plane.md.")
@click.option(
    "--second-endpoints",
    is_flag=True,
    help="Also serve endpoints to offer to agents: one that works, and three that do not.",
)
@click.option("--delay", type=_DELAY, default=(0.0, 0.0), help="Seconds that an enrollment and a check-in take.")
@click.option("--cert", type=FILE, help="PEM file of the server's certificate, to serve https and wss.")
@click.option("--key", type=FILE, help="PEM file of its key.")
@click.option("--client-ca", type=FILE, help="PEM file of the authorities that must have signed client certificates.")
@click.option("--tls-min", type=click.Choice(["1.2", "1.3"]), default="1.2", help="Lowest version of TLS.")
@limit_options
@click.option(
    "--max-body-bytes",
    type=click.IntRange(min=1),
    default=DEFAULT_MAX_BODY_BYTES,
    help="The limit of a body or a WebSocket message.",
)
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Log one line per message on standard error, and one per finding about an agent.",
)
@judging_options
def serve_command(
    host: str,
    port: int,
    contract: str,
    spec_version: str,
    deviation: tuple[str, ...],
    list_deviations: bool,
    enrollment_key: tuple[str, ...],
    enrollment_key_file: Path | None,
    store: str,
    elasticsearch_url: str | None,
    elasticsearch_ca: Path | None,
    index: str,
    durability: str,
    without: tuple[str, ...],
    allow_origin: tuple[str, ...],
    control: bool,
    second_endpoints: bool,
    delay: tuple[float, float],
    cert: Path | None,
    key: Path | None,
    client_ca: Path | None,
    tls_min: str,
    max_body_bytes: int,
    verbose: bool,
    seconds: float | None,
    fail_on: str | None,
    html: Path | None,
    junit: Path | None,
    badge: Path | None,
    jsonl: Path | None,
    breaker_failures: int,
    **limits: Any,
) -> ExitCode:
    """Run the mock server.

    It prints its URL in one line when it is ready, and ends with SIGINT or SIGTERM.

    \b
    opamp-conformance serve
    opamp-conformance serve --port 0 --deviation fleet.request-uid.echo -v
    opamp-conformance serve --control    then open the control plane's URL in a browser
    """
    if list_deviations:
        for known in DEVIATIONS.values():
            click.echo(f"{click.style(known.id, bold=True)}\n  {known.summary}")
        return ExitCode.CONFORMANT
    if verbose:
        logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
        logging.getLogger("opamp_mock_server").setLevel(logging.INFO)
    outputs = finding_outputs(html, junit, badge, jsonl)
    judges = verbose or control or seconds is not None or fail_on is not None or bool(outputs)
    if "" in enrollment_key:
        raise InconclusiveError("an empty enrollment key would admit every client: leave --enrollment-key out for that")
    if limits["rate_per_key"] is not None and not enrollment_key and enrollment_key_file is None:
        raise InconclusiveError("--rate-per-key needs keys: give --enrollment-key or --enrollment-key-file")
    if enrollment_key and enrollment_key_file is not None:
        raise InconclusiveError("--enrollment-key and --enrollment-key-file are two lists of keys: give one")
    is_stored = store == "elasticsearch"
    settings = Settings(
        host=host,
        port=port,
        contract=Contract(contract),
        spec_version=spec_version,
        deviations=tuple(_deviation(name) for name in dict.fromkeys(deviation)),
        enrollment_keys=enrollment_key,
        enrollment_key_file=enrollment_key_file,
        store=_elasticsearch(elasticsearch_url, elasticsearch_ca, index, durability, breaker_failures)
        if is_stored
        else None,
        max_body_bytes=max_body_bytes,
        capabilities=ALL_CAPABILITIES & ~sum(CAPABILITIES[name] for name in dict.fromkeys(without)),
        allowed_origins=allow_origin,
        control=control,
        judges_agents=judges,
        delays=Delays(*delay),
        limits=Limits(**limits),
        tls=_tls(cert, key, client_ca, tls_min),
    )
    if not second_endpoints:
        return _serve(settings, seconds, fail_on, outputs, is_verbose=verbose)
    if not control:
        raise InconclusiveError("--second-endpoints needs --control, by which agents get the offers")
    # It loads the library for certificates.
    from opamp_mock_server.second_endpoints import open_second_endpoints  # noqa: PLC0415

    with contextlib.ExitStack() as stack:
        try:
            settings = stack.enter_context(open_second_endpoints(settings))
        except ListenError as error:
            raise InconclusiveError(str(error)) from error
        return _serve(settings, seconds, fail_on, outputs, is_verbose=verbose)


def _serve(
    settings: Settings, seconds: float | None, fail_on: str | None, outputs: Sequence[Listener], *, is_verbose: bool
) -> ExitCode:
    """Create a server and run it until it ends; raises InconclusiveError."""
    try:
        server = MockServer(settings)
    except ListenError as error:
        raise InconclusiveError(f"{error}; choose another with --host and --port") from error
    except DeviationError as error:
        raise InconclusiveError(f"{error}; it needs --contract fleet, or --store elasticsearch") from error
    except (StoreSetupError, KeyFileError) as error:
        raise InconclusiveError(str(error)) from error
    allow_connections(settings.limits)
    where = f"OpAMP mock server at {server.url}"
    at = f"\ncontrol plane at {server.control_url}" if settings.control else ""
    for endpoint in server.endpoints:
        at += f"\nendpoint {endpoint.name} at {endpoint.url}: it {endpoint.description}"
    tune_for_many_objects()
    judge, began = server.judge, time.monotonic()
    if judge is not None and is_verbose:
        judge.on_finding = lambda finding: click.echo(line_of(finding), err=True)
    if seconds is not None:
        server.end_after(seconds)
    server.run(when_ready=lambda: click.echo(f"{where}{at}"))
    if server.lost_agents:
        raise InconclusiveError(
            f"{server.lost_agents} agents had their last report acknowledged, but Elasticsearch has not stored it"
        )
    if judge is None:
        return ExitCode.CONFORMANT
    code = exit_code_of_agents(judge, fail_on) if fail_on is not None or seconds is not None else ExitCode.CONFORMANT
    if judge.findings or code is not ExitCode.CONFORMANT or seconds is not None:
        tell(judge)
    judged = Judged(f"agents at {server.url}", server.url, (settings.contract.value,), time.monotonic() - began)
    report(judged, of_agents(judge), judge.agents, code, outputs)
    return code


def _elasticsearch(
    url: str | None, ca: Path | None, index: str, durability: str, failures: int
) -> ElasticsearchSettings:
    if not url:
        raise InconclusiveError(
            "--store elasticsearch needs --elasticsearch-url, or ELASTICSEARCH_URL in the environment"
        )
    require_files(ca)
    return ElasticsearchSettings(
        url,
        index,
        api_key=secret("ELASTICSEARCH_API_KEY"),
        service_token=secret("ELASTICSEARCH_SERVICE_TOKEN"),
        ca=ca,
        is_queued=durability == "queued",
        breaker_failures=failures,
    )


def _tls(cert: Path | None, key: Path | None, client_ca: Path | None, lowest: str) -> Tls | None:
    if cert is None and key is None and client_ca is None:
        return None
    if cert is None or key is None:
        raise InconclusiveError("TLS needs a certificate and its key: give --cert and --key")
    require_files(cert, key, client_ca)
    return Tls(cert, key, client_ca, ssl.TLSVersion[f"TLSv{lowest.replace('.', '_')}"])


def _deviation(name: str) -> Deviation:
    if name not in DEVIATIONS:
        raise InconclusiveError(
            f"there is no deviation {name!r}{did_you_mean(name, DEVIATIONS)} (--list-deviations lists them)"
        )
    return DEVIATIONS[name]
