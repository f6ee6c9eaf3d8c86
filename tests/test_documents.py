"""The documents of agents in Elasticsearch, as scenarios read them."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import uuid6

from opamp_conformance.actions.fleet_documents import FleetDocuments
from opamp_conformance.client.timing import Timing
from opamp_conformance.errors import InconclusiveError, ViolationError
from opamp_conformance.results.verdicts import Verdict
from opamp_conformance.runner.run import grade
from opamp_conformance.suite.selection import Selection
from opamp_conformance.targets import Endpoint, FleetAgents
from opamp_conformance.targets.elasticsearch import ElasticsearchAccess
from opamp_conformance.targets.mock import MockTarget
from opamp_mock_server import DEVIATIONS, Settings
from support.deviation_matrix import elasticsearch
from support.fault_injection import free_port
from support.matrix import RunRecord

needs_elasticsearch = pytest.mark.skipif(
    elasticsearch() is None, reason="needs an Elasticsearch: set ELASTICSEARCH_URL"
)
UID = uuid6.uuid7()


@pytest.fixture
def where() -> Iterator[FleetAgents]:
    """Give an index of its own."""
    access = ElasticsearchAccess(str(elasticsearch()))
    index = f"opamp-test-documents-{uuid6.uuid7().hex}"
    with access.client() as client:
        client.indices.create(index=index, settings={"refresh_interval": "-1"})
        try:
            yield FleetAgents(access, index, "policy", ("default",), patience=1.5)
        finally:
            client.indices.delete(index=index)


@needs_elasticsearch
def test_a_search_does_not_find_what_is_not_refreshed(where: FleetAgents) -> None:
    documents = FleetDocuments(where)
    with where.access.client() as client:
        client.index(index=where.index, id=str(UID), document={"status": "online"})
        assert documents.get(UID.bytes) == {"status": "online"}
        assert documents.find(UID.bytes) is None
        with pytest.raises(ViolationError):
            documents.wait_for(UID.bytes, lambda one: True, "a document", by_search=True)
        client.indices.refresh(index=where.index)
        assert documents.wait_for(UID.bytes, lambda one: True, "a document", by_search=True) == {"status": "online"}
    documents.close()


@needs_elasticsearch
def test_a_document_that_changes_is_waited_for(where: FleetAgents) -> None:
    """The deadline counts from the last change, because a server may write a report in several steps."""
    documents = FleetDocuments(where)
    with where.access.client() as client:

        def write() -> None:
            for number in range(1, 5):
                client.index(index=where.index, id=str(UID), document={"number": number})
                time.sleep(0.9)

        writer = threading.Thread(target=write)
        writer.start()
        assert documents.wait_for(UID.bytes, lambda one: one["number"] == 4, "the number 4") == {"number": 4}
        writer.join()
        with pytest.raises(ViolationError):
            documents.wait_for(UID.bytes, lambda one: one["number"] == 5, "the number 5")
    documents.close()


class WithoutStore(MockTarget):
    """A mock server whose Elasticsearch, as the suite knows it, is gone."""

    @contextmanager
    def start(self) -> Iterator[Endpoint]:
        gone = FleetAgents(
            ElasticsearchAccess(f"http://127.0.0.1:{free_port()}"), "agents", "policy", ("default",), patience=1
        )
        with super().start() as endpoint:
            yield replace(endpoint, fleet_agents=gone)


def test_a_lost_store_is_no_verdict_about_the_server() -> None:
    pytest.importorskip("elasticsearch", reason="needs the extra `fleet-server`")
    target, record = WithoutStore(Settings(deviations=(DEVIATIONS["fleet.request-uid.echo"],))), RunRecord()
    selection = Selection(tuple(target.contracts), only=["fleet.request-uid.echo", "auth.401"])
    with pytest.raises(InconclusiveError, match=r"cannot be reached, since the scenario fleet\.request-uid\.echo"):
        grade(target, selection, timing=Timing(3), workers=1, listeners=[record])
    assert record.ended(Verdict.FAILED, Verdict.BLOCKED) == []
    assert record.ended(Verdict.ERROR)
