"""The selection of scenarios for a run."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.globs import matches, require_bounded
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.ledger.versions import SpecVersion
from opamp_conformance.suite.catalogue import Case
from opamp_conformance.text import did_you_mean
from opamp_conformance.wire.transport import Transport


@dataclass(frozen=True)
class Selection:
    """Contracts, transports, and patterns: ``only`` these scenarios, and ``skip`` those.

    A pattern is a chapter, a glob over requirement ids and scenario keys, or words of a statement or a title.

    ``disruptive`` says whether scenarios that could hurt a shared server are included.
    """

    contracts: Sequence[Contract]
    only: Sequence[str] = ()
    skip: Sequence[str] = ()
    transports: Sequence[Transport] = tuple(Transport)
    disruptive: bool = True

    def choose(self, cases: Iterable[Case], served: Collection[Transport], version: SpecVersion) -> list[Case]:
        """Choose from all cases, given the transports that the target serves; raises InconclusiveError.

        What has ended by a version of the specification is left out; what is newer is not.

        Over a transport that the target does not serve, the only question is whether it does. A pattern that matches
        nothing is an error, and so is a selection that leaves nothing: neither says anything about a target.
        """
        everything = [case for case in cases if not case.scenario.has_ended_by(version)]
        in_contract = [case for case in everything if case.scenario.contract in self.contracts]
        found: dict[str, set[int]] = {}
        by_name = _by_name(in_contract)
        patterns = dict.fromkeys((*self.only, *self.skip))
        require_bounded(patterns)
        for pattern in patterns:
            found[pattern] = {id(case) for case in _found(pattern, by_name, in_contract)}
            if not found[pattern]:
                raise InconclusiveError(self._nothing_matches(pattern, everything))
        wanted = set[int]().union(*(found[pattern] for pattern in self.only)) or {id(case) for case in in_contract}
        wanted -= set[int]().union(*(found[pattern] for pattern in self.skip))
        chosen = [case for case in in_contract if id(case) in wanted and self._can_run(case, served)]
        if not chosen:
            raise InconclusiveError("nothing is selected: other options exclude what --only asks for")
        if all(case.scenario.is_newer_than(version) for case in chosen):
            raise InconclusiveError(
                f"nothing is selected that {version.tag} has: add --spec-version {chosen[0].scenario.since}"
            )
        return chosen

    def _can_run(self, case: Case, served: Collection[Transport]) -> bool:
        return (
            case.transport in self.transports
            and (case.transport in served or case.scenario.is_about_reachability)
            and (self.disruptive or not case.scenario.is_disruptive)
        )

    def _nothing_matches(self, pattern: str, cases: list[Case]) -> str:
        elsewhere = {case.scenario.contract for case in _found(pattern, _by_name(cases), cases)}
        if elsewhere:
            return f"{pattern!r} matches nothing in this contract; add --contract {elsewhere.pop()}"
        known = {case.key for case in cases} | {r.id for case in cases for r in case.scenario.requirements}
        known |= {case.scenario.chapter for case in cases}
        return f"{pattern!r} matches no chapter, no requirement and no scenario{did_you_mean(pattern, known)}"


def _by_name(cases: Iterable[Case]) -> Mapping[str, list[Case]]:
    """Return the cases by everything that names them: keys, chapters and requirements."""
    named: dict[str, list[Case]] = {}
    for case in cases:
        scenario = case.scenario
        for name in {case.key, scenario.key, scenario.chapter, *(r.id for r in scenario.requirements)}:
            named.setdefault(name, []).append(case)
    return named


def _found(pattern: str, by_name: Mapping[str, list[Case]], cases: Iterable[Case]) -> list[Case]:
    """Return the cases that a pattern means: by their names; otherwise by words of a statement or a title."""
    if pattern in by_name:
        return by_name[pattern]
    by_glob = [case for name, named in by_name.items() if matches(pattern, name) for case in named]
    return by_glob or [case for case in cases if has_words(pattern, _texts(case))]


def has_words(pattern: str, texts: Iterable[str]) -> bool:
    """Return whether one of the texts contains a pattern, in any case. A glob is no words."""
    return not set("*?[") & set(pattern) and any(pattern.lower() in text.lower() for text in texts)


def _texts(case: Case) -> list[str]:
    return [case.title, *(requirement.statement for requirement in case.scenario.requirements)]
