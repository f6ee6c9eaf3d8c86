"""The command line: ``opamp-conformance`` and its commands."""

import os
from typing import Final

import click

from opamp_conformance import __version__
from opamp_conformance.cli.help import GroupWithSections, LazyCommand
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.results.verdicts import ExitCode
from opamp_conformance.text import printable_lines

_HERE: Final = "opamp_conformance.cli"
_SECTIONS: Final = {
    "Grade a server": {
        "run": LazyCommand(f"{_HERE}.run:run_command", "Grade a server."),
        "list": LazyCommand(f"{_HERE}.listing:list_command", "List requirements and scenarios."),
        "ledger": LazyCommand(
            f"{_HERE}.ledger:ledger_group", "The statements of the specification that the suite accounts for."
        ),
    },
    "Read the results": {
        "report": LazyCommand(f"{_HERE}.reports:report_command", "Make reports from the file of a run."),
        "diff": LazyCommand(f"{_HERE}.reports:diff_command", "Show what differs between two runs or load tests."),
        "matrix": LazyCommand(f"{_HERE}.reports:matrix_command", "Compare servers in a table."),
        "badge": LazyCommand(f"{_HERE}.reports:badge_command", "Make badges, also by area."),
        "book": LazyCommand(f"{_HERE}.reports:book_command", "Write all features as a book for reviewers."),
    },
    "Test an agent": {
        "serve": LazyCommand(f"{_HERE}.serve:serve_command", "Run the mock server."),
        "agent": LazyCommand(f"{_HERE}.agent:agent_command", "Run the reference agent."),
        "watch": LazyCommand(f"{_HERE}.watch:watch_command", "Judge real traffic between agents and a server."),
    },
    "Load a server": {
        "load": LazyCommand(f"{_HERE}.load:load_command", "Load a server with a fleet of agents, and measure.")
    },
}


_SETTINGS: Final = {"help_option_names": ["-h", "--help"], "show_default": True}


@click.group(cls=GroupWithSections, sections=_SECTIONS, context_settings=_SETTINGS)
@click.version_option(__version__, prog_name="opamp-conformance")
def cli() -> None:
    """Conformance suite, reference mock server and load tests for OpAMP, the Open Agent Management Protocol.

    \b
    opamp-conformance run                                  grade the bundled mock server
    opamp-conformance run --url http://127.0.0.1:4320      grade your own server
    opamp-conformance serve --control                      run a server to test your agent with
    opamp-conformance load enrollment --url http://127.0.0.1:4320 --agents 10000
    """


def run_command_line() -> int:
    """Run a command and return its exit code. Raises OSError if its output cannot be written."""
    try:
        return int(cli.main(prog_name="opamp-conformance", standalone_mode=False, color=_color()) or 0)
    except click.ClickException as error:
        error.show()
    except InconclusiveError as error:
        click.echo(f"opamp-conformance: {printable_lines(str(error))}", err=True)
    except click.Abort as abort:
        raise KeyboardInterrupt from abort
    except SystemExit as ended:  # click raises it after shell completion, and if the reader of the output is gone.
        if not ended.code:
            return ExitCode.CONFORMANT
    return ExitCode.COULD_NOT_TELL


def _color() -> bool | None:
    """Return whether to print in colour; None if that depends on the terminal (no-color.org, force-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None
