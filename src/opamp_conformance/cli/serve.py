"""``opamp-conformance serve``."""

import gc
import logging
import os
import ssl
from pathlib import Path
from typing import Any, Final

import click

from opamp_conformance.cli import completion
from opamp_conformance.cli.files import FILE, require_there
from opamp_conformance.cli.limits import allow_connections, limit_options
from opamp_conformance.cli.tasks import CommandByTask
from opamp_conformance.errors import CannotTell
from opamp_conformance.selection import nearest
from opamp_mock_server import (
    ALL_CAPABILITIES,
    BREAKER_FAILURES,
    DEFAULT_MAX_BODY_BYTES,
    DEFAULT_PORT,
    DEVIATIONS,
    CannotDeviate,
    CannotListen,
    CannotReadKeys,
    CannotStore,
    Contract,
    Delays,
    Deviation,
    Elasticsearch,
    Limits,
    MockServer,
    Settings,
    Tls,
)
from opamp_proto import opamp_pb2 as pb

_DUTIES: Final = (0, pb.ServerCapabilities_AcceptsStatus)
CAPABILITIES: Final = {
    name.rpartition("_")[2]: bit for name, bit in pb.ServerCapabilities.items() if bit not in _DUTIES
}
"""What can be left out, by name. AcceptsStatus is every server's duty."""

_SECONDS = click.FloatRange(0, 60)
_DELAY = (_SECONDS, _SECONDS)


_TASKS: Final = {
    "Where to be": ("--host", "--port", "--cert", "--key", "--client-ca", "--tls-min"),
    "Whom to let in": ("--enrollment-key", "--enrollment-key-file"),
    "How to behave": ("--contract", "--deviation", "--list-deviations", "--without", "--delay"),
    "How to be operated and watched": ("--control", "--verbose"),
    "Where to keep agents": (
        *("--store", "--elasticsearch-url", "--elasticsearch-ca", "--index", "--durability", "--breaker-failures"),
    ),
    "How much to take on": (
        *("--max-connections", "--max-agents", "--max-body-bytes", "--request-timeout", "--rate", "--rate-per-key"),
        *("--enrollment-rate", "--max-concurrency", "--queue-delay", "--drain"),
    ),
}


