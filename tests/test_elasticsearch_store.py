"""The mock server with its agents in Elasticsearch: the whole suite, several instances, and faults."""

import asyncio
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
import uuid6

from opamp_conformance.client.agent import REQUEST_INSTANCE_UID, Agent, attribute
from opamp_conformance.results.verdicts import ExitCode, Verdict
from opamp_conformance.suite.catalogue import load_catalogue
from opamp_conformance.targets.elasticsearch import ElasticsearchAccess
from opamp_mock_server import ElasticsearchSettings, Limits, MockServer, Settings
from opamp_mock_server.core.agent_state import AgentRecord, DesiredState
from opamp_mock_server.stores.elasticsearch import queued_store
from opamp_mock_server.stores.elasticsearch.backend import ElasticsearchBackend
from opamp_mock_server.stores.fleet_documents import FleetDocuments
from opamp_mock_server.stores.store import ConflictError, StoreUnavailableError
from opamp_proto import opamp_pb2 as pb
from support.command_line import Cli, one_line, wait_until
from support.deviation_matrix import elasticsearch, grade, index
from support.fault_injection import Fault, Instance, Proxy, free_port
from support.http_requests import metric, send
from support.instances import two_instances

T = TypeVar("T")

pytestmark = pytest.mark.skipif(elasticsearch() is None, reason="needs an Elasticsearch: set ELASTICSEARCH_URL")


@pytest.fixture
def store() -> Iterator[ElasticsearchSettings]:
    with index() as store:
        yield store


def documents(store: ElasticsearchSettings) -> list[dict[str, Any]]:
    with ElasticsearchAccess(store.url).client() as client:
        client.indices.refresh(index=store.index)
        return [hit["_source"] for hit in client.search(index=store.index, size=1000)["hits"]["hits"]]


# ---- the suite


def test_the_scenarios_of_documents_and_instances_pass(store: ElasticsearchSettings) -> None:
    """test_the_whole_suite_passes_on_two_instances_behind_a_load_balancer runs all other scenarios."""
    scenarios = [each for each in load_catalogue().values() if each.chapter in ("fleet_documents", "instances")]
    assert len(scenarios) > 20
    graded = grade([], scenarios, store)
    assert [event.key for event in graded.record.scenarios if event.verdict is not Verdict.PASSED] == []
    assert graded.code is ExitCode.CONFORMANT


def test_two_instances_act_as_one_server(cli: Cli, store: ElasticsearchSettings) -> None:
    with two_instances(store) as (one, other):
        result = cli("run", "--url", one.url, "--url", other.url, "--contract", "fleet", "--only", "fleet.instances.*")
    assert result.returncode == 0, result.stdout
    assert "6 passed" in result.stdout


def test_the_enrollment_rate_counts_only_new_agents(store: ElasticsearchSettings) -> None:
    """An instance that has just started has no agents in memory. A full report of a known agent is no enrollment."""
    fleet = [Agent("limits") for _ in range(4)]
    with MockServer(Settings(store=store)) as first:
        for agent in fleet:
            assert not send(first.url, agent.full_status()).HasField("error_response")
    with MockServer(Settings(store=store, limits=Limits(enrollment_rate=1))) as second:
        for agent in fleet:
            assert not send(second.url, agent.full_status()).HasField("error_response")
        assert not send(second.url, Agent("limits").full_status()).HasField("error_response")
        with pytest.raises(urllib.error.HTTPError, match="503"):
            send(second.url, Agent("limits").full_status())
        assert metric(second, 'opamp_shed_total{limit="enrollment_rate"}') == 1
        assert metric(second, "opamp_store_breaker_open") == 0


# ---- one store, two instances


