"""The requirements that messages of the target broke in a run, according to the checks of every message.

A finding is a verdict of its own on its requirement. It does not fail the scenario that saw it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from opamp_conformance.checks.exchanges import CUSTOM_MESSAGES, EXCHANGE_CHECKS, NEW_INSTANCE_UIDS, Memory
from opamp_conformance.checks.server_messages import CHECKS, TRUTHFUL, undeclared_use
from opamp_conformance.errors import Violation
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import HttpRequest

MAX_SAMPLES: Final = 3
"""How many exchanges a finding keeps, so that a run with many violations stays small."""


@dataclass
class Finding:
    """A breach of one requirement, seen ``count`` times; ``samples`` are the first ones."""

    requirement: str
    violation: Violation
    count: int = 0
    samples: list[Exchange] = field(default_factory=list)


class Findings:
    """The findings of a run."""

    def __init__(self) -> None:
        self._findings: dict[str, Finding] = {}
        self._announced = 0
        self._memory = Memory()

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._findings.values())

    def inspect(self, exchange: Exchange) -> None:
        """Check one exchange; the scenario judges a response that is not a ServerToAgent."""
        for requirement, look in EXCHANGE_CHECKS.items():
            self._book(requirement, look(exchange), exchange)
        if exchange.message is None:
            return
        sent = exchange.request.message
        is_encoded = isinstance(exchange.request, HttpRequest) and "Content-Encoding" in exchange.request.headers
        if exchange.message.HasField("error_response") and is_encoded:
            sent = None  # A server that cannot decompress a message does not know its sender.
        for requirement, check in CHECKS.items():
            self._book(requirement, check(sent, exchange.message), exchange)
        self._memory.note(exchange)
        self._book(CUSTOM_MESSAGES, self._memory.undeclared_custom_message(exchange), exchange)
        self._book(NEW_INSTANCE_UIDS, self._memory.uid_that_is_not_new(exchange), exchange)
        self._announced |= exchange.message.capabilities
        self._book(TRUTHFUL, undeclared_use(self._announced, exchange.message), exchange)

    def _book(self, requirement: str, violation: Violation | None, exchange: Exchange) -> None:
        if violation is None:
            return
        finding = self._findings.setdefault(requirement, Finding(requirement, violation))
        finding.count += 1
        if finding.count <= MAX_SAMPLES:
            finding.samples.append(exchange)
