"""Faults of Elasticsearch and of instances: no agent whose enrollment was acknowledged is lost.

docs/reliability.md has the figures. If OPAMP_FAULT_FIGURES names a file, this run appends its figures to it.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from opamp_conformance.client.timing import Timing
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.results.events import Event
from opamp_conformance.results.verdicts import Verdict
from opamp_conformance.runner.run import grade
from opamp_conformance.suite.selection import Selection
from opamp_conformance.targets.mock import MockTarget
from opamp_conformance.wire.transport import Transport
from opamp_mock_server import ElasticsearchSettings, Settings
from support.fault_injection import CONNECTIONS, ElasticsearchNode, Fault, Fleet, Instance, Proxy
from support.matrix import RunRecord, is_nightly

AGENTS = 2000
MOST_SECONDS_WITHOUT_STORE = 90.0
INDEX = "fleet-under-fault"


@dataclass
class Site:
    """Two instances, their Elasticsearch, and the proxy between them."""

    node: ElasticsearchNode
    elastic: Elasticsearch
    proxy: Proxy
    instances: list[Instance]

    def kill_an_instance(self) -> None:
        self.instances[0].kill()
        time.sleep(2)
        self.instances[0].start()

    def roll(self) -> None:
        for instance in self.instances:
            instance.stop()
            time.sleep(0.5)
            instance.start()

    def kill_elasticsearch(self) -> None:
        self.node.kill()
        self.node.start()

    def refuse(self) -> None:
        with self.proxy.having(Fault.REFUSED, 3):
            pass

    def silence(self) -> None:
        with self.proxy.having(Fault.SILENT, 4):
            pass

    def slow_down(self) -> None:
        with self.proxy.having(Fault.SLOW, 4):
            pass

    def fill_the_queue(self) -> None:
        with self.proxy.having(Fault.BUSY, 3):
            pass

    def block_writes(self) -> None:
        self.elastic.indices.put_settings(index=INDEX, settings={"index.blocks.write": True})
        time.sleep(3)
        self.elastic.indices.put_settings(index=INDEX, settings={"index.blocks.write": None})


KILLS_AN_INSTANCE = "an instance is killed (SIGKILL) and started again"
KILLS_ELASTICSEARCH = "Elasticsearch is killed (SIGKILL) and started again"
REFUSES = "connections to Elasticsearch are closed and refused"
FAULTS: dict[str, Callable[[Site], None]] = {
    KILLS_AN_INSTANCE: Site.kill_an_instance,
    "two instances are stopped and started, one by one": Site.roll,
    KILLS_ELASTICSEARCH: Site.kill_elasticsearch,
    REFUSES: Site.refuse,
    "connections to Elasticsearch send nothing": Site.silence,
    "replies of Elasticsearch come three seconds late": Site.slow_down,
    "Elasticsearch is busy (429)": Site.fill_the_queue,
    "the index rejects writes": Site.block_writes,
}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ElasticsearchNode]:
    if "OPAMP_ELASTICSEARCH_UP" not in os.environ:
        pytest.skip("needs a command that starts an Elasticsearch: set OPAMP_ELASTICSEARCH_UP and _DOWN")
    node = ElasticsearchNode(tmp_path_factory.mktemp("elasticsearch"))
    yield node
    node.kill()


@pytest.fixture
def site(node: ElasticsearchNode) -> Iterator[Site]:
    url = node.start()
    with ExitStack() as stack:
        elastic = stack.enter_context(Elasticsearch(url, request_timeout=10))
        elastic.indices.delete(index=[INDEX, f"{INDEX}-desired-state", f"{INDEX}-instances"], ignore_unavailable=True)
        proxy = stack.enter_context(Proxy(node.port))
        proxied = url.replace(f":{node.port}", f":{proxy.port}")
        arguments = ["--store", "elasticsearch", "--elasticsearch-url", proxied, "--index", INDEX]
        instances = [Instance(arguments), Instance(arguments)]
        for instance in instances:
            instance.start()
            stack.callback(instance.stop)
        yield Site(node, elastic, proxy, instances)


def documents(elastic: Elasticsearch) -> dict[str, dict[str, Any]]:
    """Return all documents by id."""
    elastic.indices.refresh(index=INDEX)
    hits = elastic.search(index=INDEX, size=10_000)["hits"]["hits"]
    return {hit["_id"]: hit["_source"] for hit in hits}


ALL = "all of these faults, one after the other"
SOME = "three of these faults, one after the other"
CHOSEN = [*FAULTS, ALL] if is_nightly() else [SOME]


@pytest.mark.parametrize("chosen", CHOSEN)
def test_no_agent_is_lost(site: Site, chosen: str) -> None:
    """In an ordinary run, one fleet has three faults. With OPAMP_NIGHTLY=1, it has all, and each also has its own fleet."""
    faults = {
        ALL: FAULTS,
        SOME: {name: FAULTS[name] for name in (KILLS_AN_INSTANCE, KILLS_ELASTICSEARCH, REFUSES)},
    }.get(chosen) or {chosen: FAULTS[chosen]}
    with Fleet(AGENTS, [instance.url for instance in site.instances], enrolling_seconds=5.0 * len(faults)) as fleet:
        for number, fault in enumerate(faults.values()):
            fleet.wait_until_enrolled(AGENTS * (4 * number + 1) // (4 * len(faults)))
            fault(site)
        fleet.wait_until_enrolled(AGENTS)
        fleet.finish()
    time.sleep(3)  # Documents that were not acknowledged are removed one second after they can be.
    found = documents(site.elastic)
    lost = [uid.hex() for uid in fleet.acknowledged.values() if _name(uid) not in found]
    wrong = [name for name, uid in fleet.acknowledged.items() if _owner(found.get(_name(uid), {})) != name]
    enrolled = Counter(_owner(document) for document in found.values())
    enrolled_twice = [name for name, count in enrolled.items() if count > 1]
    figures = Figures(
        chosen, AGENTS, fleet.messages, fleet.failures, len(lost), len(enrolled_twice), round(fleet.longest_outage, 1)
    )
    figures.write()
    assert lost == []
    assert wrong == []
    assert fleet.changed == []
    assert fleet.recovered == {agent.name for agent in fleet.agents}
    # A killed instance cannot acknowledge what it has just written. This concerns at most one agent per connection.
    assert len(enrolled_twice) <= (CONNECTIONS if KILLS_AN_INSTANCE in faults else 0)


@dataclass
class Stopping(RunRecord):
    """The events of a run whose store stops after the first scenario that has passed."""

    stop: Callable[[], None] = lambda: None

    def handle(self, event: Event) -> None:
        had_passed = self.ended(Verdict.PASSED)
        super().handle(event)
        if self.ended(Verdict.PASSED) and not had_passed:
            self.stop()


@pytest.mark.parametrize(
    ("how", "state"), [("killed", "it cannot be reached"), ("suspended", "it does not answer in time")]
)
def test_a_store_that_stops_during_a_run_is_no_verdict_about_the_server(
    node: ElasticsearchNode, how: str, state: str
) -> None:
    """The run ends soon: no scenario after the one that noticed it takes any time."""
    url = node.start()
    store = ElasticsearchSettings(url, "fleet-without-store")
    record = Stopping(stop=node.kill if how == "killed" else node.suspend)
    selection = Selection(tuple(Contract), only=["fleet.document.*"], transports=[Transport.HTTP])
    began = time.monotonic()
    try:
        with pytest.raises(InconclusiveError, match=rf"{state}, since the scenario fleet\.document\."):
            grade(MockTarget(Settings(store=store)), selection, timing=Timing(3), workers=1, listeners=[record])
    finally:
        node.kill()
    assert record.ended(Verdict.FAILED, Verdict.BLOCKED) == []
    not_run = [event for event in record.ended(Verdict.ERROR) if event.actual.startswith("not run: ")]
    assert len(not_run) > len(record.scenarios) / 2
    assert time.monotonic() - began < MOST_SECONDS_WITHOUT_STORE


@dataclass(frozen=True)
class Figures:
    """A row of docs/reliability.md. ``enrolled_twice`` counts agents with a second document that was not acknowledged."""

    fault: str
    agents: int
    messages: int
    failures: int
    lost: int
    enrolled_twice: int
    longest_outage: float

    def write(self) -> None:
        if path := os.environ.get("OPAMP_FAULT_FIGURES"):
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(self)) + "\n")


def _name(instance_uid: bytes) -> str:
    text = instance_uid.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _owner(document: dict[str, Any]) -> str | None:
    return document.get("identifying_attributes", {}).get("service.instance.id")
