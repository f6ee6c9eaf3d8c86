"""The parts of the store on Elasticsearch, with an Elasticsearch that is made up."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.stores import redaction
from opamp_mock_server.stores.elasticsearch import circuit_breaker as breakers
from opamp_mock_server.stores.elasticsearch.batching import Batcher
from opamp_mock_server.stores.elasticsearch.circuit_breaker import CircuitBreaker
from opamp_mock_server.stores.elasticsearch.peers import ElasticsearchPeers
from opamp_mock_server.stores.elasticsearch.queued_store import QueuedStore
from opamp_mock_server.stores.store import ConflictError, StoreUnavailableError
from opamp_proto import opamp_pb2 as pb

Carry = Callable[[Sequence[int]], Awaitable[Sequence[int | Exception]]]


def gathering(carry: Carry) -> Batcher[int, int]:
    return Batcher(carry, CircuitBreaker())


# ---- gathering


def test_items_travel_together_and_come_back_apart() -> None:
    batches: list[Sequence[int]] = []

    async def carry(items: Sequence[int]) -> Sequence[int | Exception]:
        batches.append(items)
        return [ConflictError() if item == 3 else item * 2 for item in items]

    async def work() -> list[int | BaseException]:
        gather = gathering(carry)
        return await asyncio.gather(*(gather(item) for item in range(1200)), return_exceptions=True)

    results = asyncio.run(work())
    assert isinstance(results.pop(3), ConflictError)
    assert results == [item * 2 for item in range(1200) if item != 3]
    assert len(batches) < 10


def test_whoever_calls_again_at_once_is_not_forgotten() -> None:
    async def carry(items: Sequence[int]) -> Sequence[int | Exception]:
        return list(items)

    async def work() -> None:
        gather = gathering(carry)

        async def twice() -> None:
            await gather(1)
            await gather(2)

        for _ in range(50):
            await asyncio.gather(twice(), twice())

    asyncio.run(work())


@pytest.mark.parametrize("error", [StoreUnavailableError("gone"), ValueError("a defect")])
def test_what_fails_as_a_whole_fails_for_each_and_is_tried_again(error: Exception) -> None:
    failing = [True]

    async def carry(items: Sequence[int]) -> Sequence[int | Exception]:
        if failing[0]:
            raise error
        return list(items)

    async def work() -> int:
        gather = gathering(carry)
        results = await asyncio.gather(gather(1), gather(2), return_exceptions=True)
        assert all(isinstance(result, StoreUnavailableError) for result in results)
        failing[0] = False
        return await gather(3)

    assert asyncio.run(work()) == 3


def test_nobody_waits_for_ever_and_what_nobody_waits_for_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opamp_mock_server.stores.elasticsearch.batching.DEADLINE_SECONDS", 0.05)
    sent: list[int] = []

    async def carry(items: Sequence[int]) -> Sequence[int | Exception]:
        sent.extend(items)
        await asyncio.sleep(0.3)
        return list(items)

    async def work() -> None:
        gather = gathering(carry)
        results = await asyncio.gather(*(gather(item) for item in range(2000)), return_exceptions=True)
        assert all(isinstance(result, StoreUnavailableError) for result in results)
        await gather.drain()

    asyncio.run(work())
    assert len(sent) < 2000


# ---- the circuit breaker


def test_the_breaker_opens_tries_once_and_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(breakers.time, "monotonic", lambda: now[0])
    breaker = CircuitBreaker()
    for _ in range(3):
        breaker.check()
        breaker.failed()
    with pytest.raises(StoreUnavailableError):
        breaker.check()
    now[0] += 0.3
    breaker.check()  # One attempt, and until it has told
    with pytest.raises(StoreUnavailableError):
        breaker.check()  # no other.
    breaker.failed()
    now[0] += 0.3
    with pytest.raises(StoreUnavailableError):
        breaker.check()  # The pause is longer now.
    now[0] += 2
    breaker.check()
    breaker.succeeded()
    breaker.check()
    breaker.check()


# ---- peers


class Beats:
    """An Elasticsearch of which each look at a document gives the next version, or fails."""

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
def test_only_a_new_sign_of_life_is_one(versions: tuple[int | None, ...], is_alive: bool) -> None:
    peers = ElasticsearchPeers(Beats(*versions), "index")  # type: ignore[arg-type]
    assert asyncio.run(peers.is_alive("another")) is is_alive


# ---- the queue


class Shelf:
    """A store that keeps what it gets; a record with a sequence number of 13 breaks it."""

    checks_versions = True

    def __init__(self, kept: dict[bytes, AgentRecord]) -> None:
        self.kept = kept

    def recall(self, instance_uid: bytes) -> tuple[AgentRecord | None, bool]:
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

    def discard(self, instance_uid: bytes) -> None:
        self.kept.pop(instance_uid, None)


def _uid(number: int) -> bytes:
    return number.to_bytes(16, "big")


def test_one_record_that_cannot_be_written_takes_no_other_with_it() -> None:
    async def work() -> None:
        queue = QueuedStore(shelf)
        for number in range(1200):
            await queue.put(AgentRecord(_uid(number), 13 if number == 7 else 1))
        await queue.drain()

    shelf = Shelf({})
    asyncio.run(work())
    assert len(shelf.kept) == 1199


def test_the_queue_does_not_take_an_agent_from_another_policy() -> None:
    async def work() -> None:
        queue = QueuedStore(shelf)
        await queue.put(AgentRecord(_uid(1), 2, policy_id="another"))
        await queue.put(AgentRecord(_uid(2), 2, policy_id="own"))
        await queue.drain()

    there = {_uid(n): AgentRecord(_uid(n), 1, policy_id="own", stored="version") for n in (1, 2)}
    shelf = Shelf(there)
    asyncio.run(work())
    assert shelf.kept[_uid(1)].sequence_num == 1
    assert shelf.kept[_uid(2)].sequence_num == 2


# ---- configurations that mean harm


@pytest.mark.parametrize(
    "text", ["a: !!int ''", "a: !!bool maybe", "a: !!timestamp x", "a: 0x" + "f" * 5000, "a: " + "b" * 300_000]
)
def test_a_configuration_that_breaks_the_parser_is_not_kept(text: str) -> None:
    kept = redaction.configuration(text.encode())
    assert isinstance(kept, str)


def test_merges_of_merges_end() -> None:
    lines = ["a0: &a0 {k0: 1, k1: 1}"]
    for level in range(1, 12):
        merged = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} {{<<: [{merged}]}}")
    # Whether it is kept as text or, by a parser that merges each only once, as it is: it does not grow.
    assert len(json.dumps(redaction.configuration("\n".join(lines).encode()))) < 2000


def test_what_was_kept_is_read_again_as_it_is() -> None:
    kept = redaction.configuration("name: \N{GRINNING FACE}\nlimit: 1.0e+20\n".encode())
    assert kept == {"name": "\N{GRINNING FACE}", "limit": 1e20}
    status = pb.AgentToServer()
    status.effective_config.config_map.config_map[""].body = b"name: \xf0\x9f\x98\x80\nlimit: 1.0e+20\n"
    redaction.cleaned(status)
    assert redaction.cleaned(status) == {"": kept}


def test_nothing_but_a_status_is_kept() -> None:
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
