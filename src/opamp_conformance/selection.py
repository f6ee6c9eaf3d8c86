"""Which scenarios a run is to consist of."""

import difflib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from opamp_conformance.catalogue import Case
from opamp_conformance.errors import CannotTell
from opamp_conformance.ledger import Contract
from opamp_conformance.transports import Transport


@dataclass(frozen=True)
class Selection:
    """Contracts, transports, and globs over requirement ids and scenario names: ``only`` these, and ``skip`` those.

    ``disruptive`` says whether scenarios that could hurt a shared server are among them.
    """

    contracts: Sequence[Contract]
    only: Sequence[str] = ()
    skip: Sequence[str] = ()
    transports: Sequence[Transport] = tuple(Transport)
    disruptive: bool = True

    def choose(self, cases: Iterable[Case], served: Collection[Transport]) -> list[Case]:
        """Choose from all cases, given the transports that the target serves; raises CannotTell.

        Over a transport that it does not serve, all there is to ask is whether it does. A pattern that
        matches nothing, or a selection that leaves nothing, tells nothing of a target.
        """
        everything = list(cases)
        offered = [case for case in everything if case.scenario.contract in self.contracts]
        for pattern in (*self.only, *self.skip):
            if not any(_matches(pattern, case) for case in offered):
                raise CannotTell(self._nothing_matches(pattern, everything))
        chosen = [case for case in offered if self._is_meant(case) and self._can_run(case, served)]
        if not chosen:
            raise CannotTell("nothing is selected: what --only asks for, other options leave out")
        return chosen

    def _is_meant(self, case: Case) -> bool:
        return (not self.only or any(_matches(pattern, case) for pattern in self.only)) and not any(
            _matches(pattern, case) for pattern in self.skip
        )

    def _can_run(self, case: Case, served: Collection[Transport]) -> bool:
        return (
            case.transport in self.transports
            and (case.transport in served or case.scenario.is_about_being_there)
            and (self.disruptive or not case.scenario.is_disruptive)
        )

    def _nothing_matches(self, pattern: str, cases: list[Case]) -> str:
        elsewhere = {case.scenario.contract for case in cases if _matches(pattern, case)}
        if elsewhere:
            return f"{pattern!r} matches nothing in this contract; add --contract {elsewhere.pop()}"
        known = {case.name for case in cases} | {r.id for case in cases for r in case.scenario.requirements}
        return f"{pattern!r} matches no requirement and no scenario{nearest(pattern, known)}"


def nearest(word: str, known: Iterable[str]) -> str:
    """Suggest what may have been meant, as the end of a sentence."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def _matches(pattern: str, case: Case) -> bool:
    texts = (case.name, case.scenario.name, *(requirement.id for requirement in case.scenario.requirements))
    return any(text == pattern or fnmatchcase(text, pattern) for text in texts)
