"""All attacks on the mock server at once: its memory stays bounded, and honest agents get every answer."""

import base64
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

import pytest

from opamp_conformance.client.agent import Agent
from support.attacks import MEBIBYTE
from support.command_line import Cli
from support.matrix import is_nightly

SECONDS: Final = 60
CONNECTIONS: Final = 50
HONEST_AGENTS: Final = 100
MOST_RESIDENT: Final = 300_000_000
LIMITS: Final = (
    *("--max-body-bytes", str(4 * MEBIBYTE), "--max-pending-bytes", str(16 * MEBIBYTE)),
    *("--max-stored-bytes", str(32 * MEBIBYTE), "--request-timeout", "5"),
)
"""For a server that anyone can reach: with the defaults, the reports of all agents may have 1 GiB."""


class Watch(threading.Thread):
    """Notes the most memory that a process has had."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._file = Path(f"/proc/{pid}/status")
        self.most = 0
        self.ends = threading.Event()

    def run(self) -> None:
        while not self.ends.wait(0.2):
            lines = self._file.read_text().splitlines()
            self.most = max(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def package(url: str) -> str:
    """Offer a package of some size, and return the path of its file."""
    import urllib.request  # noqa: PLC0415

    uid = Agent("attacked").instance_uid.hex()
    content = base64.b64encode(bytes(2 * MEBIBYTE)).decode()
    body = json.dumps({"big": {"type": "PackageType_TopLevel", "version": "1", "content": content}}).encode()
    address = f"{url.removesuffix('/v1/opamp')}/control/agents/{uid}/packages"
    with urllib.request.urlopen(urllib.request.Request(address, body, method="PUT"), timeout=10):
        return f"/packages/{uid}/big"


@pytest.mark.skipif(not is_nightly(), reason="takes more than a minute: set OPAMP_NIGHTLY=1")
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_all_attacks_at_once(cli: Cli, tmp_path: Path) -> None:
    """The agents enroll first. Later, the store may be full of the attackers' reports."""
    mix, results = tmp_path / "mix.toml", tmp_path / "results.json"
    mix.write_text("restarts = 0.05\n")
    errors = tmp_path / "errors.txt"
    options = ("--agents", HONEST_AGENTS, "--ramp", "1s", "--interval", "1s", "--mix", mix, "--json", results)
    honest = ("load", "mixed", "--duration", f"{SECONDS + 10}s", "--timeout", "30s", *options, "--url")
    with errors.open("w") as file:
        process, url = cli.start("--control", *LIMITS, stderr=file)
    watch = Watch(process.pid)
    with process:
        try:
            watch.start()
            path = package(url)
            fleet = subprocess.Popen([sys.executable, "-m", "opamp_conformance", *map(str, (*honest, url))])
            time.sleep(10)
            attack = [sys.executable, "-m", "support.attacks", url, path, str(SECONDS), str(CONNECTIONS)]
            subprocess.run(attack, check=True, timeout=SECONDS + 120, env={**os.environ, "PYTHONPATH": "tests"})
            fleet.wait(120)
        finally:
            watch.ends.set()
            process.terminate()
            process.wait(30)
    found: dict[str, Any] = json.loads(results.read_text())
    assert found["enrolled"] == HONEST_AGENTS
    assert found["failures"] == {}
    assert found["measures"]["throttled"] == 0
    assert found["measures"]["violations"] == 0
    assert 0 < watch.most < MOST_RESIDENT
    assert errors.read_text() == ""
    assert process.returncode == 0
