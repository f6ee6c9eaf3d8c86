"""What can go wrong in a run, and whose fault it is."""


class CannotTell(Exception):
    """Nothing can be said about the target: bad options, unreadable files, no OpAMP reply at all. Exit code 2.

    The message is one line that says what to do.
    """


class Throttled(CannotTell):
    """The target is too busy to be judged, and says so."""


class Breach(AssertionError):
    """The target does not do what a step asserts."""

    def __init__(self, expected: str, actual: str) -> None:
        super().__init__(f"expected {expected}; got {actual}")
        self.expected = expected
        self.actual = actual


class Unmet(Exception):
    """A step cannot be reached because the target breaks another requirement first.

    Whether the scenario is then blocked or not applicable depends on that requirement's weight: a server
    that may leave something out is not to blame for what would follow from it.
    """

    def __init__(self, requirement: str, breach: Breach | str) -> None:
        super().__init__(str(breach))
        self.requirement = requirement


class NotApplicable(Exception):
    """The scenario does not concern this target; the message says why."""


class HarnessFault(Exception):
    """The suite itself did something the specification forbids an agent to do."""
