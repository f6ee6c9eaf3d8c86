"""The selection of scenarios for a run."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.suite.catalogue import Case
from opamp_conformance.text import did_you_mean
from opamp_conformance.wire.transport import Transport


@dataclass(frozen=True)
class Selection:
    """Contracts, transports, and globs over requirement ids and scenario keys: ``only`` these, and ``skip`` those.

    ``disruptive`` says whether scenarios that could hurt a shared server are included.
    """

    contracts: Sequence[Contract]
    only: Sequence[str] = ()
    skip: Sequence[str] = ()
    transports: Sequence[Transport] = tuple(Transport)
    disruptive: bool = True

    def choose(self, cases: Iterable[Case], served: Collection[Transport]) -> list[Case]:
        """Choose from all cases, given the transports that the target serves; raises InconclusiveError.

        Over a transport that the target does not serve, the only question is whether it does. A pattern that matches
        nothing is an error, and so is a selection that leaves nothing: neither says anything about a target.
        """
        everything = list(cases)
        in_contract = [case for case in everything if case.scenario.contract in self.contracts]
        for pattern in (*self.only, *self.skip):
            if not any(_matches(pattern, case) for case in in_contract):
                raise InconclusiveError(self._nothing_matches(pattern, everything))
        chosen = [case for case in in_contract if self._is_wanted(case) and self._can_run(case, served)]
        if not chosen:
            raise InconclusiveError("nothing is selected: other options exclude what --only asks for")
        return chosen

    def _is_wanted(self, case: Case) -> bool:
        return (not self.only or any(_matches(pattern, case) for pattern in self.only)) and not any(
            _matches(pattern, case) for pattern in self.skip
        )

    def _can_run(self, case: Case, served: Collection[Transport]) -> bool:
        return (
            case.transport in self.transports
            and (case.transport in served or case.scenario.is_about_reachability)
            and (self.disruptive or not case.scenario.is_disruptive)
        )

    def _nothing_matches(self, pattern: str, cases: list[Case]) -> str:
        elsewhere = {case.scenario.contract for case in cases if _matches(pattern, case)}
        if elsewhere:
            return f"{pattern!r} matches nothing in this contract; add --contract {elsewhere.pop()}"
        known = {case.key for case in cases} | {r.id for case in cases for r in case.scenario.requirements}
        return f"{pattern!r} matches no requirement and no scenario{did_you_mean(pattern, known)}"


def _matches(pattern: str, case: Case) -> bool:
    texts = (case.key, case.scenario.key, *(requirement.id for requirement in case.scenario.requirements))
    return any(text == pattern or fnmatchcase(text, pattern) for text in texts)