def run_async(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    return asyncio.run(work())


@contextmanager
def backends(store: ElasticsearchSettings, count: int) -> Iterator[list[ElasticsearchBackend]]:
    yield [ElasticsearchBackend(store, FleetDocuments(), has_operator=False) for _ in range(count)]


async def closed(*backends: ElasticsearchBackend) -> None:
    for backend in backends:
        await backend.close()


def test_a_record_that_another_instance_deleted_is_not_updated(store: ElasticsearchSettings) -> None:
    async def work() -> None:
        with backends(store, 2) as (one, other):
            uid = uuid6.uuid7().bytes
            await one.store.put(AgentRecord(uid, 1))
            known, is_certain = one.store.cached(uid)
            assert known is not None
            assert not is_certain
            await other.store.delete(uid)
            with pytest.raises(ConflictError):
                await one.store.put(known._replace(connected=False))
            assert await one.store.get(uid) is None
            await closed(one, other)

    run_async(work)


def test_no_agent_is_enrolled_twice(store: ElasticsearchSettings) -> None:
    async def work() -> None:
        with backends(store, 2) as (one, other):
            uid = uuid6.uuid7().bytes
            results = await asyncio.gather(
                *(backend.store.put(AgentRecord(uid, 1)) for backend in (one, other, one, other)),
                return_exceptions=True,
            )
            assert sorted(type(result).__name__ for result in results) == [
                "ConflictError",
                "ConflictError",
                "ConflictError",
                "NoneType",
            ]
            await closed(one, other)

    run_async(work)


@pytest.mark.parametrize("is_queued", [False, True], ids=["acknowledged", "queued"])
def test_agents_are_listed_in_pages_and_cleared(store: ElasticsearchSettings, is_queued: bool) -> None:
    async def work() -> None:
        backend = ElasticsearchBackend(replace(store, is_queued=is_queued), FleetDocuments(), has_operator=True)
        uids = sorted(uuid6.uuid7().bytes for _ in range(5))
        for uid in reversed(uids):
            await backend.store.put(AgentRecord(uid, 1))
            await backend.desired_states.put(uid, DesiredState(restart=True))
        while (await backend.store.list_after(b"", 3))[1] < len(uids):  # A queued put returns before the write.
            await asyncio.sleep(0.05)
        first, total = await backend.store.list_after(b"", 3)
        rest, _ = await backend.store.list_after(uids[2], 3)
        assert [record.instance_uid for record in (*first, *rest)] == uids
        assert total == 5
        await backend.store.put(first[0]._replace(sequence_num=2))  # A listed record can be replaced.
        await backend.store.clear()
        await backend.desired_states.clear()
        assert await backend.store.list_after(b"", 3) == ([], 0)
        assert await backend.store.get(uids[0]) is None
        assert await backend.desired_states.get(uids[0]) is None
        await closed(backend)

    run_async(work)


def test_a_record_is_read_as_it_was_written(store: ElasticsearchSettings) -> None:
    async def work() -> None:
        with backends(store, 2) as (one, other):
            agent = Agent("run")
            record = AgentRecord(
                agent.instance_uid,
                2**64 - 1,
                connected=False,
                capabilities=2**63 + 5,
                reported=agent.full_status().SerializeToString(),
                parts=3,
                remote_config_hash=b"\0\xff",
                custom_capabilities=("a", "b"),
                policy_id="some policy",
                reenrolled=True,
                instance="here",
            )
            await one.store.put(record)
            again = await other.store.get(agent.instance_uid)
            assert again is not None
            assert again._replace(stored=None) == record
            await closed(one, other)

    run_async(work)


def test_a_discarded_record_is_removed_even_if_it_is_written_later(store: ElasticsearchSettings) -> None:
    async def work() -> None:
        with backends(store, 1) as (one,):
            uid = uuid6.uuid7().bytes
            one.store.delete_later(uid)
            await asyncio.sleep(0)
            await one.store.put(AgentRecord(uid, 1))
            end = time.monotonic() + 60
            while await one.store.get(uid) is not None:
                assert time.monotonic() < end
                await asyncio.sleep(0.1)
            await closed(one)

    run_async(work)


# ---- documents with unusual content


def test_unusual_attributes_are_stored(store: ElasticsearchSettings) -> None:
    agent = Agent("run")
    message = agent.full_status()
    odd = message.agent_description.non_identifying_attributes
    names = ["", ".", "a..b", "_id", "tags.x", "\N{SNOWMAN}", "x" * 70_000, "a b", "host.name.first"]
    odd.extend(attribute(name, "v" * 40_000) for name in names)
    odd.add(key="not a number").value.double_value = float("nan")
    odd.add(key="nothing").value.SetInParent()
    message.sequence_num = 2**64 - 1
    with MockServer(Settings(store=store)) as server:
        assert not send(server.url, message).HasField("error_response")
    (document,) = documents(store)
    kept = document["non_identifying_attributes"]
    assert set(names) <= set(kept)
    assert kept["not a number"] == "nan"


# ---- an Elasticsearch that fails


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.SILENT, Fault.SLOW, Fault.BUSY])
def test_agents_are_asked_to_retry_and_succeed_after_the_fault(store: ElasticsearchSettings, fault: Fault) -> None:
    host, _, port = store.url.rpartition(":")
    enrolled, unknown, requesting = Agent("run"), Agent("run"), Agent("run")
    with (
        Proxy(int(port)) as proxy,
        MockServer(Settings(store=ElasticsearchSettings(f"{host}:{proxy.port}", store.index))) as server,
    ):
        assert not send(server.url, enrolled.full_status()).HasField("error_response")
        with proxy.having(fault, 0):
            for message in (
                enrolled.check_in(),
                unknown.full_status(),
                requesting.full_status(flags=REQUEST_INSTANCE_UID),
            ):
                # The server has to answer within two seconds.
                error = send(server.url, message, timeout=2.5).error_response
                assert error.type == pb.ServerErrorResponseType_Unavailable
                assert error.retry_info.retry_after_nanoseconds > 0
        for agent in (enrolled, unknown, requesting):
            _retry_until_accepted(server.url, agent)


