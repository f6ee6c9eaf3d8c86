"""Files of others: pipes without a writer, deep nesting, and odd events end as one clear line."""

import json
import os
from pathlib import Path

import pytest

from opamp_conformance.globs import matches
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


LONG = "[a-" * 20_000


@pytest.mark.parametrize(
    "arguments", [("list",), ("run", "--only"), ("run", "--skip"), ("serve", "--deviation")], ids=" ".join
)
def test_a_pattern_that_is_too_long_is_an_error_at_once(cli: Cli, arguments: tuple[str, ...]) -> None:
    result = cli(*arguments, LONG, timeout=20)
    assert result.returncode == 2
    assert len(result.stderr) < 2 * len(LONG)


@pytest.mark.parametrize("command", ["list", "run"])
def test_too_many_patterns_are_an_error_at_once(cli: Cli, command: str) -> None:
    patterns = [f"*{'[a-z]*' * 40}[{number}-]*" for number in range(3000)]
    words = patterns if command == "list" else [word for pattern in patterns for word in ("--only", pattern)]
    result = cli(command, *words, timeout=20)
    assert result.returncode == 2
    assert "3000 patterns are too many" in one_line(result)


@pytest.mark.parametrize(
    "entry",
    [
        f'[[unsupported]]\nrequirements = ["{LONG}"]\nbecause = "x"\n',
        f'[[known]]\nscenarios = ["{LONG}"]\nbecause = "x"\n',
        f'[[known]]\nrequirements = ["capabilities.server.undefined-bits-zero"]\nactual = "{LONG}"\nbecause = "x"\n',
        '[[unsupported]]\nrequirements = ["*[a-z]*"]\nbecause = "x"\n' * 20_000,
        f"[[unsupported]]\nrequirements = {['fleet.*'] * 50_000}\nbecause = 'x'\n",
    ],
    ids=["requirements", "scenarios", "actual", "entries", "patterns"],
)
def test_long_and_many_patterns_of_a_profile_are_an_error_at_once(cli: Cli, tmp_path: Path, entry: str) -> None:
    profile = tmp_path / "server.toml"
    profile.write_text(entry)
    result = cli("run", "--only", "capabilities.*", "--profile", profile, timeout=20)
    assert result.returncode == 2
    assert "patterns are too many" in result.stderr or "is too long" in result.stderr


def test_globs_are_those_of_a_shell() -> None:
    assert matches("fleet.*", "fleet.new-uid.unique")
    assert matches("[a-c]?*", "bar")
    assert not matches("[!a-c]*", "bar")
    assert not matches("fleet", "fleet.new-uid.unique")
    assert not matches("FLEET.*", "fleet.new-uid.unique")
    assert not matches("*a" * 100 + "b", "a" * 1024)


def test_a_fleet_that_is_too_large_is_an_error(cli: Cli) -> None:
    result = cli("load", "enrollment", "--url", "http://127.0.0.1:1", "--agents", "99999999999")
    assert result.returncode == 2
    assert "at most" in one_line(result)
