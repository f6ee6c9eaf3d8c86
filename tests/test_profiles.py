"""Profiles: what is known of a server beforehand, and lists of it that are out of date."""

import json
import subprocess
from pathlib import Path

import pytest

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.profiles.loading import load_profile, names
from opamp_conformance.profiles.profile import Kind
from support.command_line import Cli, one_line


def profile(folder: Path, text: str) -> Path:
    file = folder / "ours.toml"
    file.write_text(text)
    return file


def known(*scenarios: str, more: str = "") -> str:
    return f'[[known]]\nscenarios = {json.dumps(scenarios)}\nbecause = "of issue 123"\n{more}\n'


def run(cli: Cli, *arguments: object) -> subprocess.CompletedProcess[str]:
    with cli.serve("--deviation", "fleet.request-uid.echo") as url:
        return cli("run", "--url", url, "--contract", "fleet", "--transport", "http", *arguments)


ECHO = [
    "fleet.request-uid.echo.enrolled-agent",
    "fleet.request-uid.echo.unknown-agent",
]


def test_known_failures_do_not_fail_a_run(cli: Cli, tmp_path: Path) -> None:
    assert run(cli).returncode == 1
    file = profile(tmp_path, known(*ECHO))
    junit = tmp_path / "out.xml"
    result = run(cli, "--profile", file, "--junit", junit)
    assert result.returncode == 0, result.stdout
    assert "2 known" in result.stdout
    assert "of issue 123" in result.stdout
    assert 'value="known"' in junit.read_text()


def test_a_known_failure_that_is_gone_fails(cli: Cli, tmp_path: Path) -> None:
    file = profile(tmp_path, known(*ECHO, "fleet.disconnect.enrolled.plain"))
    result = run(cli, "--profile", file)
    assert result.returncode == 1
    assert "1 failed, 2 known" in result.stdout
    assert "it does not fail any more: remove it" in result.stdout
    assert f"--profile {file}" in result.stdout


def test_a_known_finding_is_known_or_gone(cli: Cli, tmp_path: Path) -> None:
    file = profile(tmp_path, '[[known]]\nrequirements = ["error.excludes-other-fields"]\nbecause = "so"\n')
    with cli.serve("--deviation", "error.excludes-other-fields") as url:
        result = cli("run", "--url", url, "--profile", file, "--transport", "http", "--only", "bad-request.*")
        assert result.returncode == 0, result.stdout
        assert "in 1" in result.stdout
        assert "1 known" in result.stdout
    with cli.serve() as url:
        result = cli("run", "--url", url, "--profile", file, "--transport", "http")
        assert result.returncode == 1
        assert "no message breaks it any more" in result.stdout
        narrowed = cli("run", "--url", url, "--profile", file, "--only", "auth.401")
        assert narrowed.returncode == 0


def test_what_is_not_supported_is_not_asked(cli: Cli, tmp_path: Path) -> None:
    text = '[[unsupported]]\nrequirements = ["fleet.request-uid.*"]\nbecause = "it is older"\nlink = "https://example.com"\n'
    result = run(cli, "--profile", profile(tmp_path, text), "--only", "fleet.request-uid.echo")
    assert result.returncode == 0
    assert "2 not applicable" in result.stdout
    assert "it is older (https://example.com)" in result.stdout


def test_a_profile_chooses_the_contract_and_its_version(cli: Cli, tmp_path: Path) -> None:
    text = 'contract = "fleet"\nnewest = "2.0"\n' + known(*ECHO, more='versions = "<2.0"')
    with cli.serve("--deviation", "fleet.request-uid.echo") as url:
        arguments = ("run", "--url", url, "--profile", profile(tmp_path, text), "--transport", "http")
        assert cli(*arguments).returncode == 1
        assert cli(*arguments, "--server-version", "1.9-SNAPSHOT").returncode == 0
        assert "is not a version" in one_line(cli(*arguments, "--server-version", "newest"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            known("sequence.server-report-full-state.one-mising"),
            "did you mean 'sequence.server-report-full-state.one-missing'",
        ),
        (known("sequence.server-report-full-state.one-missing", more='versions = "new"'), "Invalid specifier"),
        (known("sequence.server-report-full-state.one-missing", more='versions = [">=9.5"]'), "versions is a text"),
        (known("sequence.server-report-full-state.one-missing", more='transport = "mail"'), "transport is"),
        (known("ws.roles.compression", more='transport = "http"'), "does not run over http"),
        ('[[known]]\nscenarios = ["sequence.server-report-full-state.one-missing"]\n', "needs a reason"),
        ('[[known]]\nbecause = "so"\n', "names scenarios or requirements"),
        ('[[known]]\nrequirements = ["error.*"]\nbecause = "so"\n', "no requirement 'error.*'"),
        ('[[unsupported]]\nrequirements = ["nothing.*"]\nbecause = "so"\n', "no requirement 'nothing.*'"),
        ('[[unsupported]]\nbecause = "so"\n', "requirements or a transport"),
        ("known = [[]]\n", "is written as tables"),
        ('contract = "all of it"\n', "contract is"),
        ("colour = 1\n", "only contract"),
        ("[[known\n", "is not TOML"),
    ],
)
def test_a_profile_that_makes_no_sense_is_said(cli: Cli, tmp_path: Path, text: str, says: str) -> None:
    file = profile(tmp_path, text)
    with pytest.raises(InconclusiveError):
        load_profile(str(file))
    result = cli("run", "--profile", file)
    assert result.returncode == 2
    assert says in one_line(result)


def test_a_profile_that_is_not_there_is_said(cli: Cli) -> None:
    result = cli("run", "--profile", "fleet-sever")
    assert result.returncode == 2
    assert "built in (fleet-server)" in one_line(result)


def test_the_built_in_profile_tells_versions_apart() -> None:
    assert names() == ["fleet-server"]
    profile = load_profile("fleet-server")

    def scenarios(version: str | None) -> set[str]:
        return {name for exemption in profile.at(version).exemptions for name in exemption.scenarios}

    assert "fleet.request-uid.known-agent.full-report" in scenarios("9.4.5")
    assert "fleet.request-uid.known-agent.full-report" not in scenarios("9.5.0")
    assert "sequence.server-report-full-state.one-missing" in scenarios("9.4.1")
    assert "sequence.server-report-full-state.one-missing" not in scenarios("9.4.0")
    assert scenarios(None) == scenarios("9.6.0") == scenarios("9.5.0-SNAPSHOT")
    assert any(exemption.kind is Kind.UNSUPPORTED for exemption in profile.exemptions)
