"""The names that a shell can complete: requirements, profiles, deviations and load scenarios."""

from collections.abc import Iterable

import click

from opamp_conformance import resources
from opamp_conformance.ledger.ledger import load_ledger


def requirements(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the id of a requirement."""
    return _beginning_with(incomplete, load_ledger())


def profile_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a built-in profile."""
    from opamp_conformance.profiles import loading  # noqa: PLC0415 - it loads the features

    return _beginning_with(incomplete, loading.names())


def deviations(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the id of a deviation."""
    from opamp_mock_server import DEVIATIONS  # noqa: PLC0415 - a shell waits for the other completions, too

    return _beginning_with(incomplete, DEVIATIONS)


def agent_deviations(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the id of a deviation of the reference agent."""
    from opamp_mock_agent import DEVIATIONS  # noqa: PLC0415 - a shell waits for the other completions, too

    return _beginning_with(incomplete, DEVIATIONS)


def load_scenarios(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a load scenario."""
    return _beginning_with(incomplete, sorted(path.stem for path in resources.folder("loadtests").glob("*.py")))


def _beginning_with(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
