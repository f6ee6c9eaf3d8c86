"""What agents broke, for ``serve`` and ``watch``: lines for people, and the exit code."""

from typing import Final

import click

from opamp_agent_checks import AgentFinding, AgentJudge, Severity
from opamp_conformance.ledger.ledger import load_ledger
from opamp_conformance.ledger.versions import NEWEST
from opamp_conformance.results.verdicts import ExitCode
from opamp_conformance.text import counted, printable, shortened

_MOST_AGENTS_SHOWN: Final = 3


def line_of(finding: AgentFinding) -> str:
    """Describe a finding in one line."""
    return printable(shortened(str(finding)))


def tell(judge: AgentJudge) -> None:
    """Print what agents broke, by requirement, the worst first."""
    found = groups(judge)
    if not judge.agents and not found:
        click.echo("no agent came")
        return
    came = counted(judge.agents, "agent") if judge.agents else "no agent that can be understood"
    click.echo(f"{came} came; broken: {counted(len(found), 'requirement')}")
    for findings in found:
        first, count = findings[0], sum(finding.count for finding in findings)
        uids = list(dict.fromkeys(finding.instance_uid.hex() or "unknown" for finding in findings))
        more = f" and {len(uids) - _MOST_AGENTS_SHOWN} others" if len(uids) > _MOST_AGENTS_SHOWN else ""
        shown = ", ".join(uids[:_MOST_AGENTS_SHOWN])
        where = f"{counted(count, 'message')} of {shown}{more}"
        tell_breach(first.severity, first.requirement, where, first.expected, first.actual)
        if first.provoked_by:
            click.echo(f"    provoked by {first.provoked_by}")


def tell_breach(severity: Severity, requirement: str, where: str, expected: str, actual: str) -> None:
    """Print what broke a requirement."""
    click.echo(f"{severity}  {requirement}, in {where}")
    click.echo(f"    expected {printable(shortened(expected))}; got {printable(shortened(actual))}")
    click.echo(f"    see {load_ledger(NEWEST)[requirement].link}")


def exit_code_of_agents(judge: AgentJudge, fails_on: str | None) -> ExitCode:
    """Return the exit code: COULD_NOT_TELL if no agent came. What the server has provoked does not count."""
    if not judge.agents and not judge.findings:
        return ExitCode.COULD_NOT_TELL
    return exit_code_of({finding.severity for finding in judge.findings if not finding.provoked_by}, fails_on)


def exit_code_of(severities: set[Severity], fails_on: str | None) -> ExitCode:
    """Return the exit code of findings with these severities."""
    worst = {"MUST": {Severity.FAILURE}, "SHOULD": {Severity.FAILURE, Severity.WARNING}, None: set()}[fails_on]
    return ExitCode.NOT_CONFORMANT if severities & worst else ExitCode.CONFORMANT


def groups(judge: AgentJudge) -> list[list[AgentFinding]]:
    """Return the findings about agents for each requirement: what was not provoked first, and the worst first."""

    def badness(finding: AgentFinding) -> tuple[bool, int]:
        return bool(finding.provoked_by), tuple(Severity).index(finding.severity)

    return sorted(
        (sorted(findings, key=badness) for findings in judge.by_requirement().values()),
        key=lambda findings: badness(findings[0]),
    )