@click.command("serve", cls=CommandByTask, tasks=_TASKS)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0: a free one.")
@click.option(
    "--contract",
    type=click.Choice([contract.value for contract in Contract]),
    default=Contract.FLEET.value,
    show_default=True,
    help="opamp: the specification alone; fleet: Fleet Server's enrollment contract on top.",
)
@click.option(
    "--deviation",
    metavar="ID",
    multiple=True,
    shell_complete=completion.deviations,
    help="Break one requirement on purpose; repeatable.",
)
@click.option("--list-deviations", is_flag=True, help="List what can be broken, and end.")
@click.option("--enrollment-key", metavar="KEY", multiple=True, help="Ask for this key (ApiKey or Bearer); repeatable.")
@click.option(
    "--enrollment-key-file",
    type=FILE,
    help="The keys in a file, one a line, each with its policy if it has one; read again when it changes.",
)
@click.option(
    "--store",
    type=click.Choice(["memory", "elasticsearch"]),
    default="memory",
    show_default=True,
    help="Where agents are kept; several servers may share one Elasticsearch.",
)
@click.option("--elasticsearch-url", metavar="URL", envvar="ELASTICSEARCH_URL", show_envvar=True)
@click.option("--elasticsearch-ca", type=FILE, help="PEM file of the authorities that vouch for Elasticsearch.")
@click.option("--index", default="opamp-agents", show_default=True, help="The index to keep agents in.")
@click.option(
    "--durability",
    type=click.Choice(["acknowledged", "queued"]),
    default="acknowledged",
    show_default=True,
    help="queued: answer before Elasticsearch has, and lose what is queued if this process is killed.",
)
@click.option(
    "--breaker-failures",
    type=click.IntRange(min=1),
    default=BREAKER_FAILURES,
    show_default=True,
    help="Failures in a row after which Elasticsearch is left in peace for a while.",
)
@click.option(
    "--without",
    metavar="CAPABILITY",
    multiple=True,
    type=click.Choice(sorted(CAPABILITIES), case_sensitive=False),
    help="Have the server do, and announce, one capability less: " + ", ".join(sorted(CAPABILITIES)) + "; repeatable.",
)
@click.option("--control", is_flag=True, help="Let whoever has a key operate it: see docs/control-plane.md.")
@click.option("--delay", type=_DELAY, default=(0.0, 0.0), help="Seconds an enrollment and a check-in take.")
@click.option("--cert", type=FILE, help="PEM file of the server's certificate: serve https and wss.")
@click.option("--key", type=FILE, help="PEM file of its key.")
@click.option("--client-ca", type=FILE, help="PEM file of who must have signed the clients' certificates.")
@click.option("--tls-min", type=click.Choice(["1.2", "1.3"]), default="1.2", show_default=True, help="Lowest TLS.")
@limit_options
@click.option("--max-body-bytes", type=click.IntRange(min=1), default=DEFAULT_MAX_BODY_BYTES, show_default=True)
@click.option("-v", "--verbose", is_flag=True, help="Log a line a message, on standard error.")
def serve_command(
    host: str,
    port: int,
    contract: str,
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
    control: bool,
    delay: tuple[float, float],
    cert: Path | None,
    key: Path | None,
    client_ca: Path | None,
    tls_min: str,
    max_body_bytes: int,
    verbose: bool,
    breaker_failures: int,
    **limits: Any,
) -> None:
    """Run the mock server.

    It prints its URL in one line when it is ready, and ends on SIGINT or SIGTERM.

    \b
    opamp-conformance serve
    opamp-conformance serve --port 0 --deviation fleet.request-uid.echo -v
    opamp-conformance serve --control    then open the control plane's URL in a browser
    """
    if list_deviations:
        for known in DEVIATIONS.values():
            click.echo(f"{click.style(known.id, bold=True)}\n  {known.summary}")
        return
    if verbose:
        logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
        logging.getLogger("opamp_mock_server").setLevel(logging.INFO)
    if "" in enrollment_key:
        raise CannotTell("an empty enrollment key would admit everyone: leave --enrollment-key out for that")
    if limits["rate_per_key"] is not None and not enrollment_key and enrollment_key_file is None:
        raise CannotTell("--rate-per-key needs keys: give --enrollment-key or --enrollment-key-file")
    if enrollment_key and enrollment_key_file is not None:
        raise CannotTell("--enrollment-key and --enrollment-key-file are two lists of keys: give one")
    is_stored = store == "elasticsearch"
    settings = Settings(
        host=host,
        port=port,
        contract=Contract(contract),
        deviations=tuple(_deviation(name) for name in dict.fromkeys(deviation)),
        enrollment_keys=enrollment_key,
        enrollment_key_file=enrollment_key_file,
        store=_elasticsearch(elasticsearch_url, elasticsearch_ca, index, durability, breaker_failures)
        if is_stored
        else None,
        max_body_bytes=max_body_bytes,
        capabilities=ALL_CAPABILITIES & ~sum(CAPABILITIES[name] for name in dict.fromkeys(without)),
        control=control,
        delays=Delays(*delay),
        limits=Limits(**limits),
        tls=_tls(cert, key, client_ca, tls_min),
    )
    _serve(settings)


def _serve(settings: Settings) -> None:
    """Make a server and run it to its end; raises CannotTell."""
    try:
        server = MockServer(settings)
    except CannotListen as error:
        raise CannotTell(f"{error}; choose another with --host and --port") from error
    except CannotDeviate as error:
        raise CannotTell(f"{error}; it needs --contract fleet, or --store elasticsearch") from error
    except (CannotStore, CannotReadKeys) as error:
        raise CannotTell(str(error)) from error
    allow_connections(settings.limits)
    where = f"OpAMP mock server at {server.url}"
    at = f"\ncontrol plane at {server.control_url}" if settings.control else ""
    # What is kept of agents lives long and has no cycles: looking through all of it again and again costs pauses.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    server.run(when_ready=lambda: click.echo(f"{where}{at}"))


def _elasticsearch(url: str | None, ca: Path | None, index: str, durability: str, failures: int) -> Elasticsearch:
    if not url:
        raise CannotTell("--store elasticsearch needs --elasticsearch-url, or ELASTICSEARCH_URL in the environment")
    require_there(ca)
    return Elasticsearch(
        url,
        index,
        api_key=os.environ.get("ELASTICSEARCH_API_KEY"),
        service_token=os.environ.get("ELASTICSEARCH_SERVICE_TOKEN"),
        ca=ca,
        is_queued=durability == "queued",
        breaker_failures=failures,
    )


def _tls(cert: Path | None, key: Path | None, client_ca: Path | None, lowest: str) -> Tls | None:
    if cert is None and key is None and client_ca is None:
        return None
    if cert is None or key is None:
        raise CannotTell("TLS needs a certificate and its key: give --cert and --key")
    require_there(cert, key, client_ca)
    return Tls(cert, key, client_ca, ssl.TLSVersion[f"TLSv{lowest.replace('.', '_')}"])


def _deviation(name: str) -> Deviation:
    if name not in DEVIATIONS:
        raise CannotTell(f"there is no deviation {name!r}{nearest(name, DEVIATIONS)} (--list-deviations lists them)")
    return DEVIATIONS[name]
