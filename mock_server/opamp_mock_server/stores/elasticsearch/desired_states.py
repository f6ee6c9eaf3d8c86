"""Desired states in an index of Elasticsearch that every instance watches."""

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import elasticsearch
from elasticsearch import AsyncElasticsearch

from opamp_mock_server.core.agent_state import DesiredState, Fault, Package
from opamp_mock_server.stores.elasticsearch.cluster import ERRORS, Version, delete_all, unavailable
from opamp_mock_server.stores.fleet_documents import document_id, instance_uid_of
from opamp_mock_server.stores.store import ConflictError, StoreRefusedError, StoreUnavailableError
from opamp_proto import opamp_pb2 as pb

_WATCH_SECONDS: Final = 0.1
_MOST_AT_ONCE: Final = 1000


class ElasticsearchDesiredStates:
    """Desired states as documents. An operator makes few changes, so each is one request."""

    def __init__(self, client: AsyncElasticsearch, index: str) -> None:
        self._client = client
        self._index = index
        self._telling: set[asyncio.Task[None]] = set()

    async def get(self, instance_uid: bytes) -> DesiredState | None:
        try:
            found = await self._client.get(index=self._index, id=document_id(instance_uid))
        except elasticsearch.NotFoundError:
            return None
        except ValueError:
            return None  # No agent has such an instance_uid.
        except ERRORS as error:
            raise unavailable(error) from error
        return _desired_state(found["_source"], Version(found["_seq_no"], found["_primary_term"]))

    async def put(self, instance_uid: bytes, desired: DesiredState) -> None:
        version = desired.stored
        expected: dict[str, Any] = {"op_type": "create"}
        if isinstance(version, Version):
            expected = {"if_seq_no": version.seq_no, "if_primary_term": version.primary_term}
        try:
            await self._client.index(
                index=self._index, id=document_id(instance_uid), document=_document(desired), refresh=True, **expected
            )
        except elasticsearch.ConflictError as error:
            raise ConflictError from error
        except ERRORS as error:
            raise unavailable(error) from error

    async def delete(self, instance_uid: bytes) -> None:
        try:
            await self._client.delete(index=self._index, id=document_id(instance_uid))
        except elasticsearch.NotFoundError:
            pass
        except ERRORS as error:
            raise unavailable(error) from error

    async def clear(self) -> None:
        try:
            await delete_all(self._client, self._index)
        except ERRORS as error:
            raise unavailable(error) from error

    async def watch(self, on_change: Callable[[bytes], Awaitable[None]]) -> None:
        """Report continuously which desired states have changed: the changes of an index have increasing numbers."""
        last = await self._newest()
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            with contextlib.suppress(*ERRORS):
                hits = await self._changed_since(last)
                for hit in hits:
                    last = hit["_seq_no"]
                    # An agent that does not read must not delay the others.
                    task = asyncio.create_task(self._tell(on_change, instance_uid_of(hit["_id"])))
                    self._telling.add(task)
                    task.add_done_callback(self._telling.discard)

    async def _tell(self, on_change: Callable[[bytes], Awaitable[None]], instance_uid: bytes) -> None:
        # If this fails, the agent gets it with its next reply.
        with contextlib.suppress(ConflictError, StoreUnavailableError, StoreRefusedError):
            await on_change(instance_uid)

    async def _newest(self) -> int:
        while True:
            with contextlib.suppress(*ERRORS):
                hits = await self._search(sort={"_seq_no": "desc"}, size=1)
                return max((hit["_seq_no"] for hit in hits), default=-1)
            await asyncio.sleep(_WATCH_SECONDS)

    async def _changed_since(self, last: int) -> list[dict[str, Any]]:
        return await self._search(
            query={"range": {"_seq_no": {"gt": last}}}, sort={"_seq_no": "asc"}, size=_MOST_AT_ONCE
        )

    async def _search(self, **search: Any) -> list[dict[str, Any]]:
        answer = await self._client.search(
            index=self._index, source=False, seq_no_primary_term=True, ignore_unavailable=True, **search
        )
        return list(answer["hits"]["hits"])


def _document(desired: DesiredState) -> dict[str, Any]:
    config, settings = desired.remote_config, desired.connection_settings
    return {
        "remote_config": None if config is None else _text(config.SerializeToString()),
        "connection_settings": None if settings is None else _text(settings.SerializeToString()),
        "packages": {
            name: {"type": package.type, "version": package.version, "content": _text(package.content)}
            for name, package in desired.packages.items()
        },
        "custom_messages": [_text(message.SerializeToString()) for message in desired.custom_messages],
        "restart": desired.restart,
        "fault": None if desired.fault is None else desired.fault.value,
        "close_connection": desired.close_connection,
    }


def _desired_state(source: Mapping[str, Any], version: Version) -> DesiredState:
    config, settings, fault = source["remote_config"], source["connection_settings"], source["fault"]
    return DesiredState(
        remote_config=None if config is None else pb.AgentConfigMap.FromString(_bytes(config)),
        connection_settings=None if settings is None else pb.ConnectionSettingsOffers.FromString(_bytes(settings)),
        packages={
            name: Package(package["type"], package["version"], _bytes(package["content"]))
            for name, package in source["packages"].items()
        },
        custom_messages=tuple(pb.CustomMessage.FromString(_bytes(text)) for text in source["custom_messages"]),
        restart=source["restart"],
        fault=None if fault is None else Fault(fault),
        close_connection=source["close_connection"],
        stored=version,
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
