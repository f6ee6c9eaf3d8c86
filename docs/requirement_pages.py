"""A page of the site for each requirement: its statement, its scenarios, its deviations, and who breaks it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment

from opamp_conformance.ledger.ledger import load_ledger
from opamp_conformance.reports.run_record import read_run_record
from opamp_conformance.results.events import FindingBooked, ScenarioFinished
from opamp_conformance.results.verdicts import Verdict
from opamp_conformance.suite.catalogue import load_both_sides
from opamp_mock_agent import DEVIATIONS as AGENT_DEVIATIONS
from opamp_mock_server import DEVIATIONS as SERVER_DEVIATIONS

Page = tuple[str, dict[str, Any], str]
FOLDER = "requirement"
REPORTS = Path(__file__).parent.parent / "reports"
BREACHES = (Verdict.FAILED, Verdict.WARNED, Verdict.KNOWN)
TEMPLATES = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
ONE = TEMPLATES.from_string("""\
<section>
<h1>{{ requirement.id }}</h1>
<p>{{ requirement.statement }}</p>
<ul>
<li>{{ requirement.level }}{% if requirement.counts_as %}, counts as {{ requirement.counts_as }}{% endif %},
of the {{ requirement.subject if requirement.subject != "both" else "server and the agent" }}</li>
<li><a href="{{ requirement.link }}">its place in the {{ "specification" if not requirement.source else "source" }}</a>
</li>
{% if requirement.reading %}
<li>our reading: {{ requirement.reading }}</li>
{% endif %}
{% if requirement.unchecked %}
<li>not checked: {{ requirement.unchecked }}</li>
{% endif %}
</ul>
{% for title, rows in parts if rows %}
<h2>{{ title }}</h2>
<ul>
{% for name, text in rows %}
<li><code>{{ name }}</code>{% if text %}: {{ text }}{% endif %}</li>
{% endfor %}
</ul>
{% endfor %}
</section>
""")
ALL = TEMPLATES.from_string("""\
<section>
<h1>Requirements</h1>
<ul>
{% for requirement in requirements %}
<li><a href="{{ requirement.id }}.html">{{ requirement.id }}</a>
{{ requirement.level }}: {{ requirement.statement }}</li>
{% endfor %}
</ul>
</section>
""")


def setup(app: Any) -> dict[str, bool]:
    """Register the pages: they have no source files."""
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": True}


def pages(_app: Any) -> Iterator[Page]:
    """Yield the page of each requirement, and one that lists them."""
    catalogue, broken_by = load_both_sides(), breaches()
    deviations = [*SERVER_DEVIATIONS.values(), *AGENT_DEVIATIONS.values()]
    requirements = list(load_ledger().values())
    for requirement in requirements:
        parts = [
            ("Scenarios", [(one.key, one.title) for one in catalogue.checking(requirement.id)]),
            ("Deviations", [(one.id, one.summary) for one in deviations if requirement.id in one.breaks]),
            ("Broken by", broken_by.get(requirement.id, [])),
        ]
        yield page(requirement.id, ONE.render(requirement=requirement, parts=parts))
    yield page("index", ALL.render(requirements=requirements), title="Requirements")


def page(name: str, body: str, title: str = "") -> Page:
    return f"{FOLDER}/{name}", {"title": title or name, "body": body}, "page.html"


def breaches() -> dict[str, list[tuple[str, str]]]:
    """Return the implementations that break requirements in the published results, with what came, by requirement."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(REPORTS.glob("*/*/*/run.jsonl")):
        record = read_run_record(path)
        name = " ".join(path.parent.parts[-2:])
        for event in (*record.scenarios, *record.findings):
            if event.verdict in BREACHES:
                for requirement in requirements_of(event):
                    rows = found.setdefault(requirement, [])
                    if name not in dict(rows):
                        rows.append((name, event.because))
    return found


def requirements_of(event: ScenarioFinished | FindingBooked) -> tuple[str, ...]:
    return (event.requirement,) if isinstance(event, FindingBooked) else event.requirements
