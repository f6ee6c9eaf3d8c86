"""Files of others: pipes without a writer, deep nesting, and odd events end as one clear line."""

import json
import os
from pathlib import Path

import pytest

from support.command_line import Cli, one_line

DEEP = "a = " + "[" * 100_000


@pytest.mark.parametrize(
    "arguments",
    [
        ("report",),
        ("run", "--only", "capabilities.*", "--profile"),
        ("run", "--replay"),
        ("ledger", "check"),
        ("matrix",),
        ("load", "mixed", "--url", "http://127.0.0.1:1", "--mix"),
        ("load", "steady", "--url", "http://127.0.0.1:1", "--profile"),
    ],
    ids=" ".join,
)
def test_a_pipe_that_nobody_writes_into_does_not_hang(cli: Cli, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    result = cli(*arguments, pipe, timeout=30)
    assert result.returncode in (0, 1, 2)
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [("run", "--profile"), ("load", "mixed", "--url", "http://127.0.0.1:1", "--mix")],
    ids=" ".join,
)
def test_toml_that_is_nested_too_deeply_is_an_error(cli: Cli, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    file = tmp_path / "deep.toml"
    file.write_text(DEEP)
    result = cli(*arguments, file)
    assert result.returncode == 2
    assert "nested too deeply" in one_line(result)


@pytest.mark.parametrize(
    "line",
    [
        *("[]", "1", "null", '"text"', "[" * 100_000, '{"event": []}', '{"event": {"a": 1}}'),
        '{"event": "RunStarted", "schema": {}}',
        '{"event": "ScenarioFinished", "verdict": []}',
        '{"event": "RunFinished", "exit_code": "x", "verdicts": 5}',
        json.dumps({"event": "RunFinished", "exit_code": 0, "verdicts": [[]]}),
    ],
    ids=lambda line: line[:30],
)
def test_an_odd_event_is_an_error(cli: Cli, tmp_path: Path, line: str) -> None:
    stream = tmp_path / "odd.jsonl"
    stream.write_text(line + "\n")
    for arguments in (("report", stream), ("diff", stream, stream), ("matrix", stream)):
        result = cli.in_process(*arguments)
        assert result.returncode == 2
        assert "defect" not in one_line(result)


def test_a_fleet_that_is_too_large_is_an_error(cli: Cli) -> None:
    result = cli("load", "enrollment", "--url", "http://127.0.0.1:1", "--agents", "99999999999")
    assert result.returncode == 2
    assert "at most" in one_line(result)
