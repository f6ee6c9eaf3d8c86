"""The ledger: every requirement that the suite knows, with its level and its place in the specification."""

import functools
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib import resources
from itertools import pairwise
from typing import Any

from opamp_conformance.errors import ConformanceError
from opamp_conformance.ledger.versions import NEWEST, OLDEST, SpecVersion

_REPOSITORY = "https://github.com/open-telemetry/opamp-spec"


class Contract(StrEnum):
    """The requirements that a server promises to meet: those of the specification, or also those of Fleet Server."""

    OPAMP = "opamp"
    FLEET = "fleet"


class Level(StrEnum):
    """The keyword of a statement; IMPLIED means that it has none."""

    MUST = "MUST"
    MUST_NOT = "MUST-NOT"
    SHOULD = "SHOULD"
    SHOULD_NOT = "SHOULD-NOT"
    MAY = "MAY"
    IMPLIED = "implied"


class Subject(StrEnum):
    """Which side has to meet a requirement."""

    SERVER = "server"
    AGENT = "agent"
    BOTH = "both"


class LedgerError(ConformanceError):
    """The ledger is inconsistent: a defect of the suite."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One statement of the specification, in our words.

    ``counts_as`` is the level of a verdict where it is not that of the statement, and ``because`` says why. ``status``
    is the maturity in the specification. ``since`` and ``until`` are the first and the last version that has it.
    ``version`` is the one that its link leads to. ``unchecked`` says why no scenario checks it. A statement of the
    fleet contract has the ``source`` that it comes from, and a ``reading`` if the source does not say it in these
    words. ``sentences`` are hashes of the sentences of the specification, ``proto_sentences`` of those in its .proto
    files.
    """

    id: str
    level: Level
    contract: Contract
    section: str
    statement: str
    subject: Subject = Subject.SERVER
    line: str | None = None
    status: str | None = None
    since: SpecVersion = OLDEST
    until: SpecVersion = NEWEST
    version: SpecVersion = NEWEST
    counts_as: Level | None = None
    because: str | None = None
    unchecked: str | None = None
    source: str | None = None
    reading: str | None = None
    sentences: tuple[str, ...] = ()
    proto_sentences: tuple[str, ...] = ()

    @property
    def is_binding(self) -> bool:
        """Whether a violation makes a server not conformant; otherwise it is only a warning."""
        return (self.counts_as or self.level) in (Level.MUST, Level.MUST_NOT)

    @property
    def is_of_proto(self) -> bool:
        """Whether it is in a .proto file, not in the text of the specification."""
        return self.section.startswith("proto:")

    @property
    def link(self) -> str:
        """The place of the statement: in the specification, or in what Fleet Server publishes."""
        if self.source is not None:
            return self.source
        if self.is_of_proto:
            return f"{_REPOSITORY}/blob/{self.version.tag}/{self.version.proto}"
        if self.section.endswith(".md"):
            return f"{_REPOSITORY}/blob/{self.version.tag}/{self.section}"
        return f"{_REPOSITORY}/blob/{self.version.tag}/specification.md#{self.section}"

    def is_newer_than(self, version: SpecVersion) -> bool:
        """Whether a server of that version does not have to meet it yet."""
        return version.is_before(self.since)

    def has_ended_by(self, version: SpecVersion) -> bool:
        """Whether that version does not have it any more."""
        return self.until.is_before(version)


class Ledger(Mapping[str, Requirement]):
    """All requirements by id, in the order of the files."""

    def __init__(self, requirements: Mapping[str, Requirement]) -> None:
        self._requirements = dict(requirements)
        self._positions = {requirement: position for position, requirement in enumerate(requirements)}

    def __getitem__(self, requirement: str) -> Requirement:
        return self._requirements[requirement]

    def __iter__(self) -> Iterator[str]:
        return iter(self._requirements)

    def __len__(self) -> int:
        return len(self._requirements)

    def in_order(self, requirements: Iterable[str]) -> tuple[Requirement, ...]:
        """Return some requirements by their ids, in the order of the ledger."""
        return tuple(self[requirement] for requirement in sorted(requirements, key=self._positions.__getitem__))

    def due(self, requirements: Iterable[Requirement], version: SpecVersion) -> list[Requirement]:
        """Return those of some requirements that a version has; if it has none of them, the newer ones."""
        known = [self[requirement.id] for requirement in requirements if requirement.id in self]
        return [requirement for requirement in known if not requirement.is_newer_than(version)] or known


@functools.cache
def load_ledger(version: SpecVersion | None = None) -> Ledger:
    """Read the ledger that comes with the suite.

    With a ``version``, it has the requirements of that version and, as they will be, those of newer ones. Without one,
    it has all requirements that there have ever been, as they are now.
    """
    found = {}
    for requirement, spans in _entries().items():
        span = spans[-1] if version is None else _span_of(spans, version)
        if span is not None:
            found[requirement] = span
    return Ledger(found)


@functools.cache
def _entries() -> Mapping[str, Sequence[Requirement]]:
    """Read all files of the ledger: the spans of each requirement."""
    entries = {}
    for contract in Contract:
        folder = resources.files(__package__).joinpath(contract)
        for file in sorted(folder.iterdir(), key=lambda file: file.name):
            for requirement, entry in tomllib.loads(file.read_text(encoding="utf-8")).items():
                entries[requirement] = read_entry(requirement, contract, entry)
    return entries


def _span_of(spans: Sequence[Requirement], version: SpecVersion) -> Requirement | None:
    """Return a requirement as a version has it, or a newer one; None if it has ended by then."""
    for span in spans:
        if not span.has_ended_by(version):
            return replace(span, version=span.since if span.is_newer_than(version) else version)
    return None


def read_entry(requirement: str, contract: Contract, entry: dict[str, Any] | list[dict[str, Any]]) -> list[Requirement]:
    """Read the entry of a requirement: a table, or a table for each span of versions in which it was the same."""
    spans = [_read(requirement, contract, span) for span in (entry if isinstance(entry, list) else [entry])]
    for before, after in pairwise(spans):
        if not before.until.is_before(after.since):
            raise LedgerError(f"{requirement}: the spans of versions overlap, or are not in their order")
    return spans


def _read(requirement: str, contract: Contract, entry: dict[str, Any]) -> Requirement:
    try:
        level = Level(entry.pop("level"))
        counts_as = entry.pop("counts_as", None)
        until = SpecVersion(entry.pop("until", NEWEST))
        read = Requirement(
            requirement,
            level,
            contract,
            subject=Subject(entry.pop("subject", Subject.SERVER)),
            counts_as=None if counts_as is None else Level(counts_as),
            since=SpecVersion(entry.pop("since", OLDEST)),
            until=until,
            version=until,
            sentences=tuple(entry.pop("sentences", ())),
            proto_sentences=tuple(entry.pop("proto_sentences", ())),
            **entry,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise LedgerError(f"{requirement}: {error}") from error
    if (contract is Contract.FLEET) is not (read.source is not None):
        raise LedgerError(f"{requirement}: a statement of the fleet contract, and no other, needs a source")
    is_decided = read.counts_as is not None and read.because is not None
    if level is Level.IMPLIED and not is_decided and read.subject is not Subject.AGENT and not read.unchecked:
        raise LedgerError(f"{requirement}: an implied statement that is checked needs counts_as and because")
    return read
