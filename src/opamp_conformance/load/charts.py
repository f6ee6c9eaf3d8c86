"""The results of a load test as a page with charts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from opamp_conformance.load.counts import Second
from opamp_conformance.load.summary import Result, shown_seconds
from opamp_conformance.reports.html import rendered

_COLOURS: Final = ("one", "two", "three", "four")
_BOTTOM: Final = 24
_TOP: Final = 10

Value = Callable[[Second], float | None]

_CHARTS: Final[Sequence[tuple[str, bool, Sequence[tuple[str, Value]]]]] = (
    (
        "Per second",
        False,
        (
            ("messages", lambda second: second.messages),
            ("enrollments", lambda second: second.enrollments),
            ("throttled", lambda second: second.throttled),
            ("failures", lambda second: second.failures),
        ),
    ),
    (
        "Time to an answer",
        True,
        (
            ("p50", lambda second: second.latency.percentile(50)),
            ("p99", lambda second: second.latency.percentile(99)),
            ("longest", lambda second: second.latency.longest or None),
        ),
    ),
    ("Time by which messages were late", True, (("p99", lambda second: second.lateness.percentile(99)),)),
)


@dataclass(frozen=True)
class Series:
    """One series of values in a chart; ``lines`` are points in the form of SVG, a line for each time without a gap."""

    name: str
    colour: str
    lines: Sequence[str]


@dataclass(frozen=True)
class Mark:
    """One line of the grid, with its label."""

    y: float
    label: str


@dataclass(frozen=True)
class Chart:
    """Values over the seconds of a test."""

    title: str
    seconds: int
    series: Sequence[Series]
    marks: Sequence[Mark]
    width: int = 860
    height: int = 180
    left: int = 64


def page(result: Result) -> str:
    """Make the page: one file that loads nothing from the network."""
    return rendered("load.html", result=result, charts=list(_charts(result)))


def _charts(result: Result) -> Iterator[Chart]:
    seconds = result.counts.seconds
    if not seconds:
        return
    first = int(result.counts.started_at or min(seconds))
    span = max(1, max(seconds) - first)
    for title, is_time, definitions in _CHARTS:
        values = {
            name: [(number - first, value(seconds[number])) for number in sorted(seconds)]
            for name, value in definitions
        }
        highest = max((value for points in values.values() for _, value in points if value), default=1.0)
        series = [
            Series(name, colour, _lines(points, span, highest))
            for colour, (name, points) in zip(_COLOURS, values.items(), strict=False)
        ]
        marks = [Mark(_y(share), _label(highest * share, is_time)) for share in (0.0, 0.5, 1.0)]
        yield Chart(title, span, series, marks)


def _lines(points: Sequence[tuple[int, float | None]], span: int, highest: float) -> Sequence[str]:
    """Return a line for each row of seconds that have a value: over a silent second, nothing is known."""
    lines: list[list[str]] = []
    previous: int | None = None
    for at, value in points:
        if value is None:
            continue
        if previous is None or at != previous + 1:
            lines.append([])
        lines[-1].append(_placed(at / span, value / highest))
        previous = at
    return [" ".join(line * 2 if len(line) == 1 else line) for line in lines]  # One point alone would not be seen.


def _label(value: float, is_time: bool) -> str:
    return shown_seconds(value) if is_time else f"{value:,.0f}"


def _placed(x: float, y: float) -> str:
    return f"{Chart.left + x * (Chart.width - Chart.left):.1f},{_y(y):.1f}"


def _y(share: float) -> float:
    return _TOP + (1 - share) * (Chart.height - _BOTTOM - _TOP)
