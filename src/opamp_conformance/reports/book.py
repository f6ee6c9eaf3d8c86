"""The features as a book for reviewers: one page per chapter, with the verdicts of a run next to the scenarios."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from opamp_conformance import resources
from opamp_conformance.ledger.ledger import Requirement, load_ledger
from opamp_conformance.ledger.versions import SpecVersion
from opamp_conformance.reports.html import rendered
from opamp_conformance.reports.run_record import RunRecord
from opamp_conformance.results.verdicts import Verdict
from opamp_conformance.suite.catalogue import Scenario, Tags, load_both_sides
from opamp_conformance.suite.features import Examples, WrittenFeature, WrittenScenario, read_feature

Verdicts = Mapping[tuple[str, str], Verdict]
"""The verdicts of a run, by the key and transport of a case."""


@dataclass(frozen=True)
class Entry:
    """One scenario for readers: its own steps, its examples, and the verdicts of a run by title and transport.

    ``requirements`` are those of the version of the book, ``since`` is the tag of the version that brought it, if that
    is newer.
    """

    scenario: Scenario
    requirements: Sequence[Requirement]
    since: str
    steps: Sequence[str]
    examples: Sequence[Examples]
    verdicts: Sequence[tuple[str, str, Verdict]]


@dataclass(frozen=True)
class Part:
    """A feature: its description, its background, and the scenarios of each rule."""

    name: str
    description: str
    background: Sequence[str]
    rules: Sequence[tuple[str, Sequence[Entry]]]

    @property
    def entries(self) -> list[Entry]:
        return [entry for _, entries in self.rules for entry in entries]


def write_book(folder: Path, version: SpecVersion, record: RunRecord | None) -> list[Path]:
    """Write the pages into a folder, and create the folder; returns the paths, the start page first. Raises OSError.

    ``version`` is that of the specification.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chapters = dict(_chapters(version, _verdicts(record)))
    values = {"chapters": chapters, "run": record, "requirements": len(load_ledger(version)), "version": version.tag}
    pages = {"index.html": rendered("book.html", **values)}
    names = list(chapters)
    for number, name in enumerate(names):
        before, after = names[number - 1] if number else None, names[number + 1] if number + 1 < len(names) else None
        pages[f"{name}.html"] = rendered("chapter.html", name=name, parts=chapters[name], before=before, after=after)
    for path, text in pages.items():
        (folder / path).write_text(text, encoding="utf-8")
    return [folder / path for path in pages]


def _chapters(version: SpecVersion, verdicts: Verdicts) -> Iterator[tuple[str, list[Part]]]:
    paths = sorted(resources.folder("features").rglob("*.feature"))
    for chapter, found in groupby(paths, key=lambda path: path.parent.name):
        yield chapter, [_part(read_feature(path), version, verdicts) for path in found]


def _part(feature: WrittenFeature, version: SpecVersion, verdicts: Verdicts) -> Part:
    rules = [
        (rule, [entry for written in found if (entry := _entry(written, version, verdicts)) is not None])
        for rule, found in groupby(feature.scenarios, key=lambda written: written.rule)
    ]
    return Part(feature.name, feature.description, feature.background, rules)


def _entry(written: WrittenScenario, version: SpecVersion, verdicts: Verdicts) -> Entry | None:
    """Make the entry of a scenario; None if it has ended by a version."""
    [key] = Tags.of(written, load_ledger()).keys
    scenario = load_both_sides()[key]
    if scenario.has_ended_by(version):
        return None
    since = scenario.since.tag if scenario.is_newer_than(version) else ""
    requirements = load_ledger(version).due(scenario.requirements, version)
    seen = [
        (case.title, case.transport, verdicts[case.key, case.transport])
        for case in scenario.cases()
        if (case.key, case.transport) in verdicts
    ]
    return Entry(scenario, requirements, since, written.steps, written.examples, seen)


def _verdicts(record: RunRecord | None) -> Verdicts:
    return {(event.key, event.transport): event.verdict for event in (record.scenarios if record else ())}
