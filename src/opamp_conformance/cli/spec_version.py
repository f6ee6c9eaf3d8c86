"""The option that chooses a version of the specification."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from opamp_conformance.ledger.versions import DEFAULT_VERSION, SpecVersion

F = TypeVar("F", bound=Callable[..., Any])


def _version(_context: click.Context, _parameter: click.Parameter, value: str) -> SpecVersion:
    return SpecVersion(value)


def spec_version_option(help_text: str) -> Callable[[F], F]:
    """Make the option ``--spec-version`` of a command; its parameter is a SpecVersion."""
    return click.option(
        "--spec-version",
        type=click.Choice([version.value for version in SpecVersion]),
        default=DEFAULT_VERSION.value,
        callback=_version,
        help=help_text,
    )


OF_LISTS: Final = spec_version_option("The version of the specification; newer parts are marked.")
