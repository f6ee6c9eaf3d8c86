"""The GitHub Action: its steps, run as a runner runs them."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from opamp_mock_server import DEVIATIONS, MockServer, Settings
from support.peers import ROOT

ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))


class Runner:
    """Runs the steps of a composite action that are commands; what they use of others has to be there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {
            **os.environ,
            "RUNNER_TEMP": str(folder),
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        }

    def __call__(self, step: Mapping[str, Any], **inputs: str) -> subprocess.CompletedProcess[str]:
        defaults = {name: str(entry.get("default", "")) for name, entry in ACTION["inputs"].items()}
        given = {f"inputs.{name}": value for name, value in (defaults | inputs).items()}
        given["steps.python.outputs.python-path"] = sys.executable
        env = {
            name: re.sub(r"\$\{\{ (\S+) \}\}", lambda match: given[match[1]], value)
            for name, value in step.get("env", {}).items()
        }
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        return subprocess.run(
            command, cwd=self.folder, env={**self.env, **env}, capture_output=True, text=True, timeout=300, check=False
        )


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    runner = Runner(tmp_path_factory.mktemp("runner"))
    used, install, _ = ACTION["runs"]["steps"]
    assert used["uses"].startswith("actions/setup-python@")
    installed = runner(install)
    assert installed.returncode == 0, installed.stderr
    return runner


def test_a_good_server_passes(runner: Runner) -> None:
    *_, grade = ACTION["runs"]["steps"]
    result = runner(grade, options="--only 'capabilities.server.accepts-status' --transport http")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "conformant: 1 passed" in result.stdout
    assert (runner.folder / "output").read_text().endswith("exit-code=0\n")
    assert {path.name for path in (runner.folder / "opamp-conformance-reports").iterdir()} == {
        *("run.html", "run.xml", "run.jsonl"),
    }


def test_a_server_that_deviates_fails_and_says_so_on_github(runner: Runner) -> None:
    *_, grade = ACTION["runs"]["steps"]
    with MockServer(Settings(deviations=(DEVIATIONS["fleet.request-uid.echo"],))) as server:
        options = "--contract fleet --only fleet.request-uid.echo --transport http"
        result = runner(grade, url=server.url, options=options, reports="elsewhere/reports")
    assert result.returncode == 1
    assert "::error" in result.stdout
    assert (runner.folder / "output").read_text().endswith("exit-code=1\n")
    assert (runner.folder / "elsewhere" / "reports" / "run.xml").is_file()
    assert "not conformant" in (runner.folder / "summary").read_text()


def test_options_that_cannot_be_read_are_not_left_out(runner: Runner) -> None:
    *_, grade = ACTION["runs"]["steps"]
    result = runner(grade, options="--transport http --only 'auth.401")
    assert result.returncode == 2
    assert "::error::the options are not quoted as in a shell" in result.stdout
    assert (runner.folder / "output").read_text().endswith("exit-code=2\n")


def test_what_cannot_be_told_is_neither(runner: Runner) -> None:
    *_, grade = ACTION["runs"]["steps"]
    assert runner(grade, url="http://127.0.0.1:1").returncode == 2
    assert (runner.folder / "output").read_text().endswith("exit-code=2\n")
