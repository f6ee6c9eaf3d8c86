"""``opamp-conformance ledger``."""

from collections.abc import Iterable
from pathlib import Path

import click

from opamp_conformance.cli.files import FILE, read_text
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.ledger.ledger import Contract, Requirement, Subject, load_ledger
from opamp_conformance.ledger.sentences import compare, sentences
from opamp_conformance.results.verdicts import ExitCode
from opamp_conformance.suite.catalogue import Catalogue, load_catalogue
from opamp_proto import SPECIFICATION_VERSION


@click.group("ledger")
def ledger_group() -> None:
    """The statements of the specification that the suite accounts for."""


@ledger_group.command("check")
@click.argument("specification", type=FILE)
@click.argument("protos", metavar="[PROTO]...", type=FILE, nargs=-1)
def check_command(specification: Path, protos: tuple[Path, ...]) -> ExitCode:
    """Compare the ledger with the text of a specification, and with its .proto files if they are given.

    Lists the sentences that are new, gone or changed; then the exit code is 1. Without .proto files, their sentences
    are ignored.
    """
    ledger, text = load_ledger(), read_text(specification)
    if not any(sentence.is_normative for sentence in sentences(text)):
        raise InconclusiveError(f"{specification} is not the text of a specification: no sentence has MUST or SHOULD")
    differences = compare(ledger, text, [read_text(path) for path in protos])
    for difference in differences:
        click.echo(str(difference))
    if differences:
        click.echo(f"\n{len(differences)} differences from the ledger of {SPECIFICATION_VERSION}")
        return ExitCode.NOT_CONFORMANT
    click.echo(f"no difference from the ledger of {SPECIFICATION_VERSION}")
    return ExitCode.CONFORMANT


@ledger_group.command("summary")
def summary_command() -> None:
    """Count the statements that are checked, that cannot be checked, and that are about agents."""
    ledger, catalogue = load_ledger(), load_catalogue()
    specified = [r for r in ledger.values() if r.contract is Contract.OPAMP]
    released = [r for r in specified if not r.is_of_main_only]
    click.echo(f"{len(released)} statements of OpAMP {SPECIFICATION_VERSION}:")
    for line, count in _counts(released, catalogue).items():
        click.echo(f"  {count:>4}  {line}")
    click.echo(f"{len(specified) - len(released)} statements of the specification's main branch only, not checked")
    click.echo(f"{len(ledger) - len(specified)} statements of Fleet Server's contract, all checked")


def _counts(requirements: Iterable[Requirement], catalogue: Catalogue) -> dict[str, int]:
    counts = {"checked by scenarios": 0, "not observable from outside, with the reason": 0, "about agents": 0}
    checked, unseen, agents = counts
    for requirement in requirements:
        if catalogue.checking(requirement.id):
            counts[checked] += 1
        else:
            counts[agents if requirement.subject is Subject.AGENT else unseen] += 1
    return counts
