"""Arrows point one way (docs/architecture.md)."""

import ast
from collections.abc import Iterator
from pathlib import Path

from support.peers import ROOT

MOCK_SERVER, KIT, MESSAGES = "opamp_mock_server", "opamp_conformance", "opamp_proto"


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def importing(package: str, folder: str) -> set[str]:
    """Return the modules of a folder that import a package, by their paths."""
    modules = list((ROOT / folder).rglob("*.py"))
    assert modules
    return {str(path.relative_to(ROOT / folder)) for path in modules if package in imported(path)}


def test_messages_know_nobody() -> None:
    assert importing(MOCK_SERVER, "proto") == importing(KIT, "proto") == set()


def test_the_mock_server_does_not_know_the_kit() -> None:
    assert importing(KIT, "mock_server") == set()


def test_what_grades_knows_the_mock_server_in_one_place() -> None:
    knowing = importing(MOCK_SERVER, "src/opamp_conformance")
    assert {path for path in knowing if not path.startswith("cli/")} == {"targets/mock.py"}


def test_steps_and_locustfiles_know_the_kit_and_messages_alone() -> None:
    assert importing(MOCK_SERVER, "steps") == importing(MOCK_SERVER, "loadtests") == set()
    assert importing("aiohttp", "steps") == importing("websockets", "steps") == set()
