"""What can be said of a scenario, and what a CI makes of a run."""

from collections.abc import Iterable
from enum import IntEnum, StrEnum

from opamp_conformance.errors import Breach, NotApplicable, Unmet
from opamp_conformance.ledger import Ledger, Requirement


class Verdict(StrEnum):
    """The outcome of one scenario, or of one requirement that every reply is checked against."""

    PASSED = "passed"
    FAILED = "failed"
    """A MUST is broken."""
    BLOCKED = "blocked"
    """The scenario could not be reached because the target broke a MUST on the way; not conformant."""
    WARNED = "warned"
    """A SHOULD is broken."""
    KNOWN = "known"
    """It fails as the target's profile says it does."""
    NOT_APPLICABLE = "not applicable"
    """The scenario does not concern this target."""
    ERROR = "error"
    """The suite itself failed; nothing is said of the target."""


class ExitCode(IntEnum):
    """What a run says to a CI. COULD_NOT_TELL outranks NOT_CONFORMANT."""

    CONFORMANT = 0
    NOT_CONFORMANT = 1
    COULD_NOT_TELL = 2


def judge(
    error: BaseException | None, in_given: bool, requirements: Iterable[Requirement], ledger: Ledger, *, strict: bool
) -> Verdict:
    """Turn what ended a scenario into its verdict; ``in_given`` says that a Given did."""
    match error:
        case None:
            return Verdict.PASSED
        case NotApplicable():
            return Verdict.NOT_APPLICABLE
        case Unmet():
            return Verdict.BLOCKED if ledger[error.requirement].is_binding else Verdict.NOT_APPLICABLE
        case Breach():
            if in_given:
                return Verdict.BLOCKED
            return of_breach(any(requirement.is_binding for requirement in requirements), strict=strict)
        case _:
            return Verdict.ERROR


def of_breach(is_binding: bool, *, strict: bool) -> Verdict:
    return Verdict.FAILED if is_binding or strict else Verdict.WARNED


def exit_code(verdicts: Iterable[Verdict]) -> ExitCode:
    """Sum up a run; one in which nothing ran tells nothing."""
    seen = set(verdicts)
    if not seen or Verdict.ERROR in seen:
        return ExitCode.COULD_NOT_TELL
    if seen & {Verdict.FAILED, Verdict.BLOCKED}:
        return ExitCode.NOT_CONFORMANT
    return ExitCode.CONFORMANT
