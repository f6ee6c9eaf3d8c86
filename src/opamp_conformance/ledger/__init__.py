"""The ledger: every requirement that the suite knows, with its level and its place in the specification."""

import functools
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import Any

from opamp_proto import SPECIFICATION_VERSION

_SPECIFICATION = f"https://github.com/open-telemetry/opamp-spec/blob/{SPECIFICATION_VERSION}/specification.md"


class Contract(StrEnum):
    """Who promises: the specification, or Fleet Server on top of it."""

    OPAMP = "opamp"
    FLEET = "fleet"


class Level(StrEnum):
    """The keyword of a statement; IMPLIED is one without any."""

    MUST = "MUST"
    MUST_NOT = "MUST-NOT"
    SHOULD = "SHOULD"
    SHOULD_NOT = "SHOULD-NOT"
    MAY = "MAY"
    IMPLIED = "implied"


class LedgerError(Exception):
    """The ledger is wrong in itself: a defect of the suite."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One statement, in our words. ``because`` says why a breach of an implied one counts as it does."""

    id: str
    level: Level
    contract: Contract
    section: str
    statement: str
    line: str | None = None
    status: str | None = None
    counts_as: Level | None = None
    because: str | None = None

    @property
    def is_binding(self) -> bool:
        """Whether a breach fails a server, rather than warns it."""
        return (self.counts_as or self.level) in (Level.MUST, Level.MUST_NOT)

    @property
    def link(self) -> str:
        """Where it stands: in the specification, or in our page about the fleet contract."""
        page = _SPECIFICATION if self.contract is Contract.OPAMP else "docs/fleet-contract.md"
        return f"{page}#{self.section}"


class Ledger(Mapping[str, Requirement]):
    """All requirements by id, in the order of the ledger's files."""

    def __init__(self, requirements: Mapping[str, Requirement]) -> None:
        self._requirements = dict(requirements)

    def __getitem__(self, requirement: str) -> Requirement:
        return self._requirements[requirement]

    def __iter__(self) -> Iterator[str]:
        return iter(self._requirements)

    def __len__(self) -> int:
        return len(self._requirements)


@functools.cache
def load() -> Ledger:
    """Read the ledger that comes with the suite."""
    requirements = {}
    for contract in Contract:
        text = resources.files(__name__).joinpath(f"{contract}.toml").read_text(encoding="utf-8")
        for requirement, entry in tomllib.loads(text).items():
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
            counts_as=None if counts_as is None else Level(counts_as),
            **entry,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise LedgerError(f"{requirement}: {error}") from error
    if (level is Level.IMPLIED) != (read.counts_as is not None and read.because is not None):
        raise LedgerError(f"{requirement}: counts_as and because belong to implied statements, and to all of them")
    return read
