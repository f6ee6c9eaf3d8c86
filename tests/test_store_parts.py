"""The parts of the Elasticsearch store, tested without an Elasticsearch."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.stores import redaction
from opamp_mock_server.stores.elasticsearch import circuit_breaker as breakers
from opamp_mock_server.stores.elasticsearch import queued_store
from opamp_mock_server.stores.elasticsearch.batching import Batcher
from opamp_mock_server.stores.elasticsearch.circuit_breaker import CircuitBreaker
from opamp_mock_server.stores.elasticsearch.peers import ElasticsearchPeers
from opamp_mock_server.stores.elasticsearch.queued_store import QueuedStore
from opamp_mock_server.stores.elasticsearch.store import ElasticsearchStore
from opamp_mock_server.stores.fleet_documents import FleetDocuments
from opamp_mock_server.stores.memory import MemoryStore
from opamp_mock_server.stores.redaction import REDACTED, cleaned
from opamp_mock_server.stores.store import ConflictError, StoreUnavailableError
from opamp_proto import opamp_pb2 as pb

Carry = Callable[[Sequence[int]], Awaitable[Sequence[int | Exception]]]


def make_batcher(carry: Carry) -> Batcher[int, int]:
    return Batcher(carry, CircuitBreaker())


# ---- batching


def test_items_are_sent_in_batches_and_have_separate_results() -> None:
    batches: list[Sequence[int]] = []

    async def carry(items: Sequence[int]) -> Sequence[int | Exception]:
        batches.append(items)
        return [ConflictError() if item == 3 else item * 2 for item in items]

    async def work() -> list[int | BaseException]:
        batcher = make_batcher(carry)
        return await asyncio.gather(*(batcher(item) for item in range(1200)), return_exceptions=True)

    results = asyncio.run(work())
    assert isinstance(results.pop(3), ConflictError)
    assert results == [item * 2 for item in range(1200) if item != 3]
    assert len(batches) < 10


def test_a_second_call_right_after_the_first_is_processed() -> None:
    async def carry(items: Sequence[int]) -> Sequence[int | Exception]:
        return list(items)

    async def work() -> None:
        batcher = make_batcher(carry)

        async def twice() -> None:
            await batcher(1)
            await batcher(2)

        for _ in range(50):
            await asyncio.gather(twice(), twice())

    asyncio.run(work())


@pytest.mark.parametrize("error", [StoreUnavailableError("gone"), ValueError("a defect")])
def test_a_failed_batch_fails_for_each_item_and_does_not_stop_the_batcher(error: Exception) -> None:
    failing = [True]

    async def carry(items: Sequence[int]) -> Sequence[int | Exception]:
        if failing[0]:
            raise error
        return list(items)

    async def work() -> int:
        batcher = make_batcher(carry)
        results = await asyncio.gather(batcher(1), batcher(2), return_exceptions=True)
        assert all(isinstance(result, StoreUnavailableError) for result in results)
        failing[0] = False
        return await batcher(3)

    assert asyncio.run(work()) == 3


def test_the_wait_is_limited_and_expired_items_are_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opamp_mock_server.stores.elasticsearch.batching.DEADLINE_SECONDS", 0.05)
    sent: list[int] = []

    async def carry(items: Sequence[int]) -> Sequence[int | Exception]:
        sent.extend(items)
        await asyncio.sleep(0.3)
        return list(items)

    async def work() -> None:
        batcher = make_batcher(carry)
        results = await asyncio.gather(*(batcher(item) for item in range(2000)), return_exceptions=True)
        assert all(isinstance(result, StoreUnavailableError) for result in results)
        await batcher.drain()

    asyncio.run(work())
    assert len(sent) < 2000


# ---- the circuit breaker


def test_the_circuit_breaker_opens_allows_one_attempt_and_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(breakers.time, "monotonic", lambda: now[0])
    breaker = CircuitBreaker()
    for _ in range(3):
        breaker.check()
        breaker.failed()
    with pytest.raises(StoreUnavailableError):
        breaker.check()
    now[0] += 0.3
    breaker.check()  # The breaker allows one attempt.
    with pytest.raises(StoreUnavailableError):
        breaker.check()  # It allows no second attempt before the first has a result.
    breaker.failed()
    now[0] += 0.3
    with pytest.raises(StoreUnavailableError):
        breaker.check()  # The next pause is longer.
    now[0] += 2
    breaker.check()
    breaker.succeeded()
    breaker.check()
    breaker.check()


# ---- peers


class FakeElasticsearch:
    """Returns the next version of a document for each request, or fails."""

    def __init__(self, *versions: int | None) -> None:
        self._versions = list(versions)

    async def get(self, **_: Any) -> dict[str, int]:
        version = self._versions.pop(0) if len(self._versions) > 1 else self._versions[0]
        if version is None:
            import elastic_transport  # noqa: PLC0415

            raise elastic_transport.ConnectionTimeout("late")
        return {"_version": version}


@pytest.mark.parametrize(
    ("versions", "is_alive"), [((1, 1, 2), True), ((4,), False), ((None, 4, 4), False), ((None, 4, 5), True)]
)
def test_an_instance_is_alive_only_if_its_document_changes(versions: tuple[int | None, ...], is_alive: bool) -> None:
    peers = ElasticsearchPeers(FakeElasticsearch(*versions), "index")  # type: ignore[arg-type]
    assert asyncio.run(peers.is_alive("another")) is is_alive


# ---- the queue


class FakeStore:
    """A store that keeps its records in a dict. Writing a record with the sequence number 13 raises an exception."""

    checks_versions = True

    def __init__(self, kept: dict[bytes, AgentRecord]) -> None:
        self.kept = kept

    def cached(self, instance_uid: bytes) -> tuple[AgentRecord | None, bool]:
        return None, False

    async def get(self, instance_uid: bytes) -> AgentRecord | None:
        return self.kept.get(instance_uid)

    async def put(self, record: AgentRecord) -> None:
        if record.sequence_num == 13:
            raise ValueError("a defect")
        if record.instance_uid in self.kept and record.stored is None:
            raise ConflictError
        self.kept[record.instance_uid] = record

    async def delete(self, instance_uid: bytes) -> None:
        self.kept.pop(instance_uid, None)

    def delete_later(self, instance_uid: bytes) -> None:
        self.kept.pop(instance_uid, None)


def _uid(number: int) -> bytes:
    return number.to_bytes(16, "big")


def test_a_record_that_cannot_be_written_does_not_affect_others() -> None:
    async def work() -> None:
        queue = QueuedStore(fake_store)
        for number in range(1200):
            await queue.put(AgentRecord(_uid(number), 13 if number == 7 else 1))
        await queue.drain()

    fake_store = FakeStore({})
    asyncio.run(work())
    assert len(fake_store.kept) == 1199


def test_the_queue_does_not_overwrite_an_agent_of_another_policy() -> None:
    async def work() -> None:
        queue = QueuedStore(fake_store)
        await queue.put(AgentRecord(_uid(1), 2, policy_id="another"))
        await queue.put(AgentRecord(_uid(2), 2, policy_id="own"))
        await queue.drain()

    stored = {_uid(n): AgentRecord(_uid(n), 1, policy_id="own", stored="version") for n in (1, 2)}
    fake_store = FakeStore(stored)
    asyncio.run(work())
    assert fake_store.kept[_uid(1)].sequence_num == 1
    assert fake_store.kept[_uid(2)].sequence_num == 2


# ---- malicious configurations


@pytest.mark.parametrize("text", ["a: !!int ''", "a: !!bool maybe", "a: !!timestamp x", "a: " + "b" * 300_000])
def test_a_configuration_that_breaks_the_parser_is_not_stored(text: str) -> None:
    kept = redaction.configuration(text.encode())
    assert isinstance(kept, str)


def test_nested_merges_do_not_grow() -> None:
    lines = ["a0: &a0 {k0: 1, k1: 1}"]
    for level in range(1, 12):
        merged = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} {{<<: [{merged}]}}")
    # It is stored as text, or unchanged if the parser merges each mapping only once. In both cases, it does not grow.
    assert len(json.dumps(redaction.configuration("\n".join(lines).encode()))) < 2000


@pytest.mark.parametrize("line", ["b: [{}]", "b: {{{}}}"], ids=["values", "keys"])
def test_aliases_of_a_long_text_do_not_grow(line: str) -> None:
    aliases = ", ".join(["*a"] * 2_000) if "[" in line else ", ".join(f"{n}: {{? *a : 1}}" for n in range(500))
    text = f"a: &a {'x' * 50_000}\n{line.format(aliases)}\n"
    assert len(json.dumps(redaction.configuration(text.encode()))) < 1000


def test_a_redacted_configuration_is_not_redacted_again() -> None:
    kept = redaction.configuration("name: \N{GRINNING FACE}\nlimit: 1.0e+20\n".encode())
    assert kept == {"name": "\N{GRINNING FACE}", "limit": 1e20}
    status = pb.AgentToServer()
    status.effective_config.config_map.config_map[""].body = b"name: \xf0\x9f\x98\x80\nlimit: 1.0e+20\n"
    redaction.cleaned(status)
    assert redaction.cleaned(status) == {"": kept}


def test_only_the_status_of_a_message_is_stored() -> None:
    message = pb.AgentToServer()
    message.custom_message.data = b"abc"
    attributes = message.agent_description.non_identifying_attributes
    inner = attributes.add(key="list").value.array_value.values.add().array_value.values.add().kvlist_value.values
    inner.add(key="password").value.string_value = "abc"
    metadata = message.available_components.components["a"].sub_component_map["b"].metadata
    metadata.add(key="token").value.string_value = "abc"
    redaction.cleaned(message)
    assert b"abc" not in message.SerializeToString()
    assert message.available_components.components


def test_records_that_are_not_written_in_time_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queued_store, "_DRAIN_SECONDS", 0.1)

    class Blocked(FakeStore):
        async def put(self, record: AgentRecord) -> None:
            raise StoreUnavailableError("a block on writes")

    async def work() -> None:
        for number in range(5):
            await queue.put(AgentRecord(_uid(number), 1))
        await queue.drain()

    queue = QueuedStore(Blocked({}))
    asyncio.run(work())
    assert queue.lost == 5


def test_the_queue_is_limited_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queued_store, "_MOST_BYTES", 1000)

    async def work() -> None:
        for _ in range(20):  # The last report of an agent takes the place of the one before.
            await queue.put(AgentRecord(_uid(1), 1, reported=bytes(900)))
        await queue.put(AgentRecord(_uid(2), 1, reported=bytes(900)))
        with pytest.raises(StoreUnavailableError):
            await queue.put(AgentRecord(_uid(3), 1, reported=bytes(1)))
        await queue.drain()
        await queue.put(AgentRecord(_uid(3), 1, reported=bytes(1)))
        await queue.drain()

    queue = QueuedStore(fake_store := FakeStore({}))
    asyncio.run(work())
    assert len(fake_store.kept) == 3


def test_the_memory_store_is_limited_by_bytes() -> None:
    async def work() -> None:
        store = MemoryStore(100, 1000)
        await store.put(AgentRecord(_uid(1), 1, reported=bytes(600)))
        with pytest.raises(StoreUnavailableError):
            await store.put(AgentRecord(_uid(2), 1, reported=bytes(500)))
        await store.put(AgentRecord(_uid(1), 2, reported=bytes(400)))
        await store.put(AgentRecord(_uid(2), 1, reported=bytes(500)))
        await store.delete(_uid(2))
        await store.put(AgentRecord(_uid(3), 1, reported=bytes(600)))

    asyncio.run(work())


def test_many_short_texts_count_with_the_memory_that_they_take() -> None:
    record = AgentRecord(_uid(1), 1, reported=bytes(3000), custom_capabilities=("a",) * 1000)
    with pytest.raises(StoreUnavailableError):
        asyncio.run(MemoryStore(100, 10_000).put(record))


def test_records_under_way_count_until_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queued_store, "_MOST_BYTES", 1000)
    released = asyncio.Event()

    class Slow(FakeStore):
        async def put(self, record: AgentRecord) -> None:
            await released.wait()
            await super().put(record)

        async def clear(self) -> None:
            self.kept.clear()

    async def work() -> None:
        await queue.put(AgentRecord(_uid(1), 1, reported=bytes(1001)))
        await asyncio.sleep(0.01)
        with pytest.raises(StoreUnavailableError):
            await queue.put(AgentRecord(_uid(2), 1, reported=bytes(1)))
        released.set()
        await queue.clear()
        await queue.put(AgentRecord(_uid(2), 1, reported=bytes(1)))

    queue = QueuedStore(Slow({}))  # type: ignore[arg-type]
    asyncio.run(work())


class AcceptingClient:
    """Accepts every bulk request."""

    async def bulk(self, operations: Sequence[str], **_: Any) -> dict[str, Any]:
        item = {"status": 201, "_seq_no": 1, "_primary_term": 1}
        kinds = [next(iter(json.loads(action))) for action in operations[::2]]
        return {"items": [{kind: item} for kind in kinds]}


def test_the_records_that_are_remembered_have_a_budget_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opamp_mock_server.stores.elasticsearch.store._MOST_RECALLED_BYTES", 100_000, raising=False)
    reported = pb.AgentToServer(health=pb.ComponentHealth(status="x" * 10_000)).SerializeToString()

    async def work() -> None:
        store = ElasticsearchStore(AcceptingClient(), "index", FleetDocuments(), CircuitBreaker())  # type: ignore[arg-type]
        for number in range(20):
            await store.put(AgentRecord(_uid(number), 1, reported=reported))
        for _ in range(20):  # The last version of a record takes the place of the one before.
            await store.put(AgentRecord(_uid(19), 1, reported=reported))
        remembered = [number for number in range(20) if store.cached(_uid(number))[0] is not None]
        assert remembered == [17, 18, 19]

    asyncio.run(work())


# ---- documents


def test_a_document_has_the_attributes_of_health_without_secrets() -> None:
    status = pb.AgentToServer()
    for health in (status.health, status.health.component_health_map["exporter"]):
        health.attributes.add(key="queue.size").value.int_value = 17
        health.attributes.add(key="auth.token").value.string_value = "hunter22"
    record = AgentRecord(bytes(16), 0)._replace(reported=status.SerializeToString())
    documents = FleetDocuments()
    text = documents.document(record, "2026-01-01T00:00:00Z", documents.description(record))
    health = json.loads(text)["health"]
    for part in (health, health["component_health_map"]["exporter"]):
        assert part["attributes"] == {"queue.size": 17, "auth.token": REDACTED}
    cleaned(status)
    assert b"hunter22" not in status.SerializeToString()
