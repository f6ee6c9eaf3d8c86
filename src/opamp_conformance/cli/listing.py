"""``opamp-conformance list``."""

import json

import click

from opamp_conformance.cli import completion
from opamp_conformance.cli.spec_version import OF_LISTS
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.globs import matches, require_bounded
from opamp_conformance.ledger.ledger import Ledger, Requirement, Subject, load_ledger
from opamp_conformance.ledger.versions import SpecVersion
from opamp_conformance.suite.catalogue import Catalogue, load_both_sides
from opamp_conformance.suite.selection import has_words
from opamp_conformance.text import did_you_mean


@click.command("list")
@click.argument("patterns", metavar="[PATTERN]...", nargs=-1, shell_complete=completion.requirements)
@OF_LISTS
@click.option(
    "--subject",
    type=click.Choice([Subject.SERVER.value, Subject.AGENT.value, "all"]),
    help="Whose requirements.  [default: server; all if a pattern is given]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_command(patterns: tuple[str, ...], spec_version: SpecVersion, subject: str | None, as_json: bool) -> None:
    """List requirements and scenarios.

    Each has its level, its contract and its place in the specification. PATTERN is a chapter, a glob over requirement
    ids, or words of a statement or a title. Without a pattern, the requirements of servers are listed.

    \b
    opamp-conformance list 'fleet.request-uid.*'
    """
    catalogue = load_both_sides()
    ledger = _matching(load_ledger(spec_version), catalogue, patterns)
    if subject is None:
        subject = "all" if patterns else Subject.SERVER
    if subject != "all":
        ledger = Ledger({name: r for name, r in ledger.items() if r.subject in (Subject(subject), Subject.BOTH)})
    if as_json:
        click.echo(json.dumps(_as_json(ledger, catalogue), indent=2, ensure_ascii=False))
        return
    for requirement in ledger.values():
        level = f"implied, counts as {requirement.counts_as}" if requirement.counts_as else requirement.level
        status = f", {requirement.status}" if requirement.status else ""
        newer = f", new in {requirement.since.tag}" if requirement.is_newer_than(spec_version) else ""
        where = f"{requirement.contract}, {requirement.link}"
        click.echo(f"{click.style(requirement.id, bold=True)}  {level}{status}{newer}, {where}")
        click.echo(f"  {requirement.statement}")
        for scenario in catalogue.checking(requirement.id):
            click.echo(f"  - {scenario.key}: {scenario.title}")
        if requirement.reading:
            click.echo(f"  our reading: {requirement.reading}")
        if requirement.unchecked:
            click.echo(f"  not checked: {requirement.unchecked}")


def _matching(ledger: Ledger, catalogue: Catalogue, patterns: tuple[str, ...]) -> Ledger:
    if not patterns:
        return ledger
    require_bounded(patterns)
    meant: set[str] = set()
    chapters = {scenario.chapter for scenario in catalogue.values()}
    for pattern in dict.fromkeys(patterns):
        chapter = [scenario for scenario in catalogue.values() if scenario.chapter == pattern]
        of_chapter = {requirement.id for scenario in chapter for requirement in scenario.requirements}
        found = [*(name for name in ledger if matches(pattern, name)), *of_chapter] or [
            name for name, requirement in ledger.items() if has_words(pattern, _texts(requirement, catalogue))
        ]
        if not found:
            raise InconclusiveError(f"{pattern!r} matches no requirement{did_you_mean(pattern, [*ledger, *chapters])}")
        meant.update(found)
    return Ledger({name: requirement for name, requirement in ledger.items() if name in meant})


def _texts(requirement: Requirement, catalogue: Catalogue) -> list[str]:
    return [requirement.statement, *(scenario.title for scenario in catalogue.checking(requirement.id))]


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
                "since": requirement.since.tag,
                "unchecked": requirement.unchecked,
                "reading": requirement.reading,
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
