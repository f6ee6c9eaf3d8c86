"""JUnit XML for CI servers: one suite per chapter and transport, one case per scenario.

The name of a case is its key, which is stable; its title is a property.
"""

import re
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from opamp_conformance.results.events import Event, FindingBooked, RunFinished, RunStarted, ScenarioFinished
from opamp_conformance.results.verdicts import Verdict

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class JUnit:
    """Collects a run and writes it to a file when the run ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._root = ET.Element("testsuites", name="opamp-conformance")
        self._suites: dict[str, ET.Element] = {}

    def handle(self, event: Event) -> None:
        """Take one event; the last one writes the file."""
        match event:
            case RunStarted():
                self._root.set("name", _clean(f"opamp-conformance {event.target}"))
                self._properties(self._root, {"specification": event.specification})
            case ScenarioFinished():
                case = self._case(f"{event.chapter}.{event.transport}", event.key, event.seconds)
                properties = {
                    "title": event.title,
                    "level": event.level,
                    "contract": event.contract,
                    "transport": event.transport,
                }
                self._properties(case, {**properties, "verdict": event.verdict, **_maturity(event)})
                for requirement, link in zip(event.requirements, event.links, strict=True):
                    self._properties(case, {"requirement": requirement, "specification": link})
                details = f"{event.step}\n{event.reproduce}"
                self._outcome(case, event.verdict, event.known_because or event.because, details)
            case FindingBooked():
                case = self._case(event.about, event.requirement, 0)
                properties = {"level": event.level, "requirement": event.requirement, "verdict": event.verdict}
                self._properties(case, {**properties, "specification": event.link})
                because = f"{event.because}, in {event.count} messages"
                for agent in event.agents:
                    self._properties(case, {"agent": agent})
                messages = _messages(event) if event.side else []
                details = "\n".join([*event.walk, event.reproduce, *messages])
                self._outcome(case, event.verdict, event.known_because or because, details)
            case RunFinished():
                self._write()

    def _case(self, chapter: str, name: str, seconds: float) -> ET.Element:
        if chapter not in self._suites:
            self._suites[chapter] = ET.SubElement(self._root, "testsuite", name=_clean(chapter))
        attributes = {"classname": _clean(f"opamp.{chapter}"), "name": _clean(name), "time": f"{seconds:.3f}"}
        return ET.SubElement(self._suites[chapter], "testcase", attributes)

    def _properties(self, case: ET.Element, properties: dict[str, str]) -> None:
        parent = case.find("properties")
        parent = ET.SubElement(case, "properties") if parent is None else parent
        for name, value in properties.items():
            ET.SubElement(parent, "property", name=name, value=_clean(value))

    def _outcome(self, case: ET.Element, verdict: Verdict, because: str, details: str) -> None:
        match verdict:
            case Verdict.FAILED | Verdict.BLOCKED:
                ET.SubElement(case, "failure", type=verdict, message=_clean(because)).text = _clean(details)
            case Verdict.ERROR:
                ET.SubElement(case, "error", type=verdict, message=_clean(because)).text = _clean(details)
            case Verdict.NOT_APPLICABLE | Verdict.KNOWN | Verdict.FLAKY | Verdict.NOT_SCORED:
                ET.SubElement(case, "skipped", message=_clean(because))
            case Verdict.WARNED:
                ET.SubElement(case, "system-out").text = _clean(f"warned: {because}\n{details}".rstrip())
            case Verdict.PASSED:
                pass

    def _write(self) -> None:
        for suite in [*self._suites.values(), self._root]:
            suite.set("tests", str(len(list(suite.iter("testcase")))))
            for kind in ("failure", "error", "skipped"):
                name = {"failure": "failures", "error": "errors"}.get(kind, kind)
                suite.set(name, str(len(list(suite.iter(kind)))))
        ET.indent(self._root)
        ET.ElementTree(self._root).write(self._path, encoding="utf-8", xml_declaration=True)


def _maturity(event: ScenarioFinished) -> dict[str, str]:
    return {"status": "Development"} if event.is_in_development else {}


def _messages(event: FindingBooked) -> list[str]:
    """Return the messages of agents and of the server, in lines."""
    return [
        text
        for one in event.transcript
        for text in (f"{one.method}:", one.request_message, one.outcome, one.response_message)
        if text
    ]


def _clean(text: str) -> str:
    """Replace characters that XML cannot contain."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
