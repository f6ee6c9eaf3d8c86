"""``opamp-conformance list``."""

import fnmatch
import json

import click

from opamp_conformance.cli import completion
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.ledger.ledger import Ledger, load_ledger
from opamp_conformance.suite.catalogue import Catalogue, load_catalogue
from opamp_conformance.text import did_you_mean


@click.command("list")
@click.argument("patterns", metavar="[PATTERN]...", nargs=-1, shell_complete=completion.requirements)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_command(patterns: tuple[str, ...], as_json: bool) -> None:
    """List requirements and scenarios.

    Each has its level, its contract and its place in the specification. PATTERN is a glob over requirement ids; without
    a pattern, all requirements are listed.

    \b
    opamp-conformance list 'fleet.request-uid.*'
    """
    ledger, catalogue = _matching(load_ledger(), patterns), load_catalogue()
    if as_json:
        click.echo(json.dumps(_as_json(ledger, catalogue), indent=2, ensure_ascii=False))
        return
    for requirement in ledger.values():
        level = f"implied, counts as {requirement.counts_as}" if requirement.counts_as else requirement.level
        status = f", {requirement.status}" if requirement.status else ""
        where = f"{requirement.contract}, {requirement.link}"
        click.echo(f"{click.style(requirement.id, bold=True)}  {level}{status}, {where}")
        click.echo(f"  {requirement.statement}")
        for scenario in catalogue.checking(requirement.id):
            click.echo(f"  - {scenario.key}: {scenario.title}")
        if requirement.unchecked:
            click.echo(f"  not checked: {requirement.unchecked}")


def _matching(ledger: Ledger, patterns: tuple[str, ...]) -> Ledger:
    if not patterns:
        return ledger
    meant: set[str] = set()
    for pattern in patterns:
        found = fnmatch.filter(ledger, pattern)
        if not found:
            raise InconclusiveError(f"{pattern!r} matches no requirement{did_you_mean(pattern, ledger)}")
        meant.update(found)
    return Ledger({name: requirement for name, requirement in ledger.items() if name in meant})


def _as_json(ledger: Ledger, catalogue: Catalogue) -> dict[str, object]:
    return {
        "requirements": [
            {
                "id": requirement.id,
                "level": requirement.level,
                "counts_as": requirement.counts_as or requirement.level,
                "contract": requirement.contract,
                "subject": requirement.subject,
                "status": requirement.status,
                "unchecked": requirement.unchecked,
                "statement": requirement.statement,
                "specification": requirement.link,
                "line": requirement.line,
                "scenarios": [scenario.key for scenario in catalogue.checking(requirement.id)],
            }
            for requirement in ledger.values()
        ],
        "scenarios": [
            {
                "key": scenario.key,
                "title": scenario.title,
                "chapter": scenario.chapter,
                "feature": scenario.feature,
                "contract": scenario.contract,
                "level": scenario.level,
                "transports": list(scenario.transports),
                "requirements": [requirement.id for requirement in scenario.requirements],
            }
            for scenario in catalogue.values()
            if any(requirement.id in ledger for requirement in scenario.requirements)
        ],
    }
