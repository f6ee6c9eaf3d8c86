"""``opamp-conformance serve``."""

import logging
from pathlib import Path

import click

from opamp_conformance.errors import CannotTell
from opamp_conformance.selection import nearest
from opamp_mock_server import (
    ALL_CAPABILITIES,
    DEFAULT_MAX_BODY_BYTES,
    DEFAULT_PORT,
    DEVIATIONS,
    CannotDeviate,
    CannotListen,
    Contract,
    Delays,
    Deviation,
    MockServer,
    Settings,
    Tls,
)
from opamp_proto import opamp_pb2 as pb

CAPABILITIES = {name.rpartition("_")[2]: number for name, number in pb.ServerCapabilities.items() if number and name}
"""What can be left out, by name. AcceptsStatus is every server's duty."""
del CAPABILITIES["AcceptsStatus"]

_FILE = click.Path(path_type=Path)
_SECONDS = click.FloatRange(0, 60)
_DELAY = (_SECONDS, _SECONDS)


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0: a free one.")
@click.option(
    "--contract",
    type=click.Choice([contract.value for contract in Contract]),
    default=Contract.FLEET.value,
    show_default=True,
    help="opamp: the specification alone; fleet: Fleet Server's enrollment contract on top.",
)
@click.option("--deviation", metavar="ID", multiple=True, help="Break one requirement on purpose; repeatable.")
@click.option("--list-deviations", is_flag=True, help="List what can be broken, and end.")
@click.option("--enrollment-key", metavar="KEY", multiple=True, help="Ask for this key (ApiKey or Bearer); repeatable.")
@click.option(
    "--without",
    metavar="CAPABILITY",
    multiple=True,
    type=click.Choice(sorted(CAPABILITIES), case_sensitive=False),
    help="Have the server do, and announce, one capability less: " + ", ".join(sorted(CAPABILITIES)) + "; repeatable.",
)
@click.option("--control", is_flag=True, help="Let whoever has a key operate it: see docs/control-plane.md.")
@click.option("--delay", type=_DELAY, default=(0.0, 0.0), help="Seconds an enrollment and a check-in take.")
@click.option("--cert", type=_FILE, help="PEM file of the server's certificate: serve https and wss.")
@click.option("--key", type=_FILE, help="PEM file of its key.")
@click.option("--client-ca", type=_FILE, help="PEM file of who must have signed the clients' certificates.")
@click.option("--max-body-bytes", type=click.IntRange(min=1), default=DEFAULT_MAX_BODY_BYTES, show_default=True)
@click.option("-v", "--verbose", is_flag=True, help="Log a line a message, on standard error.")
def serve_command(
    host: str,
    port: int,
    contract: str,
    deviation: tuple[str, ...],
    list_deviations: bool,
    enrollment_key: tuple[str, ...],
    without: tuple[str, ...],
    control: bool,
    delay: tuple[float, float],
    cert: Path | None,
    key: Path | None,
    client_ca: Path | None,
    max_body_bytes: int,
    verbose: bool,
) -> None:
    """Run the mock server until SIGINT or SIGTERM; it prints its URL in one line when it is ready.

    \b
    opamp-conformance serve
    opamp-conformance serve --port 0 --deviation fleet.request-uid.echo -v
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
    settings = Settings(
        host=host,
        port=port,
        contract=Contract(contract),
        deviations=tuple(_deviation(name) for name in dict.fromkeys(deviation)),
        enrollment_keys=enrollment_key,
        max_body_bytes=max_body_bytes,
        capabilities=ALL_CAPABILITIES & ~sum(CAPABILITIES[name] for name in dict.fromkeys(without)),
        control=control,
        delays=Delays(*delay),
        tls=_tls(cert, key, client_ca),
    )
    try:
        server = MockServer(settings)
    except CannotListen as error:
        raise CannotTell(f"{error}; choose another with --host and --port") from error
    except CannotDeviate as error:
        raise CannotTell(f"{error}; it needs --contract fleet") from error
    where = f"OpAMP mock server at {server.url}"
    at = f"\ncontrol plane at {server.control_url}" if control else ""
    server.run(when_ready=lambda: click.echo(f"{where}{at}"))


def _tls(cert: Path | None, key: Path | None, client_ca: Path | None) -> Tls | None:
    if cert is None and key is None and client_ca is None:
        return None
    if cert is None or key is None:
        raise CannotTell("TLS needs a certificate and its key: give --cert and --key")
    for path in (cert, key, client_ca):
        if path is not None and not path.is_file():
            raise CannotTell(f"cannot read {path}: there is no such file")
    return Tls(cert, key, client_ca)


def _deviation(name: str) -> Deviation:
    if name not in DEVIATIONS:
        raise CannotTell(f"there is no deviation {name!r}{nearest(name, DEVIATIONS)} (--list-deviations lists them)")
    return DEVIATIONS[name]
