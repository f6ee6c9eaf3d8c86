"""Reads profiles: the built-in ones, and those of users."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.globs import matches, require_bounded
from opamp_conformance.ledger.ledger import Contract, load_ledger
from opamp_conformance.profiles.profile import Excuse, Exemption, Kind, Profile, release
from opamp_conformance.reading import read_toml
from opamp_conformance.suite.catalogue import Case, load_both_sides
from opamp_conformance.text import did_you_mean
from opamp_conformance.wire.transport import Transport

_BUILT_IN: Final = Path(__file__).parent
_KEYS: Final = {"scenarios", "requirements", "transport", "versions", "because", "link", "actual"}


def names() -> list[str]:
    """Return the names of the built-in profiles."""
    return sorted(path.stem for path in _BUILT_IN.glob("*.toml"))


def load_profile(name: str) -> Profile:
    """Read a built-in profile, or one in a file; NAME@VERSION is the profile for one version of the server.

    Raises InconclusiveError, also for an entry that matches nothing: otherwise an outdated entry would stay unnoticed.
    """
    plain, _, version = name.rpartition("@")
    if plain:
        profile = load_profile(plain)
        return replace(profile, name=name, newest=profile.release(version), is_pinned=True)
    path = _BUILT_IN / f"{name}.toml" if name in names() else Path(name)
    if not path.exists() or path.is_dir():
        known = ", ".join(names())
        raise InconclusiveError(f"there is no profile {name!r}: it is neither built in ({known}) nor a file")
    written = read_toml(path)
    try:
        return _profile(name, written)
    except (TypeError, ValueError, InvalidSpecifier) as error:
        raise InconclusiveError(f"the profile {path}: {error}") from error


def _profile(name: str, written: Mapping[str, Any]) -> Profile:
    for kind in Kind:
        entries = written.get(kind, [])
        is_list = isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)
        _require(is_list, f"{kind} is written as tables: [[{kind}]]")
    for key in set(written) - {"contract", "newest", *Kind}:
        raise ValueError(f"{key!r} is not known; a profile has contract, newest, {', '.join(Kind)}")
    contract = written.get("contract")
    _require(contract in (None, "all", *Contract), f"contract is {', '.join(Contract)} or all")
    contracts = None if contract is None else tuple(Contract) if contract == "all" else (Contract(contract),)
    exemptions = [_exemption(kind, entry) for kind in Kind for entry in written.get(kind, ())]
    require_bounded([name for one in exemptions for name in (*one.scenarios, *one.requirements, one.excuse.actual)])
    cases = load_both_sides().cases()
    for exemption in exemptions:
        _require_match(exemption, cases)
    return Profile(name, contracts, release(str(written.get("newest", "0"))), tuple(exemptions))


def _exemption(kind: Kind, entry: Mapping[str, Any]) -> Exemption:
    _require(set(entry) <= _KEYS, f"an entry has {', '.join(sorted(_KEYS))}, not {', '.join(set(entry) - _KEYS)}")
    _require(bool(entry.get("because")), "an entry needs a reason: because")
    for key in ("scenarios", "requirements"):
        texts = entry.get(key, [])
        _require(isinstance(texts, list) and all(isinstance(t, str) for t in texts), f"{key} is a list of texts")
    for key in ("because", "link", "versions", "actual"):
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
        Excuse(f"{entry['because']} ({link})" if link else str(entry["because"]), entry.get("actual", "")),
    )


def _require_match(exemption: Exemption, cases: list[Case]) -> None:
    """Raise InconclusiveError for an entry that matches nothing."""
    keys = {case.key for case in cases} | {case.scenario.key for case in cases}
    for key in set(exemption.scenarios) - keys:
        raise ValueError(f"there is no scenario {key!r}{did_you_mean(key, keys)}")
    for pattern in exemption.requirements:
        # A known failure is named by its id, not by a glob, so that the run can report when it no longer occurs.
        is_glob = exemption.kind is Kind.UNSUPPORTED
        found = pattern in load_ledger() or (
            is_glob and any(matches(pattern, requirement) for requirement in load_ledger())
        )
        if not found:
            raise ValueError(f"there is no requirement {pattern!r}{did_you_mean(pattern, load_ledger())}")
    for key in exemption.scenarios:
        runs = any(exemption.covers(case) for case in cases if key in (case.key, case.scenario.key))
        _require(runs, f"{key!r} does not run over {exemption.transport}")
    if exemption.kind is Kind.UNSUPPORTED:
        _require(not exemption.excuse.actual, "an unsupported part does not run, so nothing comes: it has no `actual`")
        _require(not exemption.scenarios, "an unsupported part is named by requirements or a transport")
        _require(bool(exemption.requirements or exemption.transport), "an entry names requirements or a transport")
    else:
        _require(bool(exemption.scenarios or exemption.requirements), "an entry names scenarios or requirements")


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise InconclusiveError(f"in the profile: {problem}")
