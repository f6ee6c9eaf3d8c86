"""The records of agents in an index of Elasticsearch."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from elasticsearch import AsyncElasticsearch

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.stores.elasticsearch.batching import Batcher
from opamp_mock_server.stores.elasticsearch.circuit_breaker import CircuitBreaker
from opamp_mock_server.stores.elasticsearch.cluster import ERRORS, Version, delete_all, refusal, unavailable
from opamp_mock_server.stores.elasticsearch.recalled_records import RecalledRecords
from opamp_mock_server.stores.fleet_documents import (
    Description,
    FleetDocuments,
    StoredVersion,
    document_id,
    instance_uid_of,
    timestamp,
)
from opamp_mock_server.stores.store import ConflictError, StoreRefusedError, StoreUnavailableError
from opamp_proto import INSTANCE_UID_BYTES

_log = logging.getLogger("opamp_mock_server.store")

_MOST_RECALLED: Final = 50_000
_MOST_RECALLED_BYTES: Final = 256 * 1024 * 1024
_MOST_DOCUMENT_BYTES: Final = 16 * 1024 * 1024
_LARGE_BYTES: Final = 16 * 1024
_SWEEP_SECONDS: Final = 1.0
_DISCARD_SECONDS: Final = 30.0
"""How long a write without an answer may still take effect."""
_TOLD: Final = "items.*.status,items.*._seq_no,items.*._primary_term,items.*.error.type,items.*.error.reason"


class Write(NamedTuple):
    """One operation of a bulk request, in JSON; a deletion has no document."""

    kind: str
    action: str
    document: str | None = None


class ElasticsearchStore:
    """Acknowledges what Elasticsearch has acknowledged. It remembers records, but does not trust its memory.

    Every write names the version that it replaces, so a decision that is based on an old version fails.
    """

    checks_versions = True

    def __init__(
        self, client: AsyncElasticsearch, index: str, documents: FleetDocuments, breaker: CircuitBreaker
    ) -> None:
        self._client = client
        self._index = index
        self._documents = documents
        self._recalled = RecalledRecords(_MOST_RECALLED, _MOST_RECALLED_BYTES)
        self._reads = Batcher(self._read, breaker)
        self._writes = Batcher(self._write, breaker, lambda write: len(write.document or ""))
        self._to_delete: dict[bytes, float] = {}
        self._sweeper: asyncio.Task[None] | None = None

    def cached(self, instance_uid: bytes) -> tuple[AgentRecord | None, bool]:
        if len(instance_uid) != INSTANCE_UID_BYTES:
            return None, True  # No agent has such an instance_uid.
        return self._recalled.get(instance_uid), False

    async def get(self, instance_uid: bytes) -> AgentRecord | None:
        if len(instance_uid) != INSTANCE_UID_BYTES:
            return None
        record = await self._reads(instance_uid)
        if record is None:
            self._recalled.forget(instance_uid)
        else:
            self._recalled.keep(record)
        return record

    async def put(self, record: AgentRecord) -> None:
        stored = record.stored if isinstance(record.stored, StoredVersion) else None
        description = None if stored is None else stored.description
        if description is None or description.reported != record.reported:
            description = await self._description(record)
        kept = record._replace(reported=description.reported)
        enrolled_at = timestamp() if stored is None else stored.enrolled_at
        document = self._documents.document(kept, enrolled_at, description)
        # Elasticsearch would refuse it with the status that it also has if it is busy.
        if len(document) > _MOST_DOCUMENT_BYTES:
            raise StoreRefusedError(f"the document would have {len(document)} bytes")
        try:
            version = await self._writes(_write(self._index, record.instance_uid, stored, document))
        except (ConflictError, StoreUnavailableError):
            self._recalled.forget(record.instance_uid)
            raise
        assert version is not None
        stored = StoredVersion(version.seq_no, version.primary_term, enrolled_at, description)
        self._recalled.keep(kept._replace(stored=stored))

    async def _description(self, record: AgentRecord) -> Description:
        """Describe a record. To read a large configuration takes long, so other agents are answered meanwhile."""
        if len(record.reported) <= _LARGE_BYTES:
            return self._documents.description(record)
        return await asyncio.to_thread(self._documents.description, record)

    async def delete(self, instance_uid: bytes) -> None:
        self._recalled.forget(instance_uid)
        await self._delete(instance_uid)

    def delete_later(self, instance_uid: bytes) -> None:
        self._to_delete[instance_uid] = time.monotonic()
        if self._sweeper is None or self._sweeper.done():
            self._sweeper = asyncio.create_task(self._sweep())

    async def list_after(self, after: bytes, limit: int) -> tuple[Sequence[AgentRecord], int]:
        behind: dict[str, Any] = {"search_after": [document_id(after)]} if after else {}
        try:
            await self._client.indices.refresh(index=self._index)
            answer = await self._client.search(
                index=self._index,
                size=limit,
                sort={"agent.id": "asc"},
                seq_no_primary_term=True,
                track_total_hits=True,
                **behind,
            )
        except ERRORS as error:
            raise self._failed(error) from error
        records = []
        for hit in answer["hits"]["hits"]:
            with contextlib.suppress(ValueError):  # Other documents in the index are not records.
                found = self._found(instance_uid_of(hit["_id"]), {"found": True, **hit})
                records += [found] if isinstance(found, AgentRecord) else []
        return records, answer["hits"]["total"]["value"]

    async def clear(self) -> None:
        await self._writes.drain()
        try:
            await delete_all(self._client, self._index)
        except ERRORS as error:
            raise self._failed(error) from error
        self._recalled.clear()

    async def close(self) -> None:
        """Finish the work in progress."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        await self._sweep_once()
        await self._writes.drain()
        await self._reads.drain()

    async def _delete(self, instance_uid: bytes) -> bool:
        action = {"delete": {"_index": self._index, "_id": document_id(instance_uid)}}
        return await self._writes(Write("delete", json.dumps(action))) is not None

    async def _sweep(self) -> None:
        """Delete discarded records; if one is not there, its write may still take effect."""
        while self._to_delete:
            await asyncio.sleep(_SWEEP_SECONDS)
            await self._sweep_once()

    async def _sweep_once(self) -> None:
        for instance_uid, since in list(self._to_delete.items()):
            try:
                was_there = await self._delete(instance_uid)
            except (StoreUnavailableError, StoreRefusedError):
                break
            if was_there or time.monotonic() - since > _DISCARD_SECONDS:
                self._to_delete.pop(instance_uid, None)

    async def _read(self, instance_uids: Sequence[bytes]) -> Sequence[AgentRecord | Exception | None]:
        ids = [document_id(instance_uid) for instance_uid in instance_uids]
        try:
            answer = await self._client.mget(index=self._index, ids=list(dict.fromkeys(ids)))
        except ERRORS as error:
            raise self._failed(error) from error
        found = {document["_id"]: document for document in answer["docs"]}
        return [self._found(uid, found[name]) for uid, name in zip(instance_uids, ids, strict=True)]

    def _found(self, instance_uid: bytes, answer: dict[str, Any]) -> AgentRecord | Exception | None:
        if "error" in answer:
            is_new_index = answer["error"]["type"] == "index_not_found_exception"
            return None if is_new_index else StoreUnavailableError(answer["error"]["reason"])
        if not answer["found"]:
            return None
        try:
            return self._documents.record(instance_uid, answer["_seq_no"], answer["_primary_term"], answer["_source"])
        except (KeyError, TypeError, ValueError) as error:
            return StoreRefusedError(f"the index has a document that this server has not written: {error!r}")

    async def _write(self, writes: Sequence[Write]) -> Sequence[Version | Exception | None]:
        lines: list[Any] = [line for write in writes for line in (write.action, write.document) if line is not None]
        try:
            answer = await self._client.bulk(operations=lines, filter_path=_TOLD)
        except ERRORS as error:
            raise self._failed(error) from error
        return [self._written(write, item[write.kind]) for write, item in zip(writes, answer["items"], strict=True)]

    def _written(self, write: Write, item: dict[str, Any]) -> Version | Exception | None:
        status = item["status"]
        if write.kind == "delete" and status == 404:
            return None
        if status >= 300:
            problem = refusal(status, item["error"])
            if not isinstance(problem, ConflictError):
                _log.warning("Elasticsearch rejects a document: %s", problem)
            return problem
        return Version(item["_seq_no"], item["_primary_term"])

    def _failed(self, error: Exception) -> StoreUnavailableError:
        problem = unavailable(error)
        _log.warning("Elasticsearch is not available: %s", problem)
        return problem


def _write(index: str, instance_uid: bytes, replaced: StoredVersion | None, document: str) -> Write:
    """Return the operation that creates a document, or replaces a version of it."""
    # Nothing needs to be escaped: the name of an index cannot have such characters.
    target = f'"_index":"{index}","_id":"{document_id(instance_uid)}"'
    if replaced is None:
        return Write("create", f'{{"create":{{{target}}}}}', document)
    version = f'"if_seq_no":{replaced.seq_no},"if_primary_term":{replaced.primary_term}'
    return Write("index", f'{{"index":{{{target},{version}}}}}', document)
