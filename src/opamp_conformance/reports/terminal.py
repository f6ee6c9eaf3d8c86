"""The run on a terminal: one line per scenario, and all details of a failure."""

import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import click

from opamp_conformance.reports.closing_summary import ClosingSummary
from opamp_conformance.reports.run_record import SUMMARIES
from opamp_conformance.results.events import (
    Event,
    FindingBooked,
    RunFinished,
    RunStarted,
    ScenarioFinished,
    TargetLost,
    TranscriptEntry,
)
from opamp_conformance.results.verdicts import ExitCode, Verdict

_COLOURS: Final = {
    Verdict.PASSED: "green",
    Verdict.FAILED: "red",
    Verdict.BLOCKED: "red",
    Verdict.WARNED: "yellow",
    Verdict.KNOWN: "cyan",
    Verdict.FLAKY: "cyan",
    Verdict.NOT_APPLICABLE: "blue",
    Verdict.NOT_SCORED: "blue",
    Verdict.ERROR: "magenta",
}
_SUMMARY_COLOURS: Final = {
    ExitCode.CONFORMANT: "green",
    ExitCode.NOT_CONFORMANT: "red",
    ExitCode.COULD_NOT_TELL: "magenta",
}
_MAX_EXCHANGES: Final = 8
_WIDTH: Final = max(len(verdict) for verdict in Verdict)


class Terminal:
    """Prints to standard output: plain lines, and on a terminal a line of progress.

    On a terminal, passed scenarios are one line per chapter, unless ``is_verbose``. The end is a summary of what is
    broken, and the figures.
    """

    def __init__(self, *, is_terminal: bool, is_verbose: bool = False) -> None:
        self._is_terminal = is_terminal
        self._shows_passed = is_verbose or not is_terminal
        self._summary = ClosingSummary()
        self._passed: Counter[str] = Counter()
        self._scenarios = 0
        self._finished = 0
        self._losses: list[TargetLost] = []

    def handle(self, event: Event) -> None:
        """Print one event."""
        match event:
            case RunStarted():
                self._scenarios = event.scenarios
                click.echo(f"opamp-conformance {event.suite_version} for OpAMP {event.specification}")
                at = "" if event.target == event.url else f" at {event.url}"
                click.echo(f"target {event.target}{at}; contracts: {', '.join(event.contracts)}")
                workers = f" in {event.workers} workers" if event.workers > 1 else ""
                click.echo(
                    f"{event.scenarios} scenarios over {' and '.join(event.transports)}{workers}; run {event.run_id}\n"
                )
            case ScenarioFinished():
                self._scenario(event)
            case TargetLost():
                self._lost(event)
            case FindingBooked():
                self._finding(event)
            case RunFinished():
                self._finish(event)

    def _scenario(self, event: ScenarioFinished) -> None:
        self._finished += 1
        self._clear_progress()
        has_passed = Verdict.PASSED in (event.verdict, event.outcome)
        self._summary.add(event)
        self._passed[event.chapter] += event.verdict is Verdict.PASSED
        if not has_passed or self._shows_passed:
            click.echo(
                f"{_coloured(event.verdict)}  {event.level:<10}  {event.transport:<9}  {event.key}: {event.title}"
            )
        if event.outcome and not has_passed:
            click.echo(_indented([event.because, *_conversation(event.transcript)]))
        elif event.verdict is Verdict.NOT_APPLICABLE:
            click.echo(_indented([event.actual]))
        elif event.verdict in (Verdict.KNOWN, Verdict.FLAKY):
            click.echo(_indented([event.known_because]))
        elif not has_passed:
            click.echo(_indented(_explained(event)))
        if self._is_terminal:
            click.echo(f"[{self._finished}/{self._scenarios}] {event.key}"[:79], nl=False)

    def _lost(self, event: TargetLost) -> None:
        self._clear_progress()
        self._losses.append(event)
        click.echo(f"{click.style(event.because, fg='red', bold=True)}; the first message without an answer:")
        click.echo(_indented(event.message.splitlines()))

    def _finding(self, event: FindingBooked) -> None:
        self._clear_progress()
        self._summary.add(event)
        click.echo(f"{_coloured(event.verdict)}  {event.level:<10}  in {event.count} messages: {event.requirement}")
        if event.verdict in (Verdict.KNOWN, Verdict.FLAKY):
            click.echo(_indented([event.known_because]))
            return
        lines = [f"expected  {event.expected}", f"actual    {event.actual}", f"see       {event.link}"]
        if event.side:
            lines.append(f"broken by the {event.side}; agents: {', '.join(event.agents) or 'unknown'}")
        click.echo(_indented([*lines, *_again(event), *_conversation(event.transcript)]))

    def _finish(self, event: RunFinished) -> None:
        self._clear_progress()
        if not self._shows_passed:
            for chapter, count in self._passed.items():
                if count:
                    click.echo(f"{_coloured(Verdict.PASSED)}  {count:>4} in {chapter}")
        lines = list(self._summary.lines())
        if lines:
            click.echo("\nSummary of what did not pass:")
            click.echo(_indented(lines))
        if self._losses:
            click.echo()
        for loss in self._losses:
            click.secho(loss.because, fg="red", bold=True)
        counts = _counted(event.verdicts)
        word, colour = SUMMARIES[event.exit_code], _SUMMARY_COLOURS[event.exit_code]
        click.echo(f"\n{click.style(word, fg=colour, bold=True)}: {counts or 'nothing ran'} in {event.seconds:.1f} s")
        if event.in_development:
            click.echo(f"about parts that the specification marks as [Development]: {_counted(event.in_development)}")
        if event.newer:
            click.echo(f"about newer versions of the specification, not scored: {_counted(event.newer)}")
        if event.walks:
            walks = f"{event.walks} random walks, seed {event.seed}" if event.seed else "one walk"
            click.echo(f"{walks}: {event.walk_messages} messages")
        if event.agents:
            disconnected = event.agents - event.still_connected
            ended = "all of them" if not event.still_connected else f"{disconnected} of them"
            click.echo(f"The run created {event.agents} agents on the target and disconnected {ended}.")

    def _clear_progress(self) -> None:
        if self._is_terminal:
            click.echo("\r\x1b[K", nl=False)


