"""The requirements that messages of the target broke in a run, according to the checks of every message.

A finding is a verdict of its own on its requirement. It does not fail the scenario that saw it.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from opamp_conformance.checks.conversation import Conversation
from opamp_conformance.checks.exchanges import EXCHANGE_CHECKS
from opamp_conformance.checks.offer_memory import Breach
from opamp_conformance.checks.server_messages import CHECKS, TRUTHFUL, undeclared_use
from opamp_conformance.checks.situation import shows_its_sender
from opamp_conformance.checks.support import signs
from opamp_conformance.errors import Violation
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.wire.exchange import Exchange

MAX_SAMPLES: Final = 3
"""How many exchanges a finding keeps, so that a run with many violations stays small."""


@dataclass
class Finding:
    """A breach of one requirement, seen ``count`` times; ``samples`` are the first ones.

    It is excused if all its breaches are. Otherwise, ``violation``, ``samples`` and ``where`` are of the others.
    """

    requirement: str
    violation: Violation
    is_excused: bool = False
    where: str = ""
    """The command that runs the scenario of the first one, empty if it came between scenarios."""
    count: int = 0
    samples: list[Exchange] = field(default_factory=list)


Excuses = Callable[[str, Violation], bool]
"""Returns whether a breach of a requirement is excused at the moment."""


class Findings:
    """The findings of a run, and the conversations that they come from."""

    def __init__(
        self, contracts: Collection[str] = (Contract.OPAMP,), excuses: Excuses = lambda requirement, violation: False
    ) -> None:
        self._excuses = excuses
        self._findings: dict[str, Finding] = {}
        self._announced = 0
        self.signs: set[str] = set()
        """What the server has done that shows which parts of OpAMP it supports (checks/support.py)."""
        self.conversation = Conversation(contracts)
        self.where = ""
        """The command that runs the current scenario, empty between scenarios."""

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._findings.values())

    def inspect(self, exchange: Exchange) -> None:
        """Check one exchange, and book what it breaks."""
        breaches = [*self._look_at(exchange), *self._look_at_message(exchange), *self.conversation.follow(exchange)]
        for requirement, violation in breaches:
            self.book(requirement, violation, exchange)

    def _look_at(self, exchange: Exchange) -> Iterator[Breach]:
        for requirement, look in EXCHANGE_CHECKS.items():
            violation = look(exchange)
            if violation is not None:
                yield requirement, violation

    def _look_at_message(self, exchange: Exchange) -> Iterator[Breach]:
        """Check a ServerToAgent; the scenario judges a response that is something else."""
        reply = exchange.message
        if reply is None:
            return
        sent = self.conversation.sent_to(exchange)
        if reply.HasField("error_response") and not exchange.is_push and not shows_its_sender(exchange):
            sent = None  # A server that refuses a request before it reads the message does not know the sender.
        for requirement, check in CHECKS.items():
            violation = check(sent, reply)
            if violation is not None:
                yield requirement, violation
        self._announced |= reply.capabilities
        self.signs.update(signs(exchange.request.message, reply))
        violation = undeclared_use(self._announced, reply)
        if violation is not None:
            yield TRUTHFUL, violation

    def book(self, requirement: str, violation: Violation, exchange: Exchange) -> None:
        """Note that an exchange breaks a requirement."""
        is_excused = self._excuses(requirement, violation)
        finding = self._findings.setdefault(requirement, Finding(requirement, violation, is_excused, self.where))
        finding.count += 1
        if finding.is_excused and not is_excused:
            finding.violation, finding.is_excused, finding.where, finding.samples = violation, False, self.where, []
        if finding.is_excused is is_excused and len(finding.samples) < MAX_SAMPLES:
            finding.samples.append(exchange)
