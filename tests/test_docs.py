"""The README and docs/: their commands run, their links are valid, and the site and the manual page are built."""

import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme
import yaml

from opamp_conformance.ledger.ledger import Subject, load_ledger
from opamp_conformance.ledger.versions import NEWEST
from opamp_conformance.suite.catalogue import load_catalogue
from opamp_conformance.wire.transport import Transport
from opamp_mock_server import DEVIATIONS, MockServer, Settings, Tls
from support.command_line import Cli
from support.doc_commands import blocks, normal, play, shown
from support.peers import ROOT, need, run

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
RUN_ELSEWHERE = {"containers.md"}
"""Pages whose commands test_containers.py runs, in a real container engine."""


def pages_with(kind: str) -> list[Path]:
    return [page for page in PAGES if blocks(page, kind)]


def name_of(page: Path) -> str:
    return page.name


# ---- commands


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Servers for all commands, and a folder with the files that the commands need."""
    folder = tmp_path_factory.mktemp("docs")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authorities.pem")
    server, client = authority.issue_cert("127.0.0.1"), authority.issue_cert("client.example.com")
    for name, certificate in (("server", server), ("client", client)):
        certificate.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        certificate.private_key_pem.write_to_path(folder / f"{name}.key")
    tls = Tls(folder / "server.pem", folder / "server.key", folder / "authorities.pem")
    (folder / "ours.toml").write_text('contract = "opamp"\n')
    with ExitStack() as stack:
        plain = stack.enter_context(MockServer(Settings(control=True, instances=2)))
        keyed = stack.enter_context(MockServer(Settings(enrollment_keys=("docs",))))
        secured = stack.enter_context(MockServer(Settings(tls=tls)))
        Cli()("run", "--url", plain.url, "--only", "capabilities.*", "--jsonl", folder / "main.jsonl")
        for copy in ("yesterday", "mock", "other"):
            shutil.copy(folder / "main.jsonl", folder / f"{copy}.jsonl")
        urls = {"PLAIN": plain.url, "OTHER": plain.other_urls[0], "KEYED": keyed.url, "TLS": secured.url}
        yield {
            "DOCS": str(folder),
            **{f"DOCS_{name}": f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for name, url in urls.items()},
        }


@pytest.mark.parametrize(
    "page", [page for page in pages_with("console") if page.name not in RUN_ELSEWHERE], ids=name_of
)
def test_every_command_runs(page: Path, servers: dict[str, str], tmp_path: Path) -> None:
    need("bash", "curl")
    home = tmp_path / "home"
    shutil.copytree(servers["DOCS"], home)
    output = play(page, home, servers)
    for line in shown(page):
        assert re.search(line, normal(output)), f"{line}: {output[-4000:]}"


def test_expected_output_is_compared_without_numbers() -> None:
    lines = shown(ROOT / "README.md")
    assert len(lines) == 5
    assert re.search(lines[0], normal("conformant: 7 passed, 1,000 not applicable, 1 not scored in 0.1 s"))
    assert not re.search(lines[0], normal("conformant: 7 passed, 1,000 known in 0.1 s"))


# ---- examples, links and pages


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "yaml", "toml", "python")], ids=name_of)
def test_examples_have_valid_syntax(page: Path) -> None:
    for kind, text in blocks(page, "yaml", "toml", "python"):
        if kind == "yaml":
            assert list(yaml.safe_load_all(text))
        elif kind == "toml":
            assert tomllib.loads(text)
        else:
            compile(text, page.name, "exec")


def test_the_example_of_an_agent_test_is_run() -> None:
    [example] = blocks(DOCS / "agent-tests.md", "python")
    body = example.text.partition("\n")[2].strip()
    assert body in (ROOT / "tests" / "test_agent_fixture.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "page", [*PAGES, *(ROOT / f"{name}.md" for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY"))], ids=name_of
)
def test_links_to_files_are_valid(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_requirements_and_scenarios_exist(page: Path) -> None:
    """What the pages show as code or in output, such as `auth.401` or `auth.401.wrong-credentials`."""
    known = {
        *load_ledger(NEWEST),
        *load_ledger(),
        *DEVIATIONS,
        *(f"transport.{transport}" for transport in Transport),
        *(case.key for subject in Subject for case in load_catalogue(subject).cases()),
        *(key for subject in Subject for key in load_catalogue(subject)),
    }
    known |= {id_.rpartition(".")[0] for id_ in known}  # The beginning of several.
    known |= {id_.removeprefix("fleet.document.") for id_ in known}
    parts = {id_.partition(".")[0] for id_ in load_ledger()}
    shown = re.findall(r"(?<![\w./-])([a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+(?::[a-z0-9-]+)?)(?![\w*/(-])", page.read_text())
    ids = {
        name
        for name in shown
        if name.partition(".")[0] in parts and not name.endswith((".md", ".pem", ".proto", ".py", ".toml"))
    }
    assert ids - known == set()


def test_the_fleet_contract_has_each_scenario_about_documents() -> None:
    text = (DOCS / "fleet-contract.md").read_text(encoding="utf-8")
    table = text[text.index("| part of the document") : text.index("## Enrollment keys")]
    prefix = "fleet.document."
    keys = {scenario.key for scenario in load_catalogue().values() if scenario.chapter == "fleet_documents"}
    assert {prefix + name for name in re.findall(r"`([^`]+)`", table)} == keys


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_lines_of_prose_have_at_most_120_characters(page: Path) -> None:
    text = re.sub(r"^( *)```.*?^\1```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    lines = [line for line in text.splitlines() if not line.startswith(("|", "[", "<")) and "](http" not in line]
    assert [line for line in lines if len(line) > 120] == []


def test_the_site_and_the_manual_page_are_built(tmp_path: Path) -> None:
    """Sphinx warns of a broken link within the site, and -W makes this an error."""
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", tmp_path / "cache"]
    run([*build, "-b", "html", DOCS, tmp_path / "site"])
    run([*build, "-b", "man", DOCS, tmp_path / "man"])
    assert "opamp-conformance" in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    requirement = (tmp_path / "site" / "requirement" / "sequence.server-report-full-state.html").read_text()
    for part in (
        "ReportFullState",
        ".unknown-compressed",
        ":gzip",
        "blob/v0.20.0/specification.md#",
        "opamp-go-server",
    ):
        assert part in requirement
    manual = (tmp_path / "man" / "opamp-conformance.1").read_text(encoding="utf-8")
    assert r"\-\-fail\-if" in manual
    assert {page.stem for page in DOCS.glob("*.md")} <= {page.stem for page in (tmp_path / "site").glob("*.html")}
