"""What happens in a run, as a stream of typed events that every output is made from. No secret is in any."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from opamp_conformance.verdicts import ExitCode, Verdict


@dataclass(frozen=True, slots=True)
class Traffic:
    """One exchange for people: times in seconds of the run, messages in protobuf's text form, bytes in hex."""

    sent_at: float
    seconds: float
    method: str
    request_headers: Mapping[str, str]
    request_bytes: str
    request_message: str
    status: int | None
    response_headers: Mapping[str, str]
    response_bytes: str
    response_message: str


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins: against what, and what was asked for."""

    suite_version: str
    specification: str
    target: str
    url: str
    contracts: tuple[str, ...]
    scenarios: int
    run: str


@dataclass(frozen=True, slots=True)
class ScenarioFinished:
    """One scenario has its verdict. ``expected`` and ``actual`` are empty if it passed; ``traffic`` too."""

    name: str
    chapter: str
    contract: str
    level: str
    requirements: tuple[str, ...]
    links: tuple[str, ...]
    verdict: Verdict
    seconds: float
    step: str = ""
    expected: str = ""
    actual: str = ""
    traffic: tuple[Traffic, ...] = ()
    reproduce: str = ""


@dataclass(frozen=True, slots=True)
class FindingBooked:
    """Replies broke what every reply must keep to: one event a requirement, at the end of a run."""

    requirement: str
    level: str
    link: str
    verdict: Verdict
    count: int
    expected: str
    actual: str
    traffic: tuple[Traffic, ...]


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A run ends. ``agents`` were enrolled on the target; ``still_connected`` of them would not disconnect."""

    exit_code: ExitCode
    verdicts: Mapping[str, int]
    agents: int
    still_connected: int
    seconds: float


Event = RunStarted | ScenarioFinished | FindingBooked | RunFinished


class Listener(Protocol):
    """An output, fed with events in their order."""

    def handle(self, event: Event) -> None:
        """Take one event."""
