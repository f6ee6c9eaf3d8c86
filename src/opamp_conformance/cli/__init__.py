"""The command line: ``opamp-conformance`` and its commands."""

from typing import Final

import click

from opamp_conformance import __version__
from opamp_conformance.cli.help import GroupWithSections
from opamp_conformance.cli.ledger import ledger_group
from opamp_conformance.cli.listing import list_command
from opamp_conformance.cli.load import load_command
from opamp_conformance.cli.reports import book_command, diff_command, matrix_command, report_command
from opamp_conformance.cli.run import run_command
from opamp_conformance.cli.serve import serve_command
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.results.verdicts import ExitCode

_SECTIONS: Final = {
    "Grade a server": ("run", "list", "ledger"),
    "Read the results": ("report", "diff", "matrix", "book"),
    "Test an agent": ("serve",),
    "Load a server": ("load",),
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


cli.add_command(run_command)
cli.add_command(list_command)
cli.add_command(ledger_group)
cli.add_command(serve_command)
cli.add_command(load_command)
cli.add_command(report_command)
cli.add_command(diff_command)
cli.add_command(matrix_command)
cli.add_command(book_command)


def run_command_line() -> int:
    """Run a command and return its exit code. Raises OSError if its output cannot be written."""
    try:
        return int(cli.main(prog_name="opamp-conformance", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
    except InconclusiveError as error:
        click.echo(f"opamp-conformance: {error}", err=True)
    except click.Abort as abort:
        raise KeyboardInterrupt from abort
    except SystemExit as ended:  # click raises it after shell completion, and if the reader of the output is gone.
        if not ended.code:
            return ExitCode.CONFORMANT
    return ExitCode.COULD_NOT_TELL
