"""``opamp-conformance agent``."""

import asyncio
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from opamp_conformance.cli import completion
from opamp_conformance.cli.files import FILE, require_files
from opamp_conformance.cli.help import CommandWithSections, click_option, combine_options
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.results.verdicts import ExitCode
from opamp_conformance.targets.options import ACCESS_OPTIONS, Access
from opamp_conformance.text import did_you_mean, printable
from opamp_mock_agent import DEVIATIONS, AgentSettings, MockAgent, SettingsError
from opamp_mock_agent.settings import POLL_SECONDS
from opamp_proto import opamp_pb2 as pb

_CAPABILITIES: Final = [
    name.removeprefix("AgentCapabilities_")
    for name, bit in pb.AgentCapabilities.items()
    if bit not in (0, pb.AgentCapabilities_ReportsStatus)
]
_SECTIONS: Final = {
    "The server": ("--url", *(option.name for option in ACCESS_OPTIONS)),
    "The agent": (
        *("--state", "--poll", "--config-file", "--without", "--request-instance-uid", "--deviation"),
        *("--list-deviations", "--count"),
    ),
    "Operation": ("--driver", "--verbose"),
}


@click.command("agent", cls=CommandWithSections, sections=_SECTIONS)
@click.option(
    "--url",
    envvar="OPAMP_URL",
    show_envvar=True,
    default="ws://127.0.0.1:4320/v1/opamp",
    help="The server; the scheme chooses the transport: http, https, ws or wss.",
)
@combine_options(*map(click_option, ACCESS_OPTIONS))
@click.option(
    "--state", type=FILE, envvar="OPAMP_STATE_DIR", show_envvar=True, help="The folder for what outlives the process."
)
@click.option(
    "--poll", type=click.FloatRange(0.05, 3600), default=POLL_SECONDS, help="Seconds between heartbeats, or polls."
)
@click.option("--config-file", type=FILE, help="The agent's own configuration, as it reports it.")
@click.option(
    "--without",
    metavar="CAPABILITY",
    multiple=True,
    type=click.Choice(_CAPABILITIES, case_sensitive=False),
    help=f"Leave out a capability: {', '.join(sorted(_CAPABILITIES))}; repeatable.",
)
@click.option("--request-instance-uid", is_flag=True, help="Ask the server for an instance_uid.")
@click.option(
    "--deviation",
    metavar="ID",
    multiple=True,
    shell_complete=completion.agent_deviations,
    help="Break one requirement on purpose; repeatable.",
)
@click.option("--list-deviations", is_flag=True, help="List the deviations, and exit.")
@click.option("--count", type=click.IntRange(1, 1000), default=1, help="How many agents run.")
@click.option("--driver", is_flag=True, help="Take verbs from standard input: see docs/agent-driver.md.")
@click.option("-v", "--verbose", is_flag=True, help="Print what happens.")
def agent_command(
    url: str,
    state: Path | None,
    poll: float,
    config_file: Path | None,
    without: tuple[str, ...],
    request_instance_uid: bool,
    deviation: tuple[str, ...],
    list_deviations: bool,
    count: int,
    driver: bool,
    verbose: bool,
    **given: Any,
) -> ExitCode:
    """Run the reference agent: a whole agent of the specification, which connects to any server.

    It runs until SIGINT or SIGTERM, and then disconnects.

    \b
    opamp-conformance agent --url ws://127.0.0.1:4320/v1/opamp -v
    opamp-conformance agent --url https://opamp.example.com/v1/opamp --header-env Authorization=OPAMP_KEY
    """
    if list_deviations:
        for known in DEVIATIONS.values():
            click.echo(f"{known.id}\n    {known.summary}")
        return ExitCode.CONFORMANT
    for name in deviation:
        if name not in DEVIATIONS:
            raise InconclusiveError(f"the agent has no deviation {name!r}{did_you_mean(name, DEVIATIONS)}")
    if count > 1 and (driver or state is not None):
        raise InconclusiveError("--driver and --state are for one agent: leave out --count")
    access = Access.of(given)
    require_files(config_file, access.tls.ca, access.tls.cert, access.tls.key)
    try:
        settings = AgentSettings(
            url,
            access.headers,
            access.tls.ca,
            access.tls.cert,
            access.tls.key,
            state,
            poll,
            capabilities=[name for name in _CAPABILITIES if name not in without],
            request_instance_uid=request_instance_uid,
            deviations=deviation,
        )
        if config_file is not None:
            settings = replace(settings, config=config_file.read_bytes())
        if driver:
            from opamp_mock_agent.driver import Driver  # noqa: PLC0415 - it loads cryptography

            asyncio.run(Driver(settings).run())
        else:
            agents = [MockAgent(settings, _say if verbose else _say_nothing) for _ in range(count)]
            asyncio.run(_run(agents))
    except SettingsError as error:
        raise InconclusiveError(str(error)) from error
    return ExitCode.CONFORMANT


async def _run(agents: list[MockAgent]) -> None:
    """Run agents until a signal ends them."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for agent in agents:
            agent.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    await asyncio.gather(*(agent.run() for agent in agents))


def _say(line: str) -> None:
    click.echo(printable(line), err=True)


def _say_nothing(line: str) -> None:
    """Without -v, an agent prints nothing."""
