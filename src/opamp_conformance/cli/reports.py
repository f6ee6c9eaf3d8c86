"""``opamp-conformance report``, ``diff``, ``matrix`` and ``book``: commands that read the files of earlier runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from opamp_conformance.cli.files import FILE, require_different, writable
from opamp_conformance.cli.output_options import output_options, outputs_of
from opamp_conformance.cli.spec_version import OF_LISTS
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.ledger.versions import SpecVersion
from opamp_conformance.load.comparison import differences, read_result
from opamp_conformance.reports.comparison import Change, Table, changes
from opamp_conformance.reports.run_record import read_events, read_run_record, read_whole, run_record_of
from opamp_conformance.reports.terminal import Terminal
from opamp_conformance.results.verdicts import ExitCode


@click.command("report")
@click.argument("stream", type=FILE)
@output_options
def report_command(stream: Path, html: Path | None, junit: Path | None, badge: Path | None) -> None:
    """Make reports from the file of a run, written by --jsonl.

    Without options, print the run.

    \b
    opamp-conformance run --jsonl run.jsonl
    opamp-conformance report run.jsonl --html run.html
    """
    events = read_events(stream)
    record = run_record_of(events, stream)
    outputs = outputs_of(html, junit, badge, STREAM=stream)
    listeners = outputs or [Terminal(is_terminal=False)]
    for event in events:
        for listener in listeners:
            try:
                listener.handle(event)
            except OSError as error:
                raise InconclusiveError(f"cannot write a report: {error.strerror or error}") from error
    if outputs:
        click.echo(f"{record.started.target}: {record.verdict}")


@click.command("diff")
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
@click.option("--across-versions", is_flag=True, help="Also compare runs by two versions of the specification.")
def diff_command(old: Path, new: Path, across_versions: bool) -> ExitCode:
    """Show the differences between two runs, two servers, or two load tests.

    OLD and NEW are files written by --jsonl. Exit code 1 if a verdict became worse; a scenario that ran in only one of
    them is shown, but is not a regression.

    They may also be results of load tests, written by --json. Then a measure is worse if it differs by more than noise,
    which is taken from the differences between the seconds of each test.

    \b
    opamp-conformance diff yesterday.jsonl today.jsonl
    opamp-conformance diff load-before.json load-after.json
    """
    loads = read_result(old), read_result(new)
    if loads[0] is not None and loads[1] is not None:
        return _diff_of_loads(loads[0], loads[1])
    if loads != (None, None):
        raise InconclusiveError(f"one of {old} and {new} is a load test, and the other is not")
    before, after = read_whole(old), read_whole(new)
    versions = before.started.specification, after.started.specification
    if len(set(versions)) > 1 and not across_versions:
        raise InconclusiveError(
            f"{old} is a run by OpAMP {versions[0]}, and {new} one by {versions[1]}: add --across-versions"
        )
    found = changes(before, after)
    for change in found:
        click.echo(_line(change))
    regressions = sum(change.is_regression for change in found)
    vanished = sum(change.after is None for change in found)
    if vanished:
        click.echo(f"{vanished} scenarios of {old} did not run in {new}")
    if before.started.contracts != after.started.contracts or before.started.only != after.started.only:
        click.echo("the two runs selected different scenarios")
    click.echo(f"{len(found)} changed, {regressions} for the worse; {before.verdict} before, {after.verdict} after")
    return ExitCode.NOT_CONFORMANT if regressions else ExitCode.CONFORMANT


@click.command("matrix")
@click.argument("streams", type=FILE, nargs=-1, required=True)
@click.option("--name", multiple=True, help="Name of each server, in order; default: by the files, or their folders.")
@click.option("--html", type=FILE, help="Write the whole table to this file.")
def matrix_command(streams: tuple[Path, ...], name: tuple[str, ...], html: Path | None) -> None:
    """Compare servers in a table.

    Each server is given by the file of a run, written by --jsonl.

    \b
    opamp-conformance matrix mock.jsonl other.jsonl --html servers.html
    """
    if name and len(name) != len(streams):
        raise InconclusiveError(
            f"--name is given {len(name)} times for {len(streams)} servers: give a name to each, or to none"
        )
    require_different({**{str(stream): stream for stream in dict.fromkeys(streams)}, "--html": html})
    records = [read_whole(stream) for stream in streams]
    table = Table(name or _names(streams), records)
    if html is not None:
        from opamp_conformance.reports.html import rendered  # noqa: PLC0415 - it loads a template engine

        with writable(html) as file:
            file.write(rendered("matrix.html", table=table))
    width = max(map(len, table.names))
    for name_, record in zip(table.names, table.records, strict=True):
        text = ", ".join(f"{count} {verdict}" for verdict, count in record.finished.verdicts.items())
        click.echo(f"{name_:<{width}}  {record.verdict}: {text}; OpAMP {record.started.specification}")
    for key, row in table.rows():
        if len({cell.verdict for cell in row}) > 1:
            click.echo(f"\n{key.level} {key}")
            for name_, cell in zip(table.names, row, strict=True):
                click.echo(f"  {name_:<{width}}  {cell.verdict or 'not run'}")


@click.command("badge")
@click.argument("stream", type=FILE)
@click.option("--to", "folder", type=FILE, required=True, metavar="FOLDER", help="The folder to write the badges into.")
def badge_command(stream: Path, folder: Path) -> None:
    """Make badges from the file of a run, written by --jsonl.

    There is one of the whole run, and one of each area: core, configuration, settings, packages and custom messages.
    Each is a picture (SVG), and JSON for the endpoint badges of shields.io.

    \b
    opamp-conformance badge run.jsonl --to badges
    """
    from opamp_conformance.reports.badge import badges  # noqa: PLC0415 - only this command needs it

    record = read_run_record(stream)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, badge in badges(record):
            (folder / f"{name}.json").write_text(badge.json(), encoding="utf-8")
            (folder / f"{name}.svg").write_text(badge.svg(), encoding="utf-8")
            click.echo(f"{folder / name}.svg  {badge.label}: {badge.message}")
    except OSError as error:
        raise InconclusiveError(f"cannot write {folder}: {error.strerror}") from error


@click.command("book")
@click.option("--html", type=FILE, required=True, metavar="FOLDER", help="The folder to write the pages into.")
@OF_LISTS
@click.argument("stream", type=FILE, required=False)
def book_command(html: Path, spec_version: SpecVersion, stream: Path | None) -> None:
    """Write all features as a book for reviewers.

    Each chapter is a page. With the file of a run (STREAM), the book shows its verdicts.

    \b
    opamp-conformance book --html book
    opamp-conformance book --html book run.jsonl
    """
    from opamp_conformance.reports.book import write_book  # noqa: PLC0415 - it loads the features

    record = None if stream is None else read_run_record(stream)
    try:
        first, *_ = write_book(html, spec_version, record)
    except OSError as error:
        raise InconclusiveError(f"cannot write {html}: {error.strerror}") from error
    click.echo(str(first))


def _names(streams: Sequence[Path]) -> list[str]:
    """Name each server by its file, or by the two folders above it if several files have the same name."""
    names = [stream.stem for stream in streams]
    if len(set(names)) == len(names):
        return names
    return [" ".join(stream.resolve().parent.parts[-2:]) for stream in streams]


def _diff_of_loads(old: Mapping[str, Any], new: Mapping[str, Any]) -> ExitCode:
    found = differences(old, new)
    for one in found:
        click.echo(str(one))
    worse = sum(one.is_worse for one in found)
    click.echo(f"{sum(one.is_real for one in found)} changed by more than noise, {worse} for the worse")
    return ExitCode.NOT_CONFORMANT if worse else ExitCode.CONFORMANT


def _line(change: Change) -> str:
    mark = "worse " if change.is_regression else "      "
    return f"{mark} {change.before or 'not run'} -> {change.after or 'not run'}  {change.key.level} {change.key}"
