"""The layers of the code: a module imports from its own layer and from lower layers, never from higher ones."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from opamp_conformance.ledger.ledger import load_ledger
from opamp_conformance.suite.catalogue import load_catalogue
from opamp_mock_server import DEVIATIONS
from support.peers import ROOT

# From top to bottom, one layer per line. docs/architecture.md says what each of them does.
KIT = (
    "__main__",
    "cli",
    "load",
    "runner",
    "pytest_options",
    "walks watch",
    "assertions",
    "actions",
    "profiles",
    "reports",
    "client",
    "suite",
    "results",
    "scripted_server",
    "checks",
    "targets",
    "wire",
    "ledger globs redaction reading resources text garbage_collection",
    "errors",
)
MOCK_SERVER = (
    "pytest_plugin",
    "testing",
    "second_endpoints",
    "server",
    "assembly",
    "routing",
    "control",
    "settings",
    "deviations",
    "instances",
    "transports",
    "service",
    "stores",
    "limits",
    "metrics core",
    "errors",
)
AGENT_CHECKS = (
    "judge",
    "rules",
    "memory message_checks",
    "finding",
    "traffic requirements",
)
MOCK_AGENT = (
    "driver",
    "verbs",
    "agent",
    "telemetry downloads",
    "deviations",
    "transports",
    "core",
    "behaviour saved_state settings certificates",
    "errors",
)
LAYERS = [
    pytest.param("src/opamp_conformance", KIT, id="kit"),
    pytest.param("mock_server/opamp_mock_server", MOCK_SERVER, id="mock server"),
    pytest.param("mock_agent/opamp_mock_agent", MOCK_AGENT, id="reference agent"),
    pytest.param("agent_checks/opamp_agent_checks", AGENT_CHECKS, id="checks of agents"),
]


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names of the modules that a module imports, and of what it imports from them."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found
    return found


def importing(package: str, folder: str) -> set[str]:
    """Return the modules of a folder that import a package, as paths."""
    return {
        str(path.relative_to(ROOT / folder))
        for path in modules(folder)
        if package in {name.partition(".")[0] for name in imported(path)}
    }


@pytest.mark.parametrize(("folder", "layers"), LAYERS)
def test_no_module_imports_from_a_higher_layer(folder: str, layers: tuple[str, ...]) -> None:
    level = {room: number for number, rooms in enumerate(layers) for room in rooms.split()}
    package = Path(folder).name
    wrong = []
    for path in modules(folder):
        room = path.relative_to(ROOT / folder).parts[0].removesuffix(".py")
        if room == "__init__":  # The package re-exports names of all layers.
            continue
        for name in imported(path):
            first, _, rest = name.partition(".")
            other = rest.partition(".")[0]
            if first == package and other in level and level[other] < level[room]:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert wrong == []


@pytest.mark.parametrize(("folder", "layers"), LAYERS)
def test_every_room_has_a_layer(folder: str, layers: tuple[str, ...]) -> None:
    rooms = {path.relative_to(ROOT / folder).parts[0].removesuffix(".py") for path in modules(folder)}
    assert rooms - {"__init__"} == {room for rooms in layers for room in rooms.split()}


# Which of our packages a folder may import.
IMPORTS = {
    "proto": set[str](),
    "agent_checks": {"opamp_proto"},
    "mock_agent": {"opamp_proto"},
    "mock_server": {"opamp_proto", "opamp_agent_checks"},
}


@pytest.mark.parametrize("folder", IMPORTS)
def test_a_package_imports_only_what_is_below_it(folder: str) -> None:
    ours = ("opamp_proto", "opamp_agent_checks", "opamp_mock_agent", "opamp_mock_server", "opamp_conformance")
    found = {package for package in ours if importing(package, folder)}
    assert found - {path.name for path in (ROOT / folder).iterdir()} == IMPORTS[folder]


def test_grading_code_imports_the_mock_server_only_as_a_target() -> None:
    found = importing("opamp_mock_server", "src/opamp_conformance")
    assert {path for path in found if not path.startswith("cli/")} == {"targets/mock.py"}


def test_only_commands_import_the_reference_agent() -> None:
    found = importing("opamp_mock_agent", "src/opamp_conformance")
    assert found
    assert {path for path in found if not path.startswith("cli/")} == set()


def test_steps_and_locustfiles_import_only_the_kit_and_the_messages() -> None:
    assert importing("opamp_mock_server", "steps") == importing("opamp_mock_server", "loadtests") == set()
    assert importing("aiohttp", "steps") == importing("websockets", "steps") == set()


def test_the_walks_of_the_documentation_name_each_file_once() -> None:
    walks = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("\n## Walk ")[1:]
    assert len(walks) == 3
    for walk in walks:
        files = re.findall(r"^\d+\. `([\w/.]+)`", walk.partition("\n## ")[0], re.MULTILINE)
        assert len(files) > 8
        assert [file for file in files if not (ROOT / file).is_file()] == []
        assert len(set(files)) == len(files)


# ---- one name for each chapter


def test_a_chapter_has_one_name_everywhere() -> None:
    """Features, steps, core and deviations name a chapter alike. A chapter without an own step or core is fine."""
    chapters = {scenario.chapter for scenario in load_catalogue().values()}
    assert {path.name for path in (ROOT / "features").iterdir()} == chapters
    assert {path.stem for path in (ROOT / "steps").glob("*.py")} - {"agents"} <= chapters
    core = {path.stem for path in (ROOT / "mock_server/opamp_mock_server/core").glob("*.py")}
    assert core - {"__init__", "agent_state", "certificate_authority", "chapter", "core", "error_replies"} <= chapters
    for deviation in DEVIATIONS.values():
        module = deviation.change.__module__.split(".")[2]
        checking = load_catalogue().checking(deviation.breaks[0])
        assert module in {scenario.chapter for scenario in checking}, deviation.id


# ---- ids of requirements

TAKES_AN_ID = {"PreconditionFailedError", "satisfies", "offer_satisfies", "breaks"}
"""Functions whose first argument is the id of a requirement; a deviation may add a variant after a colon."""
NO_REQUIREMENT = {"fleet.agent.id"}
"""A field of a document that looks like a requirement."""
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)+(:[a-z0-9-]+)?")


def named_requirements(path: Path) -> Iterator[tuple[str, int]]:
    """Yield what a module names as requirements, with its line."""
    groups = {requirement.partition(".")[0] for requirement in load_ledger()}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        strings: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TAKES_AN_ID:
            strings = node.args[:1]
        elif (
            isinstance(node, ast.Constant) and str(node.value).partition(".")[0] in groups and ID.fullmatch(node.value)
        ):
            strings = [node]
        for string in strings:
            if isinstance(string, ast.Constant) and string.value not in NO_REQUIREMENT:
                yield str(string.value).partition(":")[0], string.lineno


FOLDERS_WITH_IDS = (
    "src/opamp_conformance",
    "steps",
    "mock_server/opamp_mock_server/deviations",
    "mock_agent/opamp_mock_agent/deviations",
    "agent_checks/opamp_agent_checks",
)


@pytest.mark.parametrize("folder", FOLDERS_WITH_IDS)
def test_every_requirement_that_the_code_names_is_in_the_ledger(folder: str) -> None:
    found = [(name, f"{path}:{line}") for path in modules(folder) for name, line in named_requirements(path)]
    assert found
    assert [f"{where}: {name}" for name, where in found if name not in load_ledger()] == []
