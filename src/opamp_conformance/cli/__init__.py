"""The command line: ``opamp-conformance run``, ``list`` and ``serve``."""

import sys
from typing import NoReturn

import click

from opamp_conformance import __version__
from opamp_conformance.cli.listing import list_command
from opamp_conformance.cli.run import run_command
from opamp_conformance.cli.serve import serve_command
from opamp_conformance.errors import CannotTell
from opamp_conformance.verdicts import ExitCode


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="opamp-conformance")
def cli() -> None:
    """Conformance suite and reference mock server for OpAMP, the Open Agent Management Protocol."""


cli.add_command(run_command)
cli.add_command(list_command)
cli.add_command(serve_command)


def main() -> NoReturn:
    """Run the command line; whatever goes wrong ends in one line and an exit code."""
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = ExitCode.COULD_NOT_TELL
    except CannotTell as error:
        click.echo(f"opamp-conformance: {error}", err=True)
        code = ExitCode.COULD_NOT_TELL
    except (click.Abort, KeyboardInterrupt):
        click.echo("opamp-conformance: interrupted", err=True)
        code = ExitCode.COULD_NOT_TELL
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody left to tell.
        sys.stderr.close()
        code = ExitCode.COULD_NOT_TELL
    sys.exit(int(code or 0))
