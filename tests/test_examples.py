"""The examples in docs/examples: tests of agents in other languages, which use the control plane, and drivers."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from opamp_mock_server import MockServer, Settings
from support.command_line import Cli
from support.peers import PEERS, ROOT, java_libraries, need, node_programs, run

EXAMPLES = ROOT / "docs" / "examples"


@pytest.fixture
def server() -> Iterator[MockServer]:
    with MockServer(Settings(control=True)) as server:
        yield server


@pytest.mark.node
def test_the_node_example(server: MockServer) -> None:
    folder = node_programs()
    shutil.copy(EXAMPLES / "agent.test.js", folder)
    run(["node", "--test", "agent.test.js"], folder, {"OPAMP_URL": server.url})


@pytest.mark.go
def test_the_go_example(server: MockServer, tmp_path: Path) -> None:
    need("go")
    for path in (PEERS / "go" / "go.mod", PEERS / "go" / "go.sum", EXAMPLES / "agent_test.go"):
        shutil.copy(path, tmp_path)
    run(["go", "test", "-count=1"], tmp_path, {"OPAMP_URL": server.url})


def test_the_java_example(server: MockServer) -> None:
    libraries = java_libraries()
    command = ["java", "-ea", "-cp", f"{libraries}/*", EXAMPLES / "AgentTest.java"]
    run(command, EXAMPLES, {"OPAMP_URL": server.url})


def graded(cli: Cli, driver: str, *only: str) -> str:
    """Grade the agent of a driver over plain HTTP by some scenarios; return the verdicts."""
    options = [word for one in only for word in ("--only", one)]
    return cli("run", "--driver", driver, *options, "--transport", "http", "--timeout", "20").stdout


def test_the_python_driver(cli: Cli) -> None:
    driver = f"{sys.executable} {EXAMPLES / 'driver.py'}"
    output = graded(cli, driver, "http.poll", "disconnect.http-send", "status.report-on-change")
    assert re.search(r"passed +MUST +http +http.poll:", output), output
    assert "the driver does not have the verb 'health'" in output


@pytest.mark.node
def test_the_node_driver(cli: Cli) -> None:
    folder = node_programs()
    shutil.copy(EXAMPLES / "driver.js", folder)
    output = graded(cli, f"node {folder / 'driver.js'}", "http.poll", "compression.changed-part-complete")
    assert re.search(r"passed +MUST +http +http.poll:", output), output
    assert re.search(r"passed +MUST +http +compression.changed-part-complete:", output), output


@pytest.mark.go
def test_the_go_driver(cli: Cli, tmp_path: Path) -> None:
    need("go")
    for path in (PEERS / "go" / "go.mod", PEERS / "go" / "go.sum", EXAMPLES / "driver.go"):
        shutil.copy(path, tmp_path)
    run(["go", "build", "-o", "driver", "driver.go"], tmp_path)
    output = graded(
        cli, str(tmp_path / "driver"), "http.poll", "status.report-on-change", "identification.request-uid.*"
    )
    assert re.search(r"passed +MUST +http +http.poll:", output), output
    assert re.search(r"passed +MUST +http +status.report-on-change:", output), output
    assert "the driver does not have the verb 'request-uid'" in output


def test_the_java_driver(cli: Cli) -> None:
    libraries = java_libraries()
    output = graded(cli, f"java -cp '{libraries}/*' {EXAMPLES / 'Driver.java'}", "http.poll")
    assert re.search(r"passed +MUST +http +http.poll:", output), output
