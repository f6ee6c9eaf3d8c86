"""The examples in docs/examples: tests of agents in other languages, which use the control plane."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from opamp_mock_server import MockServer, Settings
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
