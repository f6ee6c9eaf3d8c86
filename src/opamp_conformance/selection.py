"""Which scenarios a run is to consist of."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from opamp_conformance.catalogue import Scenario
from opamp_conformance.errors import CannotTell
from opamp_conformance.ledger import Contract


@dataclass(frozen=True)
class Selection:
    """Contracts, and globs over requirement ids and scenario names: ``only`` these, and ``skip`` those."""

    contracts: Sequence[Contract]
    only: Sequence[str] = ()
    skip: Sequence[str] = ()

    def choose(self, names: Iterable[tuple[Scenario, str]]) -> list[bool]:
        """Tell for each scenario and its full name whether it is to run; raises CannotTell.

        A pattern that matches nothing, or a selection that leaves nothing, tells nothing of a target.
        """
        offered = list(names)
        of_contract = [(scenario, name) for scenario, name in offered if scenario.contract in self.contracts]
        for pattern in (*self.only, *self.skip):
            if not any(_matches(pattern, *entry) for entry in of_contract):
                raise CannotTell(self._nothing_matches(pattern, offered))
        chosen = [
            scenario.contract in self.contracts
            and (not self.only or any(_matches(pattern, scenario, name) for pattern in self.only))
            and not any(_matches(pattern, scenario, name) for pattern in self.skip)
            for scenario, name in offered
        ]
        if not any(chosen):
            raise CannotTell("nothing is selected: what --only asks for, --skip leaves out")
        return chosen

    def _nothing_matches(self, pattern: str, offered: list[tuple[Scenario, str]]) -> str:
        elsewhere = {scenario.contract for scenario, name in offered if _matches(pattern, scenario, name)}
        if elsewhere:
            return f"{pattern!r} matches nothing in this contract; add --contract {elsewhere.pop()}"
        known = {name for _, name in offered} | {r.id for scenario, _ in offered for r in scenario.requirements}
        return f"{pattern!r} matches no requirement and no scenario{nearest(pattern, known)}"


def nearest(word: str, known: Iterable[str]) -> str:
    """Suggest what may have been meant, as the end of a sentence."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def _matches(pattern: str, scenario: Scenario, name: str) -> bool:
    texts = (name, scenario.name, *(requirement.id for requirement in scenario.requirements))
    return any(text == pattern or fnmatchcase(text, pattern) for text in texts)
