"""The results of a load test as a page: one file, with charts over time, and nothing from the network."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Final

from opamp_conformance.load.counts import Second
from opamp_conformance.load.result import Result, shown_seconds

_WIDTH: Final = 860
_HEIGHT: Final = 180
_LEFT: Final = 64
_BOTTOM: Final = 24
_COLOURS: Final = ("var(--one)", "var(--two)", "var(--three)", "var(--four)")

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
        "Seconds to an answer",
        True,
        (
            ("p50", lambda second: second.latency.percentile(50)),
            ("p99", lambda second: second.latency.percentile(99)),
            ("longest", lambda second: second.latency.longest or None),
        ),
    ),
    ("Seconds by which messages left late", True, (("p99", lambda second: second.lateness.percentile(99)),)),
)

_STYLE: Final = """
:root { color-scheme: light dark; --one: #1f6feb; --two: #2da44e; --three: #bf8700; --four: #cf222e; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 920px; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } th { text-align: left; padding-right: 1.5rem; } td, th { vertical-align: top; }
pre { overflow-x: auto; border-left: 3px solid var(--four); padding-left: 1rem; }
figure { margin: 2rem 0; } svg { width: 100%; height: auto; } text { fill: currentColor; font-size: 12px; }
.grid { stroke: currentColor; opacity: .2; } .line { fill: none; stroke-width: 1.5; }
.verdict { font-weight: bold; } .key { margin-right: 1.5rem; }
"""


def page(result: Result) -> str:
    """Make the page."""
    rows = "".join(f"<tr><th scope=row>{escape(name)}<td>{escape(value)}" for name, value in result.rows())
    charts = "".join(_chart(result, *chart) for chart in _CHARTS)
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(result.scenario)}: {escape(result.verdict)}"
        f"</title><meta name=viewport content='width=device-width'><style>{_STYLE}</style>"
        f"<h1>{escape(result.scenario)}</h1><p>{escape(result.headline())}"
        f"<p class=verdict>{escape(result.verdict)}<table>{rows}</table>{charts}"
        f"<h2>Summary</h2><pre>{escape(result.text())}</pre></html>\n"
    )


def _chart(result: Result, title: str, is_time: bool, series: Sequence[tuple[str, Value]]) -> str:
    seconds = result.counts.seconds
    if not seconds:
        return ""
    first = int(result.counts.started_at or min(seconds))
    span = max(1, max(seconds) - first)
    drawn = {name: [(number - first, value(seconds[number])) for number in sorted(seconds)] for name, value in series}
    highest = max((value for points in drawn.values() for _, value in points if value), default=1.0)
    lines, keys = [], []
    for colour, (name, points) in zip(_COLOURS, drawn.items(), strict=False):
        placed = [_placed(at / span, value / highest) for at, value in points if value is not None]
        lines.append(f"<polyline class=line stroke='{colour}' points='{' '.join(placed)}'/>")
        keys.append(f"<span class=key style='color:{colour}'>{escape(name)}</span>")
    grid = "".join(_grid(share, highest * share, is_time) for share in (0, 0.5, 1))
    return (
        f"<figure><figcaption><strong>{escape(title)}</strong> {''.join(keys)}</figcaption>"
        f"<svg viewBox='0 0 {_WIDTH} {_HEIGHT}' role=img aria-label='{escape(title)} over {span} seconds'>{grid}"
        f"{''.join(lines)}<text x={_LEFT} y={_HEIGHT - 6}>0 s</text>"
        f"<text x={_WIDTH} y={_HEIGHT - 6} text-anchor=end>{span} s</text></svg></figure>"
    )


def _grid(share: float, value: float, is_time: bool) -> str:
    y = _y(share)
    label = shown_seconds(value) if is_time else f"{value:,.0f}"
    return f"<line class=grid x1={_LEFT} x2={_WIDTH} y1={y} y2={y} /><text x=0 y={y + 4}>{label}</text>"


def _placed(x: float, y: float) -> str:
    return f"{_LEFT + x * (_WIDTH - _LEFT):.1f},{_y(y):.1f}"


def _y(share: float) -> float:
    return 10 + (1 - share) * (_HEIGHT - _BOTTOM - 10)
