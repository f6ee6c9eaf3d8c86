"""The feature files as they are written, before anything is checked.

The parser is Gherkin's own, which pytest-bdd uses, too. Without pytest, reading takes a third of the time.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

from gherkin.parser import Parser


@dataclass(frozen=True)
class Examples:
    """A table of examples: the names of its columns, and its rows."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def values(self) -> list[Mapping[str, str]]:
        """Return the value of each column, row by row."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class WrittenScenario:
    """One scenario, or scenario outline.

    ``tags`` are its own, those of its rule and those of its feature. ``background`` are the steps before its own
    ``steps``, each with its keyword. ``asserts`` says whether it has a Then.
    """

    title: str
    rule: str
    tags: frozenset[str]
    background: tuple[str, ...]
    steps: tuple[str, ...]
    asserts: bool
    examples: tuple[Examples, ...]


@dataclass(frozen=True)
class WrittenFeature:
    """One feature file; ``background`` are the steps before each of its scenarios."""

    path: Path
    name: str
    description: str
    tags: frozenset[str]
    background: tuple[str, ...]
    scenarios: tuple[WrittenScenario, ...]


def read_feature(path: Path) -> WrittenFeature:
    """Read a feature file. Raises OSError, or an error of the parser."""
    feature = Parser().parse(path.read_text(encoding="utf-8"))["feature"]
    tags, children = _tags(feature), feature["children"]
    return WrittenFeature(
        path,
        feature["name"],
        dedent(feature["description"]),
        tags,
        _background(children),
        tuple(_scenarios(children, rule="", tags=tags, background=())),
    )


def _scenarios(
    children: Sequence[Mapping[str, Any]], *, rule: str, tags: frozenset[str], background: tuple[str, ...]
) -> Iterator[WrittenScenario]:
    """Yield the scenarios of a feature or a rule, and of the rules in it."""
    background += _background(children)
    for child in children:
        if "scenario" in child:
            yield _scenario(child["scenario"], rule, tags, background)
        elif "rule" in child:
            inner = child["rule"]
            yield from _scenarios(
                inner["children"], rule=inner["name"], tags=tags | _tags(inner), background=background
            )


def _scenario(
    written: Mapping[str, Any], rule: str, tags: frozenset[str], background: tuple[str, ...]
) -> WrittenScenario:
    return WrittenScenario(
        written["name"],
        rule,
        tags | _tags(written),
        background,
        _steps(written["steps"]),
        any(step["keywordType"] == "Outcome" for step in written["steps"]),
        tuple(map(_examples, written["examples"])),
    )


def _background(children: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(step for child in children if "background" in child for step in _steps(child["background"]["steps"]))


def _steps(steps: Iterable[Mapping[str, str]]) -> tuple[str, ...]:
    return tuple(f"{step['keyword'].strip()} {step['text']}" for step in steps)


def _tags(written: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(tag["name"].removeprefix("@") for tag in written["tags"])


def _examples(table: Mapping[str, Any]) -> Examples:
    rows = [_cells(row) for row in table["tableBody"]]
    return Examples(table["name"], _cells(table["tableHeader"]), tuple(rows))


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(cell["value"] for cell in row["cells"])
