"""The contents of a profile: the cases that a server does not support, and its known failures.

A profile keeps a run useful on a server with known failures: a new failure fails the run, and so does a known failure
that no longer occurs. docs/profiles.md explains how to write one.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from opamp_conformance.checks.support import REQUIREMENTS
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.globs import matches
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.suite.catalogue import Case
from opamp_conformance.wire.transport import Transport

_NEWEST_PATCH: Final = 9999


class Kind(StrEnum):
    """The meaning of an entry of a profile for a case."""

    UNSUPPORTED = "unsupported"
    """The case is not applicable, and does not run."""
    KNOWN = "known"
    """The case runs, and fails for a known reason."""
    FLAKY = "flaky"
    """The case runs, and fails now and then."""


@dataclass(frozen=True)
class Excuse:
    """Why a requirement may be broken, for people. ``actual`` is a glob of what came instead, empty for anything."""

    because: str
    actual: str = ""

    def covers(self, actual: str) -> bool:
        """Return whether it excuses a breach, by what came."""
        return not self.actual or matches(self.actual, actual)

    def is_shown_by(self, sample: str) -> bool:
        """Return whether it excuses a breach, by a description that has what came somewhere."""
        return matches(f"*{self.actual}*", sample)


@dataclass(frozen=True)
class Exemption:
    """An entry of a profile: about scenarios, or about requirements wherever they show."""

    kind: Kind
    scenarios: tuple[str, ...]
    requirements: tuple[str, ...]
    transport: Transport | None
    versions: SpecifierSet
    excuse: Excuse

    def covers(self, case: Case) -> bool:
        if self.transport not in (None, case.transport):
            return False
        if self.kind is Kind.UNSUPPORTED:
            ids = [requirement.id for requirement in case.scenario.requirements]
            return not self.requirements or any(self.has_requirement(id_) for id_ in ids)
        return self.names(case) or any(
            requirement.id in self.requirements for requirement in case.scenario.requirements
        )

    def has_requirement(self, requirement: str) -> bool:
        """Return whether one of its requirements, which are globs, is this one."""
        return any(matches(pattern, requirement) for pattern in self.requirements)

    def names(self, case: Case) -> bool:
        """Return whether it has the key of a case."""
        return case.key in self.scenarios or case.scenario.key in self.scenarios


@dataclass(frozen=True)
class CaseExemption:
    """The part of a profile about one case: its key, its transport, and the reason.

    ``has_to_fail`` means that the profile names the case itself as a known failure, so that it is outdated if the case
    passes.
    """

    key: str
    transport: str
    kind: Kind
    excuse: Excuse
    has_to_fail: bool


@dataclass(frozen=True)
class Profile:
    """The contents of a profile, for all versions or for one; ``contracts`` is None if it chooses none."""

    name: str
    """As the user gave it."""
    contracts: tuple[Contract, ...] | None
    newest: Version
    exemptions: tuple[Exemption, ...]
    is_pinned: bool = False
    """Whether its name chose the version, so that the server's own does not matter."""

    def at(self, version: str | None) -> "Profile":
        """Return the contents for one version of the server, by default the newest; raises InconclusiveError."""
        at = self.newest if version is None or self.is_pinned else self.release(version)
        valid = (exemption for exemption in self.exemptions if exemption.versions.contains(at, prereleases=True))
        return replace(self, exemptions=tuple(valid))

    def release(self, text: str) -> Version:
        """Read the release in a version; raises InconclusiveError.

        9.4 is the newest release of 9.4 if the profile tells those apart, as Fleet Server's does.
        """
        found = release(text)
        named = [Version(one.version.removesuffix(".*")) for entry in self.exemptions for one in entry.versions]
        is_ambiguous = any(version.release[:2] == found.release and len(version.release) > 2 for version in named)
        return Version(f"{found}.{_NEWEST_PATCH}") if is_ambiguous else found

    def exempt(self, cases: Iterable[Case]) -> Iterator[CaseExemption]:
        """Return the entries about cases. A case that is unsupported cannot fail, so that comes first."""
        in_order = sorted(self.exemptions, key=lambda exemption: exemption.kind is not Kind.UNSUPPORTED)
        for case in cases:
            found = next((exemption for exemption in in_order if exemption.covers(case)), None)
            if found is not None:
                has_to_fail = found.kind is Kind.KNOWN and found.names(case)
                yield CaseExemption(case.key, str(case.transport), found.kind, found.excuse, has_to_fail)

    def findings(self, kind: Kind) -> dict[str, Excuse]:
        """Return the requirements that are known to be broken, always or now and then, with the reasons."""
        return {
            requirement: exemption.excuse
            for exemption in self.exemptions
            if exemption.kind is kind
            for requirement in exemption.requirements
        }

    def unsupported_signs(self) -> dict[str, tuple[str, str]]:
        """Return what the server must not do, because the profile says that it does not support that part of OpAMP.

        Each comes with a requirement that is about it, and the reason. Entries about one transport are left out.
        """
        unsupported = [one for one in self.exemptions if one.kind is Kind.UNSUPPORTED and one.transport is None]
        return {
            sign: (requirement, exemption.excuse.because)
            for sign, requirements in REQUIREMENTS.items()
            for requirement in requirements
            for exemption in unsupported
            if exemption.has_requirement(requirement)
        }


NO_PROFILE: Final = Profile("", None, Version("0"), ())


def release(text: str) -> Version:
    """Read the release in a version: a snapshot or candidate of 9.5.0 is 9.5.0. Raises InconclusiveError."""
    found = re.match(r"\d+(\.\d+)*", text)
    if found is None:
        raise InconclusiveError(f"{text!r} is not a version: give it as 9.5.3")
    return Version(found[0])
