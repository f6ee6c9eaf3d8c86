"""The ledger compared with the text of the specification.

The text is not part of the project: OPAMP_SPECIFICATION_0_18 has its path.
"""

import os
import re
from pathlib import Path

import pytest

from opamp_conformance.ledger.ledger import load_ledger
from opamp_conformance.ledger.sentences import compare, sentences
from opamp_conformance.ledger.versions import DEFAULT_VERSION, SpecVersion
from support.command_line import Cli, one_line
from support.peers import ROOT

SPECIFICATION = """
# OpAMP

The server MUST sing. No agent listens, e.g. to
the second line.

## Songs

- The agent SHOULD [clap](#hands).
- It MAY dance.

```protobuf
    // This field MUST be set.
    // Always.
    bytes song = 1;
```

## Songs
"""


@pytest.fixture
def specification() -> Path:
    path = os.environ.get("OPAMP_SPECIFICATION_0_18", "")
    if not path:
        pytest.skip("needs the text of the specification: set OPAMP_SPECIFICATION_0_18 to its path")
    return Path(path)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("Server SHOULD compress", "Server MUST compress", "changed  #plain-http-transport: http.response-compression"),
        ("\n## Operation\n", "\n## Operation\n\nThe Server MUST sing.\n", "new      #operation line"),
        (
            "The Server SHOULD compress the response if",
            "There is nothing about",
            "gone     #plain-http-transport: http.",
        ),
    ],
    ids=["changed", "new", "gone"],
)
def test_a_sentence_that_differs_from_the_ledger(
    cli: Cli, specification: Path, tmp_path: Path, before: str, after: str, expected: str
) -> None:
    text = specification.read_text(encoding="utf-8")
    assert before in text
    changed = tmp_path / "specification.md"
    changed.write_text(text.replace(before, after), encoding="utf-8")
    result = cli("ledger", "check", changed)
    assert result.returncode == 1
    assert expected in result.stdout


def test_a_file_that_is_not_the_specification(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "nothing.md"
    assert "nothing.md" in one_line(cli("ledger", "check", path))
    path.write_bytes(b"\xff\xfe")
    assert "UTF-8" in one_line(cli("ledger", "check", path))
    path.write_text("# Hello\n\nNothing here.\n")
    result = cli("ledger", "check", path)
    assert "specification" in one_line(result)
    assert result.returncode == 2


def test_a_text_is_divided_into_sentences() -> None:
    found = {sentence.text: sentence for sentence in sentences(SPECIFICATION)}
    assert list(found) == [
        "The server MUST sing.",
        "No agent listens, e.g. to the second line.",
        "The agent SHOULD clap.",
        "It MAY dance.",
        "This field MUST be set.",
        "Always.",
        "bytes song = 1;",
    ]
    assert [text for text, sentence in found.items() if sentence.is_normative] == [
        "The server MUST sing.",
        "The agent SHOULD clap.",
        "It MAY dance.",
        "This field MUST be set.",
    ]
    wrapped = found["No agent listens, e.g. to the second line."]
    assert (wrapped.section, wrapped.first_line, wrapped.last_line) == ("opamp", 4, 5)


def test_sentences_of_proto_files_are_ignored_without_these_files() -> None:
    in_proto = [requirement for requirement in load_ledger().values() if requirement.proto_sentences]
    without = {difference.about for difference in compare(load_ledger(), SPECIFICATION, [])}
    with_empty_file = {difference.about for difference in compare(load_ledger(), SPECIFICATION, ["// Nothing."])}
    assert {requirement.id for requirement in in_proto} <= with_empty_file
    assert any(requirement.id not in without for requirement in in_proto)


def test_the_summary_counts_every_statement(cli: Cli) -> None:
    summary = cli("ledger", "summary").stdout
    counted = sum(int(count) for count in re.findall(r"^(\d+) statements ", summary, re.MULTILINE))
    assert counted == len(load_ledger(DEFAULT_VERSION))


def counts_of(cli: Cli, version: str) -> tuple[str, list[int]]:
    """Return what ``ledger summary`` prints, and its figures of a version: all, then one for each line below."""
    text = cli.in_process("ledger", "summary", "--spec-version", version).stdout
    first, *rest = text.splitlines()
    return text, [int(line.split()[0]) for line in (first, *rest[:5])]


def test_the_page_on_coverage_has_the_figures_of_the_ledger(cli: Cli) -> None:
    page = (ROOT / "docs" / "coverage.md").read_text()
    assert counts_of(cli, "0.18")[0] in page
    for version in SpecVersion:
        total, checked, hidden, scenarios, any_conversation, unchecked = counts_of(cli, version.value)[1]
        row = (version.tag, total, checked, hidden, scenarios + any_conversation, unchecked)
        assert f"| {' | '.join(map(str, row))} |" in page
