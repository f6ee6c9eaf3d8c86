"""The areas of the specification: what a server or an agent keeps of each, as a share of what could be asked of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from opamp_conformance.reports.run_record import RunRecord
from opamp_conformance.results.events import FindingBooked, ScenarioFinished
from opamp_conformance.results.verdicts import Verdict


class Area(StrEnum):
    """Core is everything that has no area of its own."""

    CORE = "core"
    CONFIGURATION = "configuration"
    SETTINGS = "settings"
    PACKAGES = "packages"
    CUSTOM_MESSAGES = "custom messages"


_GROUPS: Final[Mapping[Area, tuple[str, ...]]] = {
    Area.CONFIGURATION: ("remote-config", "effective-config", "config-files", "config-objects"),
    Area.SETTINGS: (
        *("offers", "opamp-offer", "opamp-settings", "connection-settings", "connection-status", "telemetry-settings"),
        *("own-telemetry", "other-settings", "certificate", "csr", "registration", "revoke", "tofu", "tls", "proxy"),
    ),
    Area.PACKAGES: ("packages", "package-status"),
    Area.CUSTOM_MESSAGES: ("custom",),
}
"""The areas by the first part of a requirement's id."""
_AREAS: Final = {group: area for area, groups in _GROUPS.items() for group in groups}
_KEPT: Final = (Verdict.PASSED, Verdict.WARNED, Verdict.KNOWN, Verdict.FLAKY)
_NOT_ASKED: Final = (Verdict.NOT_APPLICABLE, Verdict.NOT_SCORED)


def area_of(key: str) -> Area:
    """Return the area of a scenario or a requirement, by its key."""
    return _AREAS.get(key.partition(".")[0], Area.CORE)


@dataclass(frozen=True)
class Share:
    """What is kept of an area: how many verdicts are no failure, of those that could be asked for."""

    area: Area
    kept: int
    asked: int
    not_asked: int

    @property
    def broken(self) -> int:
        return self.asked - self.kept


def shares(record: RunRecord) -> Iterator[Share]:
    """Yield the share of each area."""
    judged: list[tuple[str, ScenarioFinished | FindingBooked]] = [(one.key, one) for one in record.scenarios]
    judged += [(finding.requirement, finding) for finding in record.findings]
    for area in Area:
        verdicts = [event.verdict for key, event in judged if area_of(key) is area]
        asked = [verdict for verdict in verdicts if verdict not in _NOT_ASKED]
        kept = sum(verdict in _KEPT for verdict in asked)
        yield Share(area, kept, len(asked), len(verdicts) - len(asked))
