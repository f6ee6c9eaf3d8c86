"""The scenarios of the suite, read from the features and checked against the ledger."""

import functools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from opamp_conformance import resources
from opamp_conformance.errors import ConformanceError
from opamp_conformance.ledger.ledger import Contract, Ledger, Level, Requirement, Subject, load_ledger
from opamp_conformance.ledger.versions import SpecVersion
from opamp_conformance.suite.features import WrittenFeature, WrittenScenario, read_feature
from opamp_conformance.wire.transport import Transport

_CONTRACT_TAG: Final = "contract."
_TRANSPORT_TAG: Final = "transport."
_DISRUPTIVE_TAG: Final = "disruptive"
_AGENT_TAG: Final = "agent"
_AGENT_FEATURES: Final = "agents.feature"
"""The name of the file of each chapter that has the scenarios about agents."""
_OTHER_TAGS: Final = {
    _DISRUPTIVE_TAG,
    _AGENT_TAG,
    *(f"{_CONTRACT_TAG}{contract}" for contract in Contract),
    *(f"{_TRANSPORT_TAG}{transport}" for transport in Transport),
}
_NOT_IN_KEYS: Final = re.compile(r"[^A-Za-z0-9]+")

REACHABILITY: Final = ("transport.server-accepts-http", "transport.server-accepts-ws")
"""The requirements that a server breaks by not serving a transport; then nothing else is checked over it."""


@dataclass(frozen=True)
class Scenario:
    """One scenario, or scenario outline, with what it checks.

    ``key`` is its stable name: the id of its requirement, with a slug if the requirement has several scenarios.
    ``title`` is prose for people, and may change. ``examples`` are the values of an outline, whose title and steps have
    placeholders. A disruptive scenario could hurt a shared server.
    """

    key: str
    title: str
    examples: tuple[Mapping[str, str], ...]
    steps: tuple[str, ...]
    tags: frozenset[str]
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
    def is_about_reachability(self) -> bool:
        """Whether it checks that the server serves a transport at all."""
        return any(requirement.id in REACHABILITY for requirement in self.requirements)

    @property
    def since(self) -> SpecVersion:
        """The first version of the specification that has anything of what it checks."""
        return min((requirement.since for requirement in self.requirements), key=list(SpecVersion).index)

    def is_newer_than(self, version: SpecVersion) -> bool:
        return all(requirement.is_newer_than(version) for requirement in self.requirements)

    def has_ended_by(self, version: SpecVersion) -> bool:
        return all(requirement.has_ended_by(version) for requirement in self.requirements)

    def case(self, values: Mapping[str, str], transport: Transport) -> "Case":
        """Return the scenario with the values of one example, over one transport."""
        key, title = self.key, self.title
        for name, value in values.items():
            key = f"{key}.{_NOT_IN_KEYS.sub('-', value)}"
            title = title.replace(f"<{name}>", value)
        return Case(self, key, title, transport)

    def cases(self) -> list["Case"]:
        """Return everything of it that can run, in order."""
        return [self.case(values, transport) for values in self.examples or ({},) for transport in self.transports]


@dataclass(frozen=True)
class Case:
    """One scenario as it runs: with the values of one example, over one transport."""

    scenario: Scenario
    key: str
    title: str
    transport: Transport


@dataclass(frozen=True)
class Catalogue(Mapping[str, Scenario]):
    """All scenarios by key, in the order of chapters."""

    scenarios: Mapping[str, Scenario]

    @cached_property
    def _by_requirement(self) -> dict[str, list[Scenario]]:
        found: dict[str, list[Scenario]] = {}
        for scenario in self.scenarios.values():
            for requirement in scenario.requirements:
                found.setdefault(requirement.id, []).append(scenario)
        return found

    def __getitem__(self, key: str) -> Scenario:
        return self.scenarios[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.scenarios)

    def __len__(self) -> int:
        return len(self.scenarios)

    def cases(self) -> list[Case]:
        """Return everything that can run, in order."""
        return [case for scenario in self.values() for case in scenario.cases()]

    def checking(self, requirement: str) -> list[Scenario]:
        """Return the scenarios that check a requirement, in their order."""
        return self._by_requirement.get(requirement, [])


class FeatureLintError(ConformanceError):
    """The features break a rule of the suite; the message lists every problem."""


def load_catalogue(subject: Subject = Subject.SERVER) -> Catalogue:
    """Return the scenarios of all features about servers, or about agents; raises FeatureLintError."""
    return _read_once(subject)


@functools.cache
def _read_once(subject: Subject) -> Catalogue:
    return read_features(resources.folder("features"), load_ledger(), subject)


