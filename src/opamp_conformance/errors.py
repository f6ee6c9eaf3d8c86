"""The errors of a run, by their cause."""

from dataclasses import dataclass


class ConformanceError(Exception):
    """The base of all errors that this package raises."""


class InconclusiveError(ConformanceError):
    """The target cannot be judged: bad options, unreadable files, no OpAMP reply at all. Exit code 2.

    The message is one line that says what to do.
    """


class ThrottledError(InconclusiveError):
    """The target reports that it is too busy, so it cannot be judged."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One observation that breaks a requirement: what was expected, and what came. Both are for people."""

    expected: str
    actual: str

    def __str__(self) -> str:
        return f"expected {self.expected}; got {self.actual}"


class ViolationError(ConformanceError, AssertionError):
    """The target does not do what a step asserts."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(str(violation))
        self.violation = violation


class PreconditionFailedError(ConformanceError):
    """A step cannot be reached because the target breaks another requirement first.

    The level of that requirement decides the verdict: a MUST blocks the scenario, a SHOULD makes it not applicable.
    """

    def __init__(self, requirement: str, problem: Violation | str) -> None:
        """``requirement`` is the id of the requirement that the target breaks."""
        super().__init__(str(problem))
        self.requirement = requirement


class NotApplicableError(ConformanceError):
    """The scenario does not concern this target; the message says why."""


class HarnessError(ConformanceError):
    """The suite itself did something that the specification forbids an agent to do."""
