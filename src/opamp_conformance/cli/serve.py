"""``opamp-conformance serve``."""

import logging

import click

from opamp_conformance.errors import CannotTell
from opamp_conformance.selection import nearest
from opamp_mock_server import (
    DEFAULT_MAX_BODY_BYTES,
    DEFAULT_PORT,
    DEVIATIONS,
    CannotDeviate,
    CannotListen,
    Contract,
    Deviation,
    MockServer,
    Settings,
)


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
@click.option("--max-body-bytes", type=click.IntRange(min=1), default=DEFAULT_MAX_BODY_BYTES, show_default=True)
@click.option("-v", "--verbose", is_flag=True, help="Log a line a message, on standard error.")
def serve_command(
    host: str,
    port: int,
    contract: str,
    deviation: tuple[str, ...],
    list_deviations: bool,
    enrollment_key: tuple[str, ...],
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
    )
    try:
        server = MockServer(settings)
    except CannotListen as error:
        raise CannotTell(f"{error}; choose another with --host and --port") from error
    except CannotDeviate as error:
        raise CannotTell(f"{error}; it needs --contract fleet") from error
    server.run(when_ready=lambda: click.echo(f"OpAMP mock server at {server.url}"))


def _deviation(name: str) -> Deviation:
    if name not in DEVIATIONS:
        raise CannotTell(f"there is no deviation {name!r}{nearest(name, DEVIATIONS)} (--list-deviations lists them)")
    return DEVIATIONS[name]
