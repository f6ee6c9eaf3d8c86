"""The verdict on a scenario, and the exit code of a run."""

from collections.abc import Iterable
from enum import IntEnum, StrEnum

from opamp_conformance.errors import NotApplicableError, PreconditionFailedError, ViolationError
from opamp_conformance.ledger.ledger import Ledger, Requirement


class Verdict(StrEnum):
    """The outcome of one scenario, or of one requirement that every message is checked for."""

    PASSED = "passed"
    FAILED = "failed"
    """A MUST is broken."""
    BLOCKED = "blocked"
    """A Given of the scenario could not be reached because the target broke a MUST; not conformant."""
    WARNED = "warned"
    """A SHOULD is broken."""
    KNOWN = "known"
    """It fails, and the target's profile lists this failure."""
    FLAKY = "flaky"
    """It fails, and the target's profile says that it does so now and then."""
    NOT_APPLICABLE = "not applicable"
    """The scenario does not concern this target."""
    NOT_SCORED = "not scored"
    """It is about a version of the specification that is newer than that of the run."""
    ERROR = "error"
    """The suite itself failed; that says nothing about the target."""


class ExitCode(IntEnum):
    """The exit code of a run. COULD_NOT_TELL outranks NOT_CONFORMANT."""

    CONFORMANT = 0
    NOT_CONFORMANT = 1
    COULD_NOT_TELL = 2


def judge(
    error: BaseException | None, in_given: bool, requirements: Iterable[Requirement], ledger: Ledger, *, strict: bool
) -> Verdict:
    """Turn the error that ended a scenario into its verdict; ``in_given`` says whether a Given raised it."""
    match error:
        case None:
            return Verdict.PASSED
        case NotApplicableError():
            return Verdict.NOT_APPLICABLE
        case PreconditionFailedError():
            return Verdict.BLOCKED if ledger[error.requirement].is_binding else Verdict.NOT_APPLICABLE
        case ViolationError():
            if in_given:
                return Verdict.BLOCKED
            return of_violation(any(requirement.is_binding for requirement in requirements), strict=strict)
        case _:
            return Verdict.ERROR


def of_violation(is_binding: bool, *, strict: bool) -> Verdict:
    return Verdict.FAILED if is_binding or strict else Verdict.WARNED


def exit_code(verdicts: Iterable[Verdict]) -> ExitCode:
    """Sum up a run. A run without any verdict says nothing about the target."""
    seen = set(verdicts) - {Verdict.NOT_SCORED}
    if not seen or Verdict.ERROR in seen:
        return ExitCode.COULD_NOT_TELL
    if seen & {Verdict.FAILED, Verdict.BLOCKED}:
        return ExitCode.NOT_CONFORMANT
    return ExitCode.CONFORMANT
