"""The stream of typed events of a run, from which every output is made. No event contains a secret."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from dataclasses import fields as dataclass_fields
from typing import Any, Final, Protocol, TypeVar, cast, get_args, get_origin, get_type_hints

from opamp_conformance.results.verdicts import ExitCode, Verdict

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TranscriptEntry:
    """One exchange for people: times in seconds of the run, messages in protobuf's text form, bytes in hex.

    ``method`` is an HTTP method, or WebSocket; ``outcome`` says in a few words what came; ``status`` is that of an HTTP
    response.
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


EVERY_MESSAGE: Final = "every message"
"""What a finding is about, in the place of a chapter."""
AGENTS: Final = "agents"
SERVER: Final = "server"

SCHEMA: Final = 2
"""The version of the events; docs/events.md says what may change within one."""


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins: its target, and its options. ``started_at`` is in ISO 8601."""

    schema: int
    started_at: str
    suite_version: str
    specification: str
    target: str
    url: str
    contracts: tuple[str, ...]
    transports: tuple[str, ...]
    only: tuple[str, ...]
    skip: tuple[str, ...]
    strict: bool
    profile: str
    scenarios: int
    workers: int
    run_id: str


@dataclass(frozen=True, slots=True)
class ScenarioFinished:
    """One scenario has its verdict. If it passed, ``expected``, ``actual`` and ``transcript`` are empty.

    ``key`` is the stable name of the case, ``title`` is prose. ``is_in_development`` says that the specification marks
    what it checks as [Development]. ``known_because`` is the reason that a profile gives for a known failure. What is
    newer than the version of the run is not scored: ``since`` is the tag of its version, ``outcome`` the verdict on it.
    """

    key: str
    title: str
    chapter: str
    feature: str
    steps: tuple[str, ...]
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
    transcript: tuple[TranscriptEntry, ...] = ()
    reproduce: str = ""
    known_because: str = ""
    blocked_by: str = ""
    since: str = ""
    outcome: str = ""

    @property
    def because(self) -> str:
        """Why it did not pass, in a sentence; of one that is not scored, what came out."""
        if self.outcome:
            reason = _because(self.expected, self.actual)
            return f"new in {self.since}: {self.outcome}" + (f", {reason}" if reason else "")
        return _because(self.expected, self.actual)


@dataclass(frozen=True, slots=True)
class TargetLost:
    """The target stopped answering in the scenario ``key``; ``message`` is the first one without any answer.

    ``seconds`` is how long the run waited for its return, and ``has_returned`` tells whether it came back.
    """

    key: str
    transport: str
    message: str
    seconds: float
    has_returned: bool

    @property
    def because(self) -> str:
        """The loss, in a sentence."""
        ending = f"was back after {self.seconds:.1f} seconds" if self.has_returned else "did not come back"
        return f"the server stopped answering over {self.transport} in {self.key}, and {ending}"


@dataclass(frozen=True, slots=True)
class FindingBooked:
    """Messages of the target broke a requirement that every message is checked for: one event per requirement.

    ``since`` is the tag of its version if that is newer than the version of the run.

    ``reproduce`` is the command that runs the scenario of the first message, or that replays the ``walk``: the steps of
    the shortest random walk that shows it, if it was found by one.

    ``side`` is AGENTS or SERVER where agents that run anyway are judged, and empty in a run. ``agents`` are the first
    agents that broke it, by instance_uid in hex.
    """

    requirement: str
    level: str
    link: str
    verdict: Verdict
    count: int
    expected: str
    actual: str
    transcript: tuple[TranscriptEntry, ...]
    known_because: str = ""
    walk: tuple[str, ...] = ()
    reproduce: str = ""
    since: str = ""
    side: str = ""
    agents: tuple[str, ...] = ()

    @property
    def about(self) -> str:
        """What is checked, in the place of a chapter."""
        return f"{EVERY_MESSAGE} of the {self.side}" if self.side else EVERY_MESSAGE

    @property
    def because(self) -> str:
        """The violation, in one sentence."""
        return _because(self.expected, self.actual)


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A run ends. It created ``agents`` on the target, of which ``still_connected`` could not be disconnected.

    ``in_development`` counts the verdicts about parts that the specification marks as [Development]. ``walks`` random
    walks with ``walk_messages`` messages were gone; they depend on ``seed`` only. ``newer`` counts what came out for
    versions of the specification that are newer than that of the run.
    """

    exit_code: ExitCode
    verdicts: Mapping[str, int]
    in_development: Mapping[str, int]
    agents: int
    still_connected: int
    seconds: float
    walks: int = 0
    walk_messages: int = 0
    seed: int = 0
    newer: Mapping[str, int] = field(default_factory=dict)


Event = RunStarted | ScenarioFinished | TargetLost | FindingBooked | RunFinished


def as_json(event: Event) -> str:
    """Write an event as one line, its kind in ``event``."""
    return json.dumps({"event": type(event).__name__, **asdict(event)}, ensure_ascii=False)


def event_of(fields: Mapping[str, Any]) -> Event:
    """Make an event from what ``as_json`` wrote, without unknown fields; raises KeyError, TypeError or ValueError."""
    kind = fields["event"]
    known = {field.name for field in dataclass_fields(_KINDS[kind])}
    event = _KINDS[kind](**_restored({name: value for name, value in fields.items() if name in known}))
    for name, hint in get_type_hints(_KINDS[kind]).items():
        if not _fits(getattr(event, name), hint):
            raise TypeError(f"{name} of {kind} has a value of another type")
    return event


def _fits(value: object, hint: Any) -> bool:
    """Return whether a value of an event has the type of its field."""
    parts, kind = get_args(hint), get_origin(hint) or hint
    if isinstance(kind, type) and issubclass(kind, tuple):
        return isinstance(value, tuple) and all(_fits(item, parts[0]) for item in value)
    if kind is Mapping:
        return isinstance(value, Mapping) and all(
            _fits(key, parts[0]) and _fits(item, parts[1]) for key, item in value.items()
        )
    if parts:
        return any(_fits(value, part) for part in parts)
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


_KINDS: Final[Mapping[str, type[Event]]] = {
    kind.__name__: kind for kind in (RunStarted, ScenarioFinished, TargetLost, FindingBooked, RunFinished)
}


def _because(expected: str, actual: str) -> str:
    return f"expected {expected}; got {actual}" if expected else actual


def _restored(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Restore the types that JSON does not have."""
    restored = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    if "verdict" in fields:
        restored["verdict"] = Verdict(fields["verdict"])
    if "exit_code" in fields:
        restored["exit_code"] = ExitCode(fields["exit_code"])
    if "transcript" in fields:
        known = {field.name for field in dataclass_fields(TranscriptEntry)}
        entries = [{name: value for name, value in entry.items() if name in known} for entry in fields["transcript"]]
        restored["transcript"] = tuple(TranscriptEntry(**entry) for entry in entries)
    return restored


class Listener(Protocol):
    """An output. It gets the events in their order."""

    def handle(self, event: Event) -> None:
        """Take one event."""


def with_texts(value: T, change: Callable[[str], str]) -> T:
    """Return an event, or a part of one, with each of its texts changed."""
    changed: Any = value
    if type(value) is str:
        changed = change(str(value))
    elif isinstance(value, tuple):
        changed = tuple(with_texts(item, change) for item in value)
    elif isinstance(value, Mapping):
        changed = {with_texts(key, change): with_texts(item, change) for key, item in value.items()}
    elif is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: getattr(value, field.name) for field in dataclass_fields(value)}
        changed = replace(value, **{name: with_texts(part, change) for name, part in parts.items()})
    return cast("T", changed)
