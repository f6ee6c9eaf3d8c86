"""What happens in a run, as a stream of typed events that every output is made from. No secret is in any."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from opamp_conformance.verdicts import ExitCode, Verdict


@dataclass(frozen=True, slots=True)
class Traffic:
    """One exchange for people: times in seconds of the run, messages in protobuf's text form, bytes in hex.

    ``method`` is that of HTTP, or WebSocket; ``outcome`` says what came, in a few words; ``status`` is that of
    an HTTP response.
    """

    sent_at: float
    seconds: float
    method: str
    outcome: str
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
    transports: tuple[str, ...]
    scenarios: int
    workers: int
    run: str


@dataclass(frozen=True, slots=True)
class ScenarioFinished:
    """One scenario has its verdict. ``expected`` and ``actual`` are empty if it passed; ``traffic`` too.

    ``is_in_development`` says that the specification marks what it checks as [Development]. ``known_because`` is
    the reason that a profile gives for a known failure.
    """

    name: str
    chapter: str
    contract: str
    transport: str
    level: str
    is_in_development: bool
    requirements: tuple[str, ...]
    links: tuple[str, ...]
    verdict: Verdict
    seconds: float
    step: str = ""
    expected: str = ""
    actual: str = ""
    traffic: tuple[Traffic, ...] = ()
    reproduce: str = ""
    known_because: str = ""

    @classmethod
    def from_json(cls, text: str) -> "ScenarioFinished":
        """Make an event again from what ``as_json`` made of it in another process."""
        fields = json.loads(text)
        return cls(
            **{
                **fields,
                "requirements": tuple(fields["requirements"]),
                "links": tuple(fields["links"]),
                "verdict": Verdict(fields["verdict"]),
                "traffic": _traffic(fields["traffic"]),
            }
        )


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
    known_because: str = ""

    @classmethod
    def from_json(cls, text: str) -> "FindingBooked":
        """Make an event again from what ``as_json`` made of it in another process."""
        fields = json.loads(text)
        return cls(**{**fields, "verdict": Verdict(fields["verdict"]), "traffic": _traffic(fields["traffic"])})


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A run ends. ``agents`` were enrolled on the target; ``still_connected`` of them would not disconnect.

    ``in_development`` are those of the verdicts that concern parts the specification marks so.
    """

    exit_code: ExitCode
    verdicts: Mapping[str, int]
    in_development: Mapping[str, int]
    agents: int
    still_connected: int
    seconds: float


Event = RunStarted | ScenarioFinished | FindingBooked | RunFinished


def as_json(event: Event) -> str:
    """Write an event so that another process can read it."""
    return json.dumps(asdict(event))


def _traffic(entries: list[dict[str, Any]]) -> tuple[Traffic, ...]:
    return tuple(Traffic(**entry) for entry in entries)


class Listener(Protocol):
    """An output, fed with events in their order."""

    def handle(self, event: Event) -> None:
        """Take one event."""
