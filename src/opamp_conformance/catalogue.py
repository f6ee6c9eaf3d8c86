"""The scenarios of the suite, read from the features and checked against the ledger."""

import functools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pytest_bdd.feature import get_features
from pytest_bdd.parser import Feature, ScenarioTemplate

from opamp_conformance import resources
from opamp_conformance.ledger import Contract, Ledger, Level, Requirement, load
from opamp_conformance.transports import Transport

_CONTRACT_TAG = "contract."
_TRANSPORT_TAG = "transport."
_DISRUPTIVE_TAG = "disruptive"
_OURS = {
    _DISRUPTIVE_TAG,
    *(f"{_CONTRACT_TAG}{contract}" for contract in Contract),
    *(f"{_TRANSPORT_TAG}{transport}" for transport in Transport),
}


@dataclass(frozen=True)
class Scenario:
    """One scenario, or scenario outline, with what it checks.

    ``names`` are those of its examples, if it is an outline, and ``steps`` have its placeholders then. A disruptive one
    could hurt a shared server.
    """

    name: str
    names: tuple[str, ...]
    steps: tuple[str, ...]
    chapter: str
    feature: str
    path: Path
    contract: Contract
    level: Level
    requirements: tuple[Requirement, ...]
    transports: tuple[Transport, ...]
    is_disruptive: bool

    @property
    def is_in_development(self) -> bool:
        """Whether the specification marks what it checks as [Development]."""
        return any(requirement.status == "Development" for requirement in self.requirements)

    @property
    def is_about_being_there(self) -> bool:
        """Whether it asks if the server serves a transport at all."""
        return any(requirement.id in REACHABILITY for requirement in self.requirements)


REACHABILITY = ("transport.server-accepts-http", "transport.server-accepts-ws")
"""The requirements that a server breaks by not serving a transport; then nothing else is asked of it there."""


@dataclass(frozen=True)
class Case:
    """One scenario as it runs: with the values of one example, over one transport."""

    scenario: Scenario
    name: str
    transport: Transport


@dataclass(frozen=True)
class Catalogue(Mapping[str, Scenario]):
    """All scenarios by name, in the order of chapters; names are unique."""

    scenarios: Mapping[str, Scenario]

    @cached_property
    def _by_requirement(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for scenario in self.scenarios.values():
            for requirement in scenario.requirements:
                found.setdefault(requirement.id, []).append(scenario.name)
        return found

    def __getitem__(self, name: str) -> Scenario:
        return self.scenarios[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.scenarios)

    def __len__(self) -> int:
        return len(self.scenarios)

    def cases(self) -> list[Case]:
        """Return everything that can run, in order."""
        return [
            Case(scenario, name, transport)
            for scenario in self.values()
            for name in scenario.names
            for transport in scenario.transports
        ]

    def checking(self, requirement: str) -> list[str]:
        """Return the names of the scenarios that check a requirement, in their order."""
        return self._by_requirement.get(requirement, [])


class LintError(Exception):
    """The features break a rule of the suite; the message lists every breach."""


@functools.cache
def load_catalogue() -> Catalogue:
    """Read and lint all features; raises LintError."""
    return read(resources.folder("features"), load())


def read(folder: Path, ledger: Ledger) -> Catalogue:
    """Read and lint the features of a folder against a ledger; raises LintError."""
    found: list[Scenario] = []
    problems: list[str] = []
    for feature in sorted(get_features([str(folder)]), key=lambda feature: feature.filename):
        for template in feature.scenarios.values():
            all_tags = tags_of(feature, template)
            problems += _problems(template, all_tags, ledger)
            if not problems:
                found.append(_scenario(feature, template, all_tags, ledger))
    twice = [name for name, count in Counter(scenario.name for scenario in found).items() if count > 1]
    problems += [f"{name!r}: more than one scenario has this name" for name in twice]
    if problems:
        raise LintError("\n".join(problems))
    return Catalogue({scenario.name: scenario for scenario in found})


def tags_of(feature: Feature, template: ScenarioTemplate) -> set[str]:
    return set(template.tags) | set(feature.tags) | set(template.rule.tags if template.rule else ())


def _problems(template: ScenarioTemplate, tags: set[str], ledger: Ledger) -> list[str]:
    name, levels = template.name, tags & set(Level)
    ids = tags - levels - _OURS
    problems = []
    if len(levels) != 1:
        problems.append(f"{name!r}: has {len(levels)} level tags instead of one")
    if not ids:
        problems.append(f"{name!r}: names no requirement")
    for requirement in sorted(ids):
        if requirement not in ledger:
            problems.append(f"{name!r}: {requirement} is not in the ledger")
        elif ledger[requirement].level not in levels:
            problems.append(f"{name!r}: {requirement} is of level {ledger[requirement].level}")
    if not any(step.type == "then" for step in template.steps):
        problems.append(f"{name!r}: asserts nothing, as it has no Then")
    return problems


def _scenario(feature: Feature, template: ScenarioTemplate, tags: set[str], ledger: Ledger) -> Scenario:
    path = Path(feature.filename)
    is_fleet = f"{_CONTRACT_TAG}{Contract.FLEET}" in tags
    transports = tuple(transport for transport in Transport if f"{_TRANSPORT_TAG}{transport}" in tags)
    return Scenario(
        name=template.name,
        names=tuple(_names(template)),
        steps=tuple(f"{step.keyword} {step.name}" for step in template.steps),
        chapter=path.parent.name,
        feature=feature.name or path.stem,
        path=path,
        contract=Contract.FLEET if is_fleet else Contract.OPAMP,
        level=Level(next(iter(tags & set(Level)))),
        requirements=tuple(ledger[tag] for tag in ledger if tag in tags),
        transports=transports or tuple(Transport),
        is_disruptive=_DISRUPTIVE_TAG in tags,
    )


def _names(template: ScenarioTemplate) -> Iterator[str]:
    if not template.examples:
        yield template.name
    for examples in template.examples:
        for values in examples.as_contexts():
            yield with_values(template.name, values)


def with_values(name: str, values: Mapping[str, str]) -> str:
    """Return the name of a scenario outline with the values of one example."""
    for key, value in values.items():
        name = name.replace(f"<{key}>", value)
    return name
