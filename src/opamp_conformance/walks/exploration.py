"""Looks for conversations that show a breach, by random walks, and shortens those that do."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.errors import HypothesisException

from opamp_conformance.checks.findings import Finding, Findings
from opamp_conformance.errors import InconclusiveError, PreconditionFailedError
from opamp_conformance.walks.steps import AGENTS, SEED, Action, Form, Step, Walk
from opamp_conformance.walks.walker import Walker

_SHORTENING_SECONDS: Final = 5.0
"""How long a walk may be shortened after the time for walks is over."""
# Every second step is one of these: what they cause is what conversations mostly depend on.
_COMMON: Final = [
    *(Action.REPORT, Action.CHECK_IN, Action.LOSE, Action.APPLY),
    *(Action.ASK, Action.ADOPT, Action.DISCONNECT, Action.CLOSE),
]
_ACTIONS: Final = st.one_of(st.sampled_from(_COMMON), st.sampled_from(list(Action)))
_FORMS: Final = [*[Form.PLAIN] * 4, Form.GZIP, Form.CHUNKS, Form.GZIP_CHUNKS]
_ALL_CHECKS: Final = list(HealthCheck)

_STEPS: Final = st.builds(Step, st.integers(1, AGENTS), _ACTIONS, st.sampled_from(_FORMS))
# Lists of lists, because the lists of hypothesis are short.
_PARTS: Final = st.lists(st.lists(_STEPS, min_size=1, max_size=8), min_size=1, max_size=5)
WALKS: Final = _PARTS.map(lambda parts: tuple(step for part in parts for step in part))


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


class _BreachError(Exception):
    """Tells hypothesis that a walk shows the breach that it is to shorten."""


class _TimeIsOver(BaseException):
    """Ends hypothesis at once, which goes on after any other error."""


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

    Each round looks for one breach that is new, and shortens its walk. The last round finds none.
    """
    exploration = Exploration(seed_number, ignored)
    with tempfile.TemporaryDirectory() as folder:
        set_hypothesis_home_dir(folder)  # It would otherwise write into the current folder.
        try:
            while time.monotonic() < until and _find_one(walker, exploration, number, until, raise_if_interrupted):
                pass
        except KeyboardInterrupt:  # The agents are still to be disconnected.
            exploration.is_interrupted = True
    return exploration


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


def _find_one(
    walker: Walker, exploration: Exploration, number: int, until: float, raise_if_interrupted: Callable[[], None]
) -> bool:
    """Add a breach to an exploration, and return whether there was one."""
    found: list[Discovery] = []

    def go(walk: Walk) -> None:
        raise_if_interrupted()
        if exploration.has_ended or time.monotonic() >= (until + _SHORTENING_SECONDS if found else until):
            raise _TimeIsOver
        findings = {finding.requirement: finding for finding in _go(walker, walk, exploration)}
        if exploration.has_ended:  # No other walk can show what this one has shown.
            found.clear()
            exploration.discoveries |= {name: Discovery(walk, finding) for name, finding in findings.items()}
            raise _TimeIsOver
        wanted = found[0].finding.requirement if found else _first_new(findings, exploration)
        if wanted in findings:
            if not found or len(walk) <= len(found[-1].walk):
                found.append(Discovery(walk, findings[wanted]))
            raise _BreachError

    with contextlib.suppress(_BreachError, _TimeIsOver, HypothesisException):
        _as_test(go, number, exploration.seed)()
    if found:
        exploration.discoveries[found[-1].finding.requirement] = found[-1]
    return bool(found) and not exploration.has_ended


def _first_new(findings: dict[str, Finding], exploration: Exploration) -> str:
    old = {*exploration.discoveries, *exploration.ignored}
    return next((requirement for requirement in findings if requirement not in old), "")


def _as_test(go: Callable[[Walk], None], number: int, seed_number: int) -> Callable[[], None]:
    """Return a test of hypothesis that generates walks, and shortens one that fails."""
    chosen = settings(
        max_examples=number,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=_ALL_CHECKS,
        report_multiple_bugs=False,
        print_blob=False,
    )
    return seed(seed_number)(chosen(given(WALKS)(go)))
