"""Looks for conversations that show a breach, by random walks, and shortens those that do."""

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from opamp_conformance.checks.findings import Finding, Findings
from opamp_conformance.errors import InconclusiveError, PreconditionFailedError
from opamp_conformance.walks.steps import AGENTS, SEED, Action, Form, Step, Walk
from opamp_conformance.walks.walker import Walker

_SHORTENING_SECONDS: Final = 5.0
"""How long a walk may be shortened after the time for walks is over."""
# Every second step is one of these: what they cause is what conversations mostly depend on.
_COMMON: Final = (
    *(Action.REPORT, Action.CHECK_IN, Action.LOSE, Action.APPLY),
    *(Action.ASK, Action.ADOPT, Action.DISCONNECT, Action.CLOSE, Action.CHANGE_TRANSPORT),
)
_PLAIN: Final = (Action.REPORT, Action.CHECK_IN, Action.LOSE)
"""The steps that take the place of other ones if the walk shows the same, the plainest first."""
_FORMS: Final = (*[Form.PLAIN] * 4, Form.GZIP, Form.CHUNKS, Form.GZIP_CHUNKS)
_MOST_TURNS: Final = 4
_MOST_STEPS: Final = 6


@dataclass(frozen=True)
class Discovery:
    """The shortest walk that was found to break a requirement, and the finding."""

    walk: Walk
    finding: Finding


@dataclass
class Exploration:
    """The results of many walks with ``messages``. Breaches of the requirements in ``ignored`` do not count.

    ``has_ended`` says that the server answers nobody any more, or is too busy.
    """

    seed: int
    ignored: Collection[str] = ()
    walks: int = 0
    messages: int = 0
    has_ended: bool = False
    is_interrupted: bool = False
    discoveries: dict[str, Discovery] = field(default_factory=dict)


def explore(
    walker: Walker,
    *,
    number: int,
    until: float,
    seed_number: int = SEED,
    ignored: Collection[str] = (),
    raise_if_interrupted: Callable[[], None] = lambda: None,
) -> Exploration:
    """Go ``number`` walks at most, until a time of the monotonic clock; ``ignored`` are requirements.

    ``raise_if_interrupted`` is called before each walk, and may raise KeyboardInterrupt.
    """
    exploration = Exploration(seed_number, ignored)

    def go(walk: Walk) -> dict[str, Finding]:
        raise_if_interrupted()
        findings = {finding.requirement: finding for finding in _go(walker, walk, exploration)}
        if exploration.has_ended:  # No other walk can show what this one has shown.
            new = {name: Discovery(walk, one) for name, one in findings.items() if _is_new(name, exploration)}
            exploration.discoveries |= new
        return findings

    try:
        for walk in random_walks(seed_number, number):
            if exploration.has_ended or time.monotonic() >= until:
                break
            findings = go(walk)
            for requirement in [name for name in findings if _is_new(name, exploration)]:
                found = Discovery(walk, findings[requirement])
                shortest = _shortest(found, go, exploration, until + _SHORTENING_SECONDS)
                exploration.discoveries[requirement] = shortest
    except KeyboardInterrupt:  # The agents are still to be disconnected.
        exploration.is_interrupted = True
    return exploration


def random_walks(seed: int, number: int) -> Iterator[Walk]:
    """Yield ``number`` walks, the same ones for the same seed.

    An agent does several steps in a row, because what it does next mostly depends on what it did before. Rare actions
    come from a deck, so that each of them comes equally often.
    """
    random, deck = Random(seed), _Deck(Random(seed))  # noqa: S311 - not for secrets
    for _ in range(number):
        walk: list[Step] = []
        for _ in range(random.randint(1, _MOST_TURNS)):
            agent = random.randint(1, AGENTS)
            for _ in range(random.randint(1, _MOST_STEPS)):
                action = random.choice(_COMMON) if random.random() < 0.5 else deck.draw()
                walk.append(Step(agent, action, random.choice(_FORMS)))
        yield tuple(walk)


class _Deck:
    """All actions in a random order, again and again."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._cards: list[Action] = []

    def draw(self) -> Action:
        if not self._cards:
            self._cards = list(Action)
            self._random.shuffle(self._cards)
        return self._cards.pop()


def replay(walker: Walker, walk: Walk) -> Exploration:
    """Go one walk."""
    exploration = Exploration(0)
    exploration.discoveries = {
        finding.requirement: Discovery(walk, finding) for finding in _go(walker, walk, exploration)
    }
    return exploration


def _go(walker: Walker, walk: Walk, exploration: Exploration) -> Findings:
    """Go a walk; one that ends early has findings, too."""
    try:
        findings = walker.go(walk)
    except (PreconditionFailedError, InconclusiveError):
        findings = walker.findings
        exploration.has_ended = True
    exploration.walks += 1
    exploration.messages += walker.messages
    return findings


def _is_new(requirement: str, exploration: Exploration) -> bool:
    return requirement not in exploration.discoveries and requirement not in exploration.ignored


def _shortest(
    found: Discovery, go: Callable[[Walk], dict[str, Finding]], exploration: Exploration, until: float
) -> Discovery:
    """Leave out steps, and make them plainer, as long as the walk shows the same breach."""
    requirement, is_shorter = found.finding.requirement, True
    while is_shorter:
        is_shorter = False
        for walk in _simpler(found.walk):
            if exploration.has_ended or time.monotonic() >= until:
                return found
            finding = go(walk).get(requirement)
            if finding is not None:
                found, is_shorter = Discovery(walk, finding), True
                break
    return found


def _simpler(walk: Walk) -> Iterator[Walk]:
    """Yield walks that are simpler in one way: without long parts, without a step, or with a plainer step."""
    size = len(walk) // 2
    while size:
        yield from (walk[:start] + walk[start + size :] for start in range(0, len(walk), size))
        size //= 2
    for index, step in enumerate(walk):
        yield from ((*walk[:index], plainer, *walk[index + 1 :]) for plainer in _plainer(step))


def _plainer(step: Step) -> Iterator[Step]:
    if step.form is not Form.PLAIN:
        yield replace(step, form=Form.PLAIN)
    known = _PLAIN.index(step.action) if step.action in _PLAIN else len(_PLAIN)
    yield from (replace(step, action=action) for action in _PLAIN[:known])
