"""What is known of a kind of server beforehand: parts it does not support, and failures with their reasons.

A profile keeps a run useful on a server with known failures: new ones fail it, and so do those that are gone.
docs/profiles.md is the description for those who write one.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from opamp_conformance.catalogue import Case, load_catalogue
from opamp_conformance.errors import CannotTell
from opamp_conformance.ledger import Contract, load
from opamp_conformance.selection import nearest
from opamp_conformance.transports import Transport

_BUILT_IN: Final = Path(__file__).parent
_KEYS: Final = {"scenarios", "requirements", "transport", "versions", "because", "link"}


class Kind(StrEnum):
    """What a profile says of a case."""

    UNSUPPORTED = "unsupported"
    """It is not run, and is not applicable."""
    KNOWN = "known"
    """It is run, and fails, for a known reason."""


@dataclass(frozen=True)
class Exemption:
    """What a profile says of some cases, or, of every reply, by a requirement; ``because`` is for people."""

    kind: Kind
    scenarios: tuple[str, ...]
    requirements: tuple[str, ...]
    transport: Transport | None
    versions: SpecifierSet
    because: str

    def covers(self, case: Case) -> bool:
        if self.transport not in (None, case.transport):
            return False
        if self.kind is Kind.UNSUPPORTED:
            ids = [requirement.id for requirement in case.scenario.requirements]
            return not self.requirements or any(_matches(self.requirements, id_) for id_ in ids)
        return case.name in self.scenarios or case.scenario.name in self.scenarios


@dataclass(frozen=True)
class Profile:
    """What a profile says, of all versions or of one; ``contracts`` is None if it chooses none."""

    name: str
    """As it was given, for it to be given again."""
    contracts: tuple[Contract, ...] | None
    newest: Version
    exemptions: tuple[Exemption, ...]

    def at(self, version: str | None) -> "Profile":
        """Return what it says of one version of the server, by default the newest; raises CannotTell."""
        at = self.newest if version is None else _version(version)
        meant = (exemption for exemption in self.exemptions if exemption.versions.contains(at, prereleases=True))
        return replace(self, exemptions=tuple(meant))

    def exempt(self, cases: Iterable[Case]) -> Iterator[tuple[str, str, str, str]]:
        """Return what is said of cases: name, transport, kind and reason. What is not supported cannot fail."""
        in_order = sorted(self.exemptions, key=lambda exemption: exemption.kind is not Kind.UNSUPPORTED)
        for case in cases:
            said = next((exemption for exemption in in_order if exemption.covers(case)), None)
            if said is not None:
                yield case.name, str(case.transport), said.kind, said.because

    def known_findings(self) -> dict[str, str]:
        """Return the requirements that replies are known to break, with the reasons."""
        return {
            requirement: exemption.because
            for exemption in self.exemptions
            if exemption.kind is Kind.KNOWN
            for requirement in exemption.requirements
        }


NO_PROFILE: Final = Profile("", None, Version("0"), ())


def names() -> list[str]:
    """Return the names of the built-in profiles."""
    return sorted(path.stem for path in _BUILT_IN.glob("*.toml"))


def load_profile(name: str) -> Profile:
    """Read a built-in profile, or one in a file.

    Raises CannotTell, also for an entry that matches nothing: it would hide that it is out of date.
    """
    path = _BUILT_IN / f"{name}.toml" if name in names() else Path(name)
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        known = ", ".join(names())
        raise CannotTell(f"there is no profile {name!r}: it is neither built in ({known}) nor a file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CannotTell(f"the profile {path} is not TOML: {error}") from error
    try:
        return _profile(name, written)
    except (TypeError, ValueError, InvalidSpecifier) as error:
        raise CannotTell(f"the profile {path}: {error}") from error


def _profile(name: str, written: Mapping[str, Any]) -> Profile:
    for kind in Kind:
        entries = written.get(kind, [])
        is_list = isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)
        _require(is_list, f"{kind} is written as tables: [[{kind}]]")
    _require(set(written) <= {"contract", "newest", *Kind}, f"knows contract, newest, {' and '.join(Kind)} only")
    contract = written.get("contract")
    _require(contract in (None, "all", *Contract), f"contract is {', '.join(Contract)} or all")
    contracts = None if contract is None else tuple(Contract) if contract == "all" else (Contract(contract),)
    exemptions = [_exemption(kind, entry) for kind in Kind for entry in written.get(kind, ())]
    for exemption in exemptions:
        _require_sense(exemption)
    return Profile(name, contracts, _version(str(written.get("newest", "0"))), tuple(exemptions))


def _version(text: str) -> Version:
    """Read the release in a version: a snapshot or candidate of 9.5.0 has what 9.5.0 has."""
    release = re.match(r"\d+(\.\d+)*", text)
    if release is None:
        raise CannotTell(f"{text!r} is not a version: give it as 9.5.3")
    return Version(release[0])


def _exemption(kind: Kind, entry: Mapping[str, Any]) -> Exemption:
    _require(set(entry) <= _KEYS, f"an entry has {', '.join(sorted(_KEYS))}, not {', '.join(set(entry) - _KEYS)}")
    _require(bool(entry.get("because")), "an entry needs a reason: because")
    for key in ("scenarios", "requirements"):
        texts = entry.get(key, [])
        _require(isinstance(texts, list) and all(isinstance(t, str) for t in texts), f"{key} is a list of texts")
    for key in ("because", "link", "versions"):
        _require(isinstance(entry.get(key, ""), str), f"{key} is a text")
    transport = entry.get("transport")
    _require(transport in (None, *Transport), f"transport is {' or '.join(Transport)}")
    link = entry.get("link", "")
    return Exemption(
        kind,
        tuple(entry.get("scenarios", ())),
        tuple(entry.get("requirements", ())),
        None if transport is None else Transport(transport),
        SpecifierSet(entry.get("versions", "")),
        f"{entry['because']} ({link})" if link else str(entry["because"]),
    )


def _require_sense(exemption: Exemption) -> None:
    """Raise CannotTell for an entry that matches nothing."""
    cases = load_catalogue().cases()
    scenarios = {case.name for case in cases} | {case.scenario.name for case in cases}
    for scenario in exemption.scenarios:
        _require(scenario in scenarios, f"there is no scenario {scenario!r}{nearest(scenario, scenarios)}")
    for pattern in exemption.requirements:
        # What is known to fail is named one by one, so that each can be found to be gone.
        is_glob = exemption.kind is Kind.UNSUPPORTED
        found = pattern in load() or (is_glob and any(_matches([pattern], requirement) for requirement in load()))
        _require(found, f"there is no requirement {pattern!r}{nearest(pattern, load())}")
    for scenario in exemption.scenarios:
        over = exemption.transport
        runs = any(exemption.covers(case) for case in cases if scenario in (case.name, case.scenario.name))
        _require(runs, f"{scenario!r} does not run over {over}")
    if exemption.kind is Kind.UNSUPPORTED:
        _require(not exemption.scenarios, "what is unsupported is named by requirements or a transport")
        _require(bool(exemption.requirements or exemption.transport), "an entry names requirements or a transport")
    else:
        _require(bool(exemption.scenarios or exemption.requirements), "an entry names scenarios or requirements")


def _require(is_so: bool, problem: str) -> None:
    if not is_so:
        raise CannotTell(f"in the profile: {problem}")


def _matches(patterns: Sequence[str], requirement: str) -> bool:
    return any(fnmatchcase(requirement, pattern) for pattern in patterns)
