"""The steps of the GitHub Action, run like on a GitHub runner."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from opamp_mock_server import DEVIATIONS, MockServer, Settings
from support.command_line import wait_until
from support.fault_injection import free_port
from support.peers import ROOT

ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))


class Runner:
    """Runs the command steps of a composite action. It does not run the actions that other steps use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {
            **os.environ,
            "PIP_NO_COMPILE": "1",  # Most modules are never imported.
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


def test_a_conformant_server_passes(runner: Runner) -> None:
    *_, grade = ACTION["runs"]["steps"]
    result = runner(grade, options="--only 'capabilities.server.accepts-status' --transport http")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "conformant: 1 passed" in result.stdout
    assert (runner.folder / "output").read_text().endswith("exit-code=0\n")
    assert {path.name for path in (runner.folder / "opamp-conformance-reports").iterdir()} == {
        *("run.html", "run.xml", "run.jsonl"),
    }


def test_a_deviating_server_fails_with_annotations_and_a_summary(runner: Runner) -> None:
    *_, grade = ACTION["runs"]["steps"]
    with MockServer(Settings(deviations=(DEVIATIONS["fleet.request-uid.echo"],))) as server:
        options = "--contract fleet --only fleet.request-uid.echo --transport http"
        result = runner(grade, url=server.url, options=options, reports="elsewhere/reports")
    assert result.returncode == 1
    assert "::error" in result.stdout
    assert (runner.folder / "output").read_text().endswith("exit-code=1\n")
    assert (runner.folder / "elsewhere" / "reports" / "run.xml").is_file()
    assert "not conformant" in (runner.folder / "summary").read_text()


def test_unreadable_options_are_an_error(runner: Runner) -> None:
    *_, grade = ACTION["runs"]["steps"]
    result = runner(grade, options="--transport http --only 'auth.401")
    assert result.returncode == 2
    assert re.search("^::error::.*options", result.stdout, re.MULTILINE)
    assert (runner.folder / "output").read_text().endswith("exit-code=2\n")


def test_an_unreachable_server_is_inconclusive(runner: Runner) -> None:
    *_, grade = ACTION["runs"]["steps"]
    assert runner(grade, url="http://127.0.0.1:1").returncode == 2
    assert (runner.folder / "output").read_text().endswith("exit-code=2\n")


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_action_starts_a_server_and_ends_it(runner: Runner) -> None:
    *_, grade = ACTION["runs"]["steps"]
    port = free_port()
    start = f"{sys.executable} -m opamp_conformance serve --port {port} & wait"
    only = "--only capabilities.server.accepts-status --transport http"
    result = runner(grade, url=f"http://127.0.0.1:{port}", start=start, wait="60s", options=only)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "conformant: 1 passed" in result.stdout
    wait_until(lambda: not is_open(port))


def test_the_last_lines_of_a_server_that_does_not_start_are_shown(runner: Runner) -> None:
    *_, grade = ACTION["runs"]["steps"]
    result = runner(grade, url=f"http://127.0.0.1:{free_port()}", start="echo no such port; exit 3", wait="1s")
    assert result.returncode == 2
    assert "no such port" in result.stdout
