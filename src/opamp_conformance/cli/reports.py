"""``opamp-conformance report``, ``diff``, ``matrix`` and ``book``: commands that read the files of earlier runs."""

from pathlib import Path

import click

from opamp_conformance.cli.files import FILE, require_different, writable
from opamp_conformance.cli.output_options import output_options, outputs_of
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.reports.book import write_book
from opamp_conformance.reports.comparison import Change, Table, changes
from opamp_conformance.reports.html import rendered
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
def diff_command(old: Path, new: Path) -> ExitCode:
    """Show the differences between two runs, or two servers.

    OLD and NEW are files written by --jsonl. Exit code 1 if a verdict became worse; a scenario that ran in only one of
    them is shown, but is not a regression.

    \b
    opamp-conformance diff yesterday.jsonl today.jsonl
    """
    before, after = read_whole(old), read_whole(new)
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
@click.option("--name", multiple=True, help="Name of each server, in order; default: the names of the files.")
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
    table = Table(name or [stream.stem for stream in streams], [read_whole(stream) for stream in streams])
    if html is not None:
        with writable(html) as file:
            file.write(rendered("matrix.html", table=table))
    width = max(map(len, table.names))
    for name_, record in zip(table.names, table.records, strict=True):
        text = ", ".join(f"{count} {verdict}" for verdict, count in record.finished.verdicts.items())
        click.echo(f"{name_:<{width}}  {record.verdict}: {text}")
    differing = [(key, row) for key, row in table.rows() if len(set(row)) > 1]
    for key, row in differing:
        click.echo(f"\n{key.level} {key}")
        for name_, verdict in zip(table.names, row, strict=True):
            click.echo(f"  {name_:<{width}}  {verdict or 'not run'}")


@click.command("book")
@click.option("--html", type=FILE, required=True, metavar="FOLDER", help="The folder to write the pages into.")
@click.argument("stream", type=FILE, required=False)
def book_command(html: Path, stream: Path | None) -> None:
    """Write all features as a book for reviewers.

    Each chapter is a page. With the file of a run (STREAM), the book shows its verdicts.

    \b
    opamp-conformance book --html book
    opamp-conformance book --html book run.jsonl
    """
    record = None if stream is None else read_run_record(stream)
    try:
        first, *_ = write_book(html, record)
    except OSError as error:
        raise InconclusiveError(f"cannot write {html}: {error.strerror}") from error
    click.echo(str(first))


def _line(change: Change) -> str:
    mark = "worse " if change.is_regression else "      "
    return f"{mark} {change.before or 'not run'} -> {change.after or 'not run'}  {change.key.level} {change.key}"
