"""Runs of the suite against mock servers that deviate, in parallel processes."""

import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from opamp_conformance.client.timing import Timing
from opamp_conformance.ledger.ledger import Contract, load_ledger
from opamp_conformance.ledger.versions import NEWEST, SpecVersion
from opamp_conformance.results.verdicts import Verdict
from opamp_conformance.runner.run import grade as grade_target
from opamp_conformance.suite.catalogue import Scenario, load_catalogue
from opamp_conformance.suite.selection import Selection
from opamp_conformance.targets.elasticsearch import ElasticsearchAccess
from opamp_conformance.targets.mock import MockTarget
from opamp_mock_server import DEVIATIONS, ElasticsearchSettings, Settings
from support.matrix import Graded, Matrix, RunRecord, is_nightly

CONTROLS = 1
"""How many scenarios run that a deviation should not break. At night, all run."""
# Long enough for a busy machine; only messages without an answer take so long.
TIMEOUT = 6.0
_RUNS_PER_PROCESSOR = 1.5
"""Runs wait a third of their time. More of them at once would make each other late."""


def scenarios_for(deviation: str) -> list[Scenario]:
    """Choose the scenarios that the deviation could break, and some others as controls.

    Deviations take their controls in turn, so that each scenario is a control of some.
    """
    everything = list(load_catalogue().values())
    if is_nightly():
        return everything
    broken = set(DEVIATIONS[deviation].breaks)
    affected = [s for s in everything if broken & {requirement.id for requirement in s.requirements}]
    others = [s for s in everything if s not in affected]
    first = list(DEVIATIONS).index(deviation) * CONTROLS % len(others)
    return affected + (others + others)[first : first + CONTROLS]


def elasticsearch() -> str | None:
    """Return the URL of an Elasticsearch for tests, None if there is none."""
    return os.environ.get("ELASTICSEARCH_URL")


@contextmanager
def index() -> Iterator[ElasticsearchSettings]:
    """Use indices of Elasticsearch for one server in the ``with`` block, and delete them afterwards."""
    url = elasticsearch()
    assert url is not None
    store = ElasticsearchSettings(url, f"opamp-test-{secrets.token_hex(6)}")
    try:
        yield store
    finally:
        names = (store.index, store.desired_state_index, store.instances_index)
        with ElasticsearchAccess(url).client() as client:
            client.indices.delete(index=list(names), ignore_unavailable=True)
            for name in names:
                client.options(ignore_status=404).indices.delete_index_template(name=name)


def grade(
    deviations: Sequence[str], scenarios: Iterable[Scenario] = (), store: ElasticsearchSettings | None = None
) -> Graded:
    """Run scenarios, or all scenarios, against a mock server with some deviations.

    The version of the specification is the newest that still has what they break.
    """
    record = RunRecord()
    target = MockTarget(Settings(deviations=tuple(DEVIATIONS[deviation] for deviation in deviations), store=store))
    broken = [load_ledger()[requirement] for deviation in deviations for requirement in DEVIATIONS[deviation].breaks]
    version = min((requirement.until for requirement in broken), key=list(SpecVersion).index, default=NEWEST)
    selection = Selection(tuple(Contract), only=[scenario.key for scenario in scenarios])
    code = grade_target(target, selection, timing=Timing(TIMEOUT), workers=1, spec_version=version, listeners=[record])
    return Graded(code, record)


def grade_deviation(deviation: str) -> Graded:
    """Grade a deviation; once more if it breaks what it should not, or does not show: on a busy machine, all are late."""
    graded, breaks = _grade_once(deviation), set(DEVIATIONS[deviation].breaks)
    is_clean = not graded.record.ended(Verdict.ERROR) and all(set(e.requirements) & breaks for e in graded.broken())
    return graded if is_clean and breaks <= graded.noticed() else _grade_once(deviation)


def _grade_once(deviation: str) -> Graded:
    if not DEVIATIONS[deviation].needs_elasticsearch:
        return grade([deviation], scenarios_for(deviation))
    with index() as store:
        return grade([deviation], scenarios_for(deviation), store)


def can_be_graded(deviation: str) -> bool:
    return not DEVIATIONS[deviation].needs_elasticsearch or elasticsearch() is not None


def matrix_of(deviations: Iterable[str]) -> Matrix:
    """Grade deviations, except those that nothing here can grade."""
    return Matrix(_RUNS_PER_PROCESSOR).start(grade_deviation, filter(can_be_graded, deviations))
