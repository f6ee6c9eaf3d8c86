"""``opamp-conformance ledger``."""

from collections.abc import Iterable
from pathlib import Path

import click

from opamp_agent_checks import REQUIREMENTS
from opamp_conformance.cli.files import FILE
from opamp_conformance.cli.spec_version import spec_version_option
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.ledger.forms import entry_to_do, frozen_lines
from opamp_conformance.ledger.ledger import Contract, Ledger, Requirement, Subject, load_ledger
from opamp_conformance.ledger.sentences import compare, sentences
from opamp_conformance.ledger.versions import SpecVersion
from opamp_conformance.reading import read_text
from opamp_conformance.results.verdicts import ExitCode
from opamp_conformance.suite.catalogue import load_catalogue


@click.group("ledger")
def ledger_group() -> None:
    """The statements of the specification that the suite accounts for."""


@ledger_group.command("check", short_help="Compare the ledger with the text of a specification.")
@spec_version_option("The version of the text.")
@click.argument("specification", type=FILE)
@click.argument("protos", metavar="[PROTO]...", type=FILE, nargs=-1)
def check_command(spec_version: SpecVersion, specification: Path, protos: tuple[Path, ...]) -> ExitCode:
    """Compare the ledger of a version with the text of its specification, and with .proto files if they are given.

    Lists the sentences that are new, gone or changed, by section; then the exit code is 1. For each new sentence, it
    prints the entry that the ledger needs. Without .proto files, their sentences are ignored.
    """
    text = read_text(specification)
    if not any(sentence.is_normative for sentence in sentences(text)):
        raise InconclusiveError(f"{specification} is not the text of a specification: no sentence has MUST or SHOULD")
    differences = compare(_released(spec_version), text, [read_text(path) for path in protos])
    for difference in differences:
        click.echo(str(difference))
    for difference in differences:
        if difference.sentence is not None:
            click.echo(f"\n{entry_to_do(difference.sentence, spec_version)}")
    if differences:
        click.echo(f"\n{len(differences)} differences from the ledger of {spec_version.tag}")
        return ExitCode.NOT_CONFORMANT
    click.echo(f"no difference from the ledger of {spec_version.tag}")
    return ExitCode.CONFORMANT


@ledger_group.command("show")
@spec_version_option("The version of the specification.")
def show_command(spec_version: SpecVersion) -> None:
    """Print the statements of one version, one JSON object per line. A test notices each change."""
    for line in frozen_lines(_released(spec_version)):
        click.echo(line)


@ledger_group.command("summary", short_help="Count the statements.")
@spec_version_option("The version of the specification.")
def summary_command(spec_version: SpecVersion) -> None:
    """Count the statements that are checked, and those that are not, with a reason."""
    released = _released(spec_version)
    newer = [r for r in load_ledger(spec_version).values() if r.is_newer_than(spec_version)]
    click.echo(f"{len(released)} statements of OpAMP {spec_version.tag}:")
    for line, count in _counts(released.values()).items():
        click.echo(f"  {count:>4}  {line}")
    if newer:
        click.echo(f"{len(newer)} statements that newer versions add:")
        for line, count in _counts(newer).items():
            click.echo(f"  {count:>4}  {line}")
    fleet = [r for r in load_ledger().values() if r.contract is Contract.FLEET]
    click.echo(f"{len(fleet)} statements of Fleet Server's contract, all checked")


def _released(version: SpecVersion) -> Ledger:
    """Return the statements of the specification that a version has."""
    known = load_ledger(version)
    return Ledger(
        {name: r for name, r in known.items() if r.contract is Contract.OPAMP and not r.is_newer_than(version)}
    )


def _counts(requirements: Iterable[Requirement]) -> dict[str, int]:
    counts = dict.fromkeys(
        (
            "of servers, checked by scenarios",
            "of servers, not observable from outside, with the reason",
            "of agents, checked by scenarios",
            "of agents, checked in any conversation",
            "of agents, not checked, with the reason",
        ),
        0,
    )
    server, unseen, agent, any_conversation, unchecked = counts
    for requirement in requirements:
        if load_catalogue().checking(requirement.id):
            counts[server] += 1
        elif requirement.subject is not Subject.AGENT:
            counts[unseen] += 1
        elif load_catalogue(Subject.AGENT).checking(requirement.id):
            counts[agent] += 1
        else:
            counts[any_conversation if requirement.id in REQUIREMENTS else unchecked] += 1
    return counts
