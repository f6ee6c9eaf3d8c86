"""The scenarios of the suite, read from the features and checked against the ledger."""

import functools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_bdd.feature import get_features
from pytest_bdd.parser import Feature, ScenarioTemplate

from opamp_conformance import resources
from opamp_conformance.ledger import Contract, Ledger, Level, Requirement, load

_CONTRACT_TAG = "contract."


@dataclass(frozen=True)
class Scenario:
    """One scenario, or scenario outline, with what it checks."""

    name: str
    chapter: str
    feature: str
    path: Path
    contract: Contract
    level: Level
    requirements: tuple[Requirement, ...]


@dataclass(frozen=True)
class Catalogue(Mapping[str, Scenario]):
    """All scenarios by name, in the order of chapters; names are unique."""

    scenarios: Mapping[str, Scenario]

    def __getitem__(self, name: str) -> Scenario:
        return self.scenarios[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.scenarios)

    def __len__(self) -> int:
        return len(self.scenarios)

    def checking(self, requirement: str) -> set[str]:
        """Return the names of the scenarios that check a requirement."""
        return {s.name for s in self.values() if requirement in {r.id for r in s.requirements}}


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
    ids = {tag for tag in tags - levels if not tag.startswith(_CONTRACT_TAG)}
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
    return Scenario(
        name=template.name,
        chapter=path.parent.name,
        feature=feature.name or path.stem,
        path=path,
        contract=Contract.FLEET if is_fleet else Contract.OPAMP,
        level=Level(next(iter(tags & set(Level)))),
        requirements=tuple(ledger[tag] for tag in ledger if tag in tags),
    )