@functools.cache
def load_both_sides() -> Catalogue:
    """Return all scenarios, those about servers and those about agents; raises FeatureLintError."""
    servers, agents = load_catalogue(Subject.SERVER), load_catalogue(Subject.AGENT)
    twice = sorted(set(servers) & set(agents))
    if twice:
        raise FeatureLintError(f"{twice[0]}: a scenario about servers and one about agents have this key")
    return Catalogue({**servers, **agents})


def read_features(folder: Path, ledger: Ledger, subject: Subject = Subject.SERVER) -> Catalogue:
    """Read and lint the features of a folder about one side against a ledger; raises FeatureLintError."""
    found: list[Scenario] = []
    problems: list[str] = []
    is_about_agents = subject is Subject.AGENT
    paths = sorted(path for path in folder.rglob("*.feature") if (path.name == _AGENT_FEATURES) is is_about_agents)
    for feature in map(read_feature, paths):
        if (_AGENT_TAG in feature.tags) is not is_about_agents:
            problems.append(
                f"{feature.path}: the tag @agent belongs to features in files {_AGENT_FEATURES}, and only there"
            )
        for written in feature.scenarios:
            tags = Tags.of(written, ledger)
            problems += _problems(written, tags, ledger)
            if not problems:
                found.append(_scenario(feature, written, tags, ledger))
    twice = [key for key, count in Counter(scenario.key for scenario in found).items() if count > 1]
    problems += [f"{key}: more than one scenario has this key; give each a slug" for key in twice]
    if problems:
        raise FeatureLintError("\n".join(problems))
    return Catalogue({scenario.key: scenario for scenario in found})


@dataclass(frozen=True)
class Tags:
    """The parsed tags of a scenario. ``requirements`` are ids by tag: a tag may add a slug to an id."""

    everything: frozenset[str]
    levels: frozenset[str]
    requirements: Mapping[str, str]
    unknown: frozenset[str]

    @classmethod
    def of(cls, written: WrittenScenario, ledger: Ledger) -> "Tags":
        levels = written.tags & set(Level)
        named = written.tags - levels - _OTHER_TAGS
        ids = {tag: _requirement_of(tag, ledger) for tag in named}
        known = {tag: requirement for tag, requirement in ids.items() if requirement is not None}
        return cls(written.tags, levels, known, frozenset(ids) - frozenset(known))

    @property
    def keys(self) -> list[str]:
        """The tags that can be the key: those with a slug, or the only requirement. There has to be just one."""
        with_slug = [tag for tag, requirement in self.requirements.items() if tag != requirement]
        return with_slug or list(self.requirements)


def _requirement_of(tag: str, ledger: Ledger) -> str | None:
    """Return the requirement that a tag names: a slug may follow the id after a dot."""
    if tag in ledger:
        return tag
    without_slug = tag.rpartition(".")[0]
    return without_slug if without_slug in ledger else None


def _problems(written: WrittenScenario, tags: Tags, ledger: Ledger) -> list[str]:
    title = written.title
    problems = [f"{title!r}: {tag} is not in the ledger" for tag in sorted(tags.unknown)]
    if len(tags.levels) != 1:
        problems.append(f"{title!r}: has {len(tags.levels)} level tags instead of one")
    if not tags.requirements and not tags.unknown:
        problems.append(f"{title!r}: names no requirement")
    if len(tags.keys) > 1:
        problems.append(f"{title!r}: has {len(tags.keys)} possible keys: give a slug to one of its requirements")
    for requirement in sorted(tags.requirements.values()):
        if ledger[requirement].level not in tags.levels:
            problems.append(f"{title!r}: {requirement} is of level {ledger[requirement].level}")
    if not written.asserts:
        problems.append(f"{title!r}: asserts nothing, because it has no Then")
    return problems


def _scenario(feature: WrittenFeature, written: WrittenScenario, tags: Tags, ledger: Ledger) -> Scenario:
    is_fleet = f"{_CONTRACT_TAG}{Contract.FLEET}" in tags.everything
    transports = tuple(transport for transport in Transport if f"{_TRANSPORT_TAG}{transport}" in tags.everything)
    named = set(tags.requirements.values())
    return Scenario(
        key=tags.keys[0],
        title=written.title,
        examples=tuple(values for examples in written.examples for values in examples.values()),
        steps=written.background + written.steps,
        tags=tags.everything,
        chapter=feature.path.parent.name,
        feature=feature.name or feature.path.stem,
        path=feature.path,
        contract=Contract.FLEET if is_fleet else Contract.OPAMP,
        level=Level(next(iter(tags.levels))),
        requirements=ledger.in_order(named),
        transports=transports or tuple(Transport),
        is_disruptive=_DISRUPTIVE_TAG in tags.everything,
    )
