"""What a shell can complete: the names of our own things."""

from collections.abc import Iterable

import click

from opamp_conformance import profiles, resources
from opamp_conformance.ledger import load


def requirements(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete a pattern: by the ids of the ledger."""
    return _beginning(incomplete, load())


def profile_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a built-in profile."""
    return _beginning(incomplete, profiles.names())


def deviations(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the id of a deviation."""
    from opamp_mock_server import DEVIATIONS  # noqa: PLC0415 - a shell waits for it

    return _beginning(incomplete, DEVIATIONS)


def load_scenarios(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a load test."""
    return _beginning(incomplete, sorted(path.stem for path in resources.folder("loadtests").glob("*.py")))


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