def test_several_requests_have_one_common_time_limit(store: ElasticsearchSettings) -> None:
    host, _, port = store.url.rpartition(":")
    agent = Agent("run")
    with MockServer(Settings(store=store)) as server:
        send(server.url, agent.full_status())
    with Proxy(int(port)) as proxy:
        through = ElasticsearchSettings(f"{host}:{proxy.port}", store.index)
        with MockServer(Settings(store=through)) as server, proxy.having(Fault.LATE, 0):
            # This instance does not have the agent in memory, so it has to look it up first.
            error = send(server.url, agent.check_in()).error_response
            assert error.type == pb.ServerErrorResponseType_Unavailable


def test_a_read_only_index_loses_no_agents(store: ElasticsearchSettings) -> None:
    agent = Agent("run")
    with MockServer(Settings(store=store)) as server, ElasticsearchAccess(store.url).client() as client:
        client.indices.put_settings(index=store.index, settings={"index.blocks.write": True})
        error = send(server.url, agent.full_status()).error_response
        assert error.type == pb.ServerErrorResponseType_Unavailable
        client.indices.put_settings(index=store.index, settings={"index.blocks.write": None})
        _retry_until_accepted(server.url, agent)
    assert len(documents(store)) == 1


def _retry_until_accepted(url: str, agent: Agent) -> None:
    end = time.monotonic() + 60
    while send(url, agent.full_status()).HasField("error_response"):
        assert time.monotonic() < end
        time.sleep(0.1)


# ---- durability


def test_queued_records_are_written_when_the_server_stops(store: ElasticsearchSettings) -> None:
    arguments = ["--store", "elasticsearch", "--elasticsearch-url", store.url, "--index", store.index]
    instance = Instance([*arguments, "--durability", "queued"])
    instance.start()
    agents = [Agent("run") for _ in range(200)]
    threads = [threading.Thread(target=send, args=(instance.url, agent.full_status())) for agent in agents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    send(instance.url, agents[0].disconnect())
    instance.stop()
    found = documents(store)
    assert len(found) == len(agents)
    assert [document["last_checkin_status"] for document in found].count("disconnected") == 1


def test_a_full_queue_is_an_error(store: ElasticsearchSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queued_store, "_MOST_QUEUED", 0)
    queue = queued_store.QueuedStore(None)  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailableError):
        asyncio.run(queue.put(AgentRecord(uuid6.uuid7().bytes, 1)))


