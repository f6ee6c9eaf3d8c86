"""The ledger: every requirement that the suite knows, with its level and its place in the specification."""

import functools
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import Any

from opamp_conformance.errors import ConformanceError
from opamp_proto import SPECIFICATION_VERSION

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
    is the maturity in the specification. ``since`` is ``main`` if no release has it yet. ``unchecked`` says why no
    scenario checks it. ``sentences`` are hashes of the sentences of the specification, ``proto_sentences`` of those in
    its .proto files.
    """

    id: str
    level: Level
    contract: Contract
    section: str
    statement: str
    subject: Subject = Subject.SERVER
    line: str | None = None
    status: str | None = None
    since: str | None = None
    counts_as: Level | None = None
    because: str | None = None
    unchecked: str | None = None
    sentences: tuple[str, ...] = ()
    proto_sentences: tuple[str, ...] = ()

    @property
    def is_binding(self) -> bool:
        """Whether a violation makes a server not conformant; otherwise it is only a warning."""
        return (self.counts_as or self.level) in (Level.MUST, Level.MUST_NOT)

    @property
    def is_of_main_only(self) -> bool:
        """Whether no release of the specification has it. Then the suite does not check it."""
        return self.since == "main"

    @property
    def is_of_proto(self) -> bool:
        """Whether it is in a .proto file, not in the text of the specification."""
        return self.section.startswith("proto:")

    @property
    def link(self) -> str:
        """The place of the statement: in the specification, or in the page about the fleet contract."""
        if self.contract is Contract.FLEET:
            return f"docs/fleet-contract.md#{self.section}"
        version = "main" if self.is_of_main_only else SPECIFICATION_VERSION
        if self.is_of_proto:
            return f"{_REPOSITORY}/blob/{version}/proto/opamp.proto"
        return f"{_REPOSITORY}/blob/{version}/specification.md#{self.section}"


class Ledger(Mapping[str, Requirement]):
    """All requirements by id, in the order of the files."""

    def __init__(self, requirements: Mapping[str, Requirement]) -> None:
        self._requirements = dict(requirements)

    def __getitem__(self, requirement: str) -> Requirement:
        return self._requirements[requirement]

    def __iter__(self) -> Iterator[str]:
        return iter(self._requirements)

    def __len__(self) -> int:
        return len(self._requirements)


@functools.cache
def load_ledger() -> Ledger:
    """Read the ledger that comes with the suite."""
    requirements = {}
    for contract in Contract:
        folder = resources.files(__package__).joinpath(contract)
        for file in sorted(folder.iterdir(), key=lambda file: file.name):
            for requirement, entry in tomllib.loads(file.read_text(encoding="utf-8")).items():
                requirements[requirement] = _read(requirement, contract, entry)
    return Ledger(requirements)


def _read(requirement: str, contract: Contract, entry: dict[str, Any]) -> Requirement:
    try:
        level = Level(entry.pop("level"))
        counts_as = entry.pop("counts_as", None)
        read = Requirement(
            requirement,
            level,
            contract,
            subject=Subject(entry.pop("subject", Subject.SERVER)),
            counts_as=None if counts_as is None else Level(counts_as),
            sentences=tuple(entry.pop("sentences", ())),
            proto_sentences=tuple(entry.pop("proto_sentences", ())),
            **entry,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise LedgerError(f"{requirement}: {error}") from error
    is_decided = read.counts_as is not None and read.because is not None
    if level is Level.IMPLIED and not is_decided and read.subject is not Subject.AGENT and not read.unchecked:
        raise LedgerError(f"{requirement}: an implied statement that is checked needs counts_as and because")
    return read
