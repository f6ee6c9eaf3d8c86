"""The locustfiles, for a moment, on a mock server of this machine."""

import csv
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from opamp_conformance import resources
from opamp_mock_server import DEVIATIONS, MockServer, Settings

# Not imported: locust patches the standard library of the process that does.
pytestmark = pytest.mark.skipif(importlib.util.find_spec("locust") is None, reason="locust is not installed")


def play(server: MockServer, folder: Path) -> tuple[int, dict[str, str]]:
    """Run enrollment.py for two seconds; returns locust's exit code and the totals."""
    command = [
        *(sys.executable, "-m", "locust", "-f", str(resources.folder("loadtests") / "enrollment.py")),
        *("--headless", "-u", "2", "-r", "2", "-t", "2s", "--host", server.url, "--csv", str(folder / "out")),
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in result.stderr
    with (folder / "out_stats.csv").open() as file:
        return result.returncode, list(csv.DictReader(file))[-1]


def test_agents_enroll(tmp_path: Path) -> None:
    with MockServer() as server:
        code, totals = play(server, tmp_path)
    assert code == 0
    assert int(totals["Request Count"]) > 10
    assert totals["Failure Count"] == "0"


def test_a_server_that_breaks_the_contract_is_seen(tmp_path: Path) -> None:
    with MockServer(Settings(deviations=(DEVIATIONS["fleet.request-uid.echo"],))) as server:
        code, totals = play(server, tmp_path)
    assert code == 1
    assert totals["Failure Count"] == totals["Request Count"] != "0"