def test_one_agent_with_a_huge_report_does_not_affect_others(store: ElasticsearchSettings) -> None:
    huge = Agent("huge").full_status()
    del huge.agent_description.identifying_attributes[:]
    huge.agent_description.identifying_attributes.append(attribute("service.name", "a" * 4_000_000))
    with MockServer(Settings(store=store, max_body_bytes=8_000_000)) as server:
        for _ in range(6):  # More than the failures that would open the circuit breaker.
            assert send(server.url, huge).HasField("error_response")
            assert not send(server.url, Agent("honest").full_status()).HasField("error_response")


def test_reports_that_are_lost_at_the_end_are_told(cli: Cli, store: ElasticsearchSettings) -> None:
    port, agents = urlsplit(store.url).port, [Agent("lost") for _ in range(7)]
    assert port is not None
    with Proxy(port) as proxy:
        through = store.url.replace(f":{port}", f":{proxy.port}")
        options = ["--store", "elasticsearch", "--durability", "queued", "--index", store.index]
        process, url = cli.start(*options, env={**cli.env, "ELASTICSEARCH_URL": through}, stderr=subprocess.PIPE)
        try:
            for agent in agents:
                send(url, agent.full_status())
            wait_until(lambda: len(documents(store)) == len(agents))
            with proxy.having(Fault.REFUSED, 0):
                for agent in agents:
                    assert not send(url, agent.check_in()).HasField("error_response")
                process.terminate()
                _, told = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 2
    assert "7 agents had their last report acknowledged" in told


# ---- bad input


def _start(cli: Cli, *arguments: str, **env: str) -> str:
    result = cli("serve", "--port", "0", "--store", "elasticsearch", *arguments, env=env)
    assert result.returncode == 2
    return one_line(result)


def test_an_unusable_elasticsearch_is_an_error_at_the_start(cli: Cli, tmp_path: Path) -> None:
    url = os.environ["ELASTICSEARCH_URL"]
    scheme, _, host = url.partition("://")
    wrong = f"{scheme}://elastic:another-secret@{host.rpartition('@')[2]}"
    assert "--elasticsearch-url" in _start(cli, ELASTICSEARCH_URL="")
    refused = _start(cli, "--elasticsearch-url", wrong)
    assert "401" in refused
    assert "another-secret" not in refused
    assert "Elasticsearch" in _start(cli, "--elasticsearch-url", f"http://127.0.0.1:{free_port()}")
    assert "Elasticsearch" in _start(cli, "--elasticsearch-url", "nowhere")
    invalid = _start(cli, "--elasticsearch-url", "https://elastic:another/secret@127.0.0.1:9200")
    assert "URL" in invalid
    assert "another" not in invalid
    assert "Elasticsearch" in _start(cli, "--elasticsearch-url", url, "--index", "Not An Index")
    assert "missing.pem" in _start(cli, "--elasticsearch-ca", str(tmp_path / "missing.pem"))


def test_no_secret_is_in_the_log(store: ElasticsearchSettings) -> None:
    url = store.url.replace("127.0.0.1", "localhost")
    arguments = [
        "serve",
        "--port",
        "0",
        "--contract",
        "fleet",
        "--store",
        "elasticsearch",
        "--index",
        store.index,
        "-v",
    ]
    command = [sys.executable, "-m", "opamp_conformance", *arguments, "--enrollment-key", "key-to-keep"]
    process = subprocess.Popen(
        command, env={**os.environ, "ELASTICSEARCH_URL": url}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    at = process.stdout.readline().strip().rpartition(" ")[2]
    with ElasticsearchAccess(store.url).client() as client:
        client.indices.put_settings(index=store.index, settings={"index.blocks.write": True})
    send(at, Agent("run").full_status(), key="key-to-keep")
    process.terminate()
    log = "".join(process.communicate(timeout=20))
    assert "cluster_block_exception" in log
    assert "key-to-keep" not in log
    assert url.partition("@")[0].rpartition(":")[2] not in log