def _counted(verdicts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())


def _explained(event: ScenarioFinished) -> Iterable[str]:
    for requirement, link in zip(event.requirements, event.links, strict=True):
        yield f"requires  {requirement}"
        yield f"see       {link}"
    yield f"in        {event.step}"
    if event.expected:
        yield f"expected  {event.expected}"
    yield f"actual    {event.actual}"
    yield from _conversation(event.transcript)
    yield f"again     {event.reproduce}"


def _again(event: FindingBooked) -> Iterable[str]:
    """Yield what shows a finding again; the steps of a walk are lines that --replay reads."""
    if event.walk:
        yield "the shortest conversation that shows it:"
        yield from (f"    {step}" for step in event.walk)
        yield f"again     {event.reproduce}, with these lines in FILE"
    elif event.reproduce:
        yield f"again     {event.reproduce}"


def _conversation(transcript: tuple[TranscriptEntry, ...]) -> Iterable[str]:
    if len(transcript) > _MAX_EXCHANGES:
        yield f"… {len(transcript) - _MAX_EXCHANGES} earlier exchanges are not shown"
    for exchange in transcript[-_MAX_EXCHANGES:]:
        yield f"at {exchange.sent_at:.3f} s  {exchange.method}{_headers(exchange.request_headers)}"
        yield from _message("-->", exchange.request_message, exchange.request_bytes)
        if exchange.outcome:
            yield f"after {exchange.seconds * 1000:.1f} ms  {exchange.outcome}{_headers(exchange.response_headers)}"
        yield from _message("<--", exchange.response_message, exchange.response_bytes)


def _headers(headers: Mapping[str, str]) -> str:
    return "".join(f"; {name}: {value}" for name, value in headers.items())


def _message(arrow: str, message: str, data: str) -> Iterable[str]:
    yield from (f"{arrow} {line}" for line in message.splitlines())
    if data:
        yield f"{arrow} [{data}]"


def _coloured(verdict: Verdict) -> str:
    return click.style(f"{verdict:<{_WIDTH}}", fg=_COLOURS[verdict])


def _indented(lines: Iterable[str]) -> str:
    return textwrap.indent("\n".join(lines), "    ")
