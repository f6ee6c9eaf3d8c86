"""How a load test goes, while it runs: a line every few seconds, or one line with a bar on a terminal."""

from typing import Final, TextIO

from opamp_conformance.load.counts import Counts, Histogram
from opamp_conformance.load.summary import shown_seconds

_EVERY_SECONDS: Final = 5.0
_EVERY_SECONDS_ON_TERMINAL: Final = 1.0
_BAR: Final = 20
_CLEAR: Final = "\r\x1b[K"


class Progress:
    """Writes to ``out``, until that fails: the test goes on, and its outcome tells that it cannot be written."""

    def __init__(self, agents: int, out: TextIO) -> None:
        self._agents = agents
        self._out = out
        self._is_terminal = out.isatty()
        self._shown_at = 0.0
        self._shown_until = 0
        self._has_line = False
        self._is_over = False

    def show(self, counts: Counts, seconds: float, share: float) -> None:
        """Show the test after some seconds, if it is time to. ``share`` is how much of it is over, from 0 to 1."""
        every = _EVERY_SECONDS_ON_TERMINAL if self._is_terminal else _EVERY_SECONDS
        if seconds < self._shown_at + every:
            return
        self._shown_at = seconds
        line = self._line(counts, seconds)
        if not self._is_terminal:
            self._write(f"{line}\n")
            return
        done = round(_BAR * min(1.0, share))
        self._write(f"{_CLEAR}[{'#' * done}{'.' * (_BAR - done)}] {line}")
        self._has_line = True

    def end(self) -> None:
        """Remove the bar."""
        if self._has_line:
            self._write(_CLEAR)

    def _write(self, text: str) -> None:
        if self._is_over:
            return
        try:
            self._out.write(text)
            self._out.flush()
        except OSError:
            self._is_over = True

    def _line(self, counts: Counts, seconds: float) -> str:
        """Describe the seconds since the last line; the second that has just begun is left to the next one."""
        until = max(counts.seconds, default=0)
        since = max(self._shown_until, min(counts.seconds, default=0))
        latest = [second for number, second in counts.seconds.items() if since <= number < until]
        rate = sum(second.messages for second in latest) / max(1, until - since)
        latency = sum((second.latency for second in latest), start=Histogram())
        self._shown_until = until
        return (
            f"{seconds:5.0f} s  {counts.arrived:,} of {self._agents:,} agents  {rate:,.0f} messages/s"
            f"  p50 {shown_seconds(latency.percentile(50))}  p99 {shown_seconds(latency.percentile(99))}"
            f"  {counts.failures.total():,} failures"
        )
