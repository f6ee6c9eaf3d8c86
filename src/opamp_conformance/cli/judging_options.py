"""The options of the commands that judge agents until they end: ``serve`` and ``watch``."""

import click

from opamp_conformance.cli.files import FILE
from opamp_conformance.cli.help import combine_options
from opamp_conformance.cli.output_options import output_options
from opamp_conformance.cli.rates import Seconds

judging_options = combine_options(
    click.option(
        "--for", "seconds", metavar="SECONDS", type=Seconds(), help="End by itself after this time, such as 60s."
    ),
    click.option(
        "--fail-on",
        type=click.Choice(["MUST", "SHOULD"]),
        help="Exit with 1 if a MUST is broken; SHOULD: or any requirement. Exit with 2 if nothing came to judge.",
    ),
    output_options,
    click.option("--jsonl", type=FILE, help="Write the findings to this file, as JSON Lines."),
)
"""When to end, what makes the exit code 1, and the files of reports."""
