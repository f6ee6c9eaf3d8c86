"""The features as a book for reviewers: a page a chapter, and beside each scenario how a server fared."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from pytest_bdd.feature import get_features
from pytest_bdd.parser import Examples, Feature, ScenarioTemplate, Step

from opamp_conformance import resources
from opamp_conformance.catalogue import Scenario, load_catalogue
from opamp_conformance.ledger import load
from opamp_conformance.reports.html import rendered
from opamp_conformance.reports.recording import Recording
from opamp_conformance.verdicts import Verdict


@dataclass(frozen=True)
class Promise:
    """One scenario as it is read: its own steps, its examples, and the verdicts of a run by case and transport."""

    scenario: Scenario
    steps: Sequence[str]
    examples: Sequence[Examples]
    verdicts: Sequence[tuple[str, str, Verdict]]


@dataclass(frozen=True)
class Part:
    """A feature: why it is there, what comes before each scenario, and the scenarios of each rule."""

    name: str
    description: str
    background: Sequence[str]
    rules: Sequence[tuple[str, Sequence[Promise]]]

    @property
    def promises(self) -> list[Promise]:
        return [promise for _, promises in self.rules for promise in promises]


def write_book(folder: Path, recording: Recording | None) -> list[Path]:
    """Write the pages into a folder, which is made; returns them, the first one first. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    chapters = dict(_chapters(_verdicts(recording)))
    values = {"chapters": chapters, "run": recording, "requirements": len(load())}
    pages = {"index.html": rendered("book.html", **values)}
    names = list(chapters)
    for number, name in enumerate(names):
        before, after = names[number - 1] if number else None, names[number + 1] if number + 1 < len(names) else None
        pages[f"{name}.html"] = rendered("chapter.html", name=name, parts=chapters[name], before=before, after=after)
    for path, text in pages.items():
        (folder / path).write_text(text, encoding="utf-8")
    return [folder / path for path in pages]


def _chapters(verdicts: Mapping[str, list[tuple[str, Verdict]]]) -> Iterator[tuple[str, list[Part]]]:
    features = sorted(get_features([str(resources.folder("features"))]), key=lambda feature: feature.filename)
    for chapter, found in groupby(features, key=lambda feature: Path(feature.filename).parent.name):
        yield chapter, [_part(feature, verdicts) for feature in found]


def _part(feature: Feature, verdicts: Mapping[str, list[tuple[str, Verdict]]]) -> Part:
    templates = feature.scenarios.values()
    rules = [
        (rule, [_promise(template, verdicts) for template in found])
        for rule, found in groupby(templates, key=lambda template: template.rule.name if template.rule else "")
    ]
    background = feature.background.steps if feature.background else []
    return Part(feature.name or "", feature.description or "", _lines(background), rules)


def _promise(template: ScenarioTemplate, verdicts: Mapping[str, list[tuple[str, Verdict]]]) -> Promise:
    scenario = load_catalogue()[template.name]
    seen = [(name, transport, verdict) for name in scenario.names for transport, verdict in verdicts.get(name, [])]
    own = [step for step in template.steps if step.background is None]
    return Promise(scenario, _lines(own), template.examples, seen)


def _lines(steps: Sequence[Step]) -> list[str]:
    return [f"{step.keyword} {step.name}" for step in steps]


def _verdicts(recording: Recording | None) -> dict[str, list[tuple[str, Verdict]]]:
    found: dict[str, list[tuple[str, Verdict]]] = {}
    for event in recording.scenarios if recording else ():
        found.setdefault(event.name, []).append((event.transport, event.verdict))
    return found
