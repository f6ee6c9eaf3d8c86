"""The ledger beside the specification's text, which is not part of the project: OPAMP_SPECIFICATION says where it is."""

import os
from pathlib import Path

import pytest

from opamp_conformance.ledger import load
from opamp_conformance.ledger.sentences import compare, sentences
from support.command_line import Cli, one_line

SPECIFICATION = """
# OpAMP

The server MUST sing. Nobody listens, e.g. to
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
    path = os.environ.get("OPAMP_SPECIFICATION", "")
    if not path:
        pytest.skip("the specification's text is not here: OPAMP_SPECIFICATION does not say where it is")
    return Path(path)


def test_the_ledger_has_every_sentence_of_the_specification(cli: Cli, specification: Path) -> None:
    result = cli("ledger", "check", specification)
    assert result.stdout == "no difference from the ledger of v0.18.0\n"
    assert result.returncode == 0


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("Server SHOULD compress", "Server MUST compress", "changed  #plain-http-transport: http.response-compression"),
        ("\n## Operation\n", "\n## Operation\n\nThe Server MUST sing.\n", "new      #operation line"),
        ("The Server SHOULD compress the response if", "Nothing is said of", "gone     #plain-http-transport: http."),
    ],
    ids=["changed", "new", "gone"],
)
def test_a_sentence_that_is_not_the_ledgers(
    cli: Cli, specification: Path, tmp_path: Path, before: str, after: str, told: str
) -> None:
    text = specification.read_text(encoding="utf-8")
    assert before in text
    changed = tmp_path / "specification.md"
    changed.write_text(text.replace(before, after), encoding="utf-8")
    result = cli("ledger", "check", changed)
    assert result.returncode == 1
    assert told in result.stdout


def test_a_file_that_is_no_specification(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "nothing.md"
    assert "cannot read" in one_line(cli("ledger", "check", path))
    path.write_bytes(b"\xff\xfe")
    assert "not UTF-8" in one_line(cli("ledger", "check", path))
    path.write_text("# Hello\n\nNothing here.\n")
    result = cli("ledger", "check", path)
    assert "not the text of a specification" in one_line(result)
    assert result.returncode == 2


def test_sentences() -> None:
    found = {sentence.text: sentence for sentence in sentences(SPECIFICATION)}
    assert list(found) == [
        "The server MUST sing.",
        "Nobody listens, e.g. to the second line.",
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
    listens = found["Nobody listens, e.g. to the second line."]
    assert (listens.section, listens.first_line, listens.last_line) == ("opamp", 4, 5)


def test_without_proto_files_their_sentences_are_left_out() -> None:
    in_proto = [requirement for requirement in load().values() if requirement.proto_sentences]
    without = {difference.about for difference in compare(load(), SPECIFICATION, [])}
    beside = {difference.about for difference in compare(load(), SPECIFICATION, ["// Nothing."])}
    assert {requirement.id for requirement in in_proto} <= beside
    assert any(requirement.id not in without for requirement in in_proto)


def test_the_summary_counts_every_statement(cli: Cli) -> None:
    summary = cli("ledger", "summary").stdout
    assert summary.startswith("463 statements of OpAMP v0.18.0:")
    assert "33 statements of the specification's main branch only" in summary
