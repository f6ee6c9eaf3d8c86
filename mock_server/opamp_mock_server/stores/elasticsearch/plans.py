"""What the operator wants, in an index of Elasticsearch that every instance watches."""

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import elasticsearch
from elasticsearch import AsyncElasticsearch

from opamp_mock_server.records import Package, Plan, Trouble
from opamp_mock_server.stores import Conflict, StoreRefused, StoreUnavailable
from opamp_mock_server.stores.documents import document_id, instance_uid_of
from opamp_mock_server.stores.elasticsearch.cluster import ERRORS, Version, delete_all, unavailable
from opamp_proto import opamp_pb2 as pb

_WATCH_SECONDS: Final = 0.1
_MOST_AT_ONCE: Final = 1000


class ElasticsearchPlans:
    """Plans as documents. They are few, and an operator's, so each is a request of its own."""

    def __init__(self, client: AsyncElasticsearch, index: str) -> None:
        self._client = client
        self._index = index
        self._telling: set[asyncio.Task[None]] = set()

    async def get(self, instance_uid: bytes) -> Plan | None:
        try:
            found = await self._client.get(index=self._index, id=document_id(instance_uid))
        except elasticsearch.NotFoundError:
            return None
        except ValueError:
            return None  # No agent is called that.
        except ERRORS as error:
            raise unavailable(error) from error
        return _plan(found["_source"], Version(found["_seq_no"], found["_primary_term"]))

    async def put(self, instance_uid: bytes, plan: Plan) -> None:
        version = plan.stored
        expected: dict[str, Any] = {"op_type": "create"}
        if isinstance(version, Version):
            expected = {"if_seq_no": version.seq_no, "if_primary_term": version.primary_term}
        try:
            await self._client.index(
                index=self._index, id=document_id(instance_uid), document=_document(plan), refresh=True, **expected
            )
        except elasticsearch.ConflictError as error:
            raise Conflict from error
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

    async def watch(self, on_wish: Callable[[bytes], Awaitable[None]]) -> None:
        """Tell for ever whose plan has changed: the changes of an index have numbers, in their order."""
        last = await self._newest()
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            with contextlib.suppress(*ERRORS):
                hits = await self._changed_since(last)
                for hit in hits:
                    last = hit["_seq_no"]
                    # A client that does not read must not keep the others from being told.
                    task = asyncio.create_task(self._tell(on_wish, instance_uid_of(hit["_id"])))
                    self._telling.add(task)
                    task.add_done_callback(self._telling.discard)

    async def _tell(self, on_wish: Callable[[bytes], Awaitable[None]], instance_uid: bytes) -> None:
        # What fails is said when the agent asks next.
        with contextlib.suppress(Conflict, StoreUnavailable, StoreRefused):
            await on_wish(instance_uid)

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


def _document(plan: Plan) -> dict[str, Any]:
    config, settings = plan.remote_config, plan.connection_settings
    return {
        "remote_config": None if config is None else _text(config.SerializeToString()),
        "connection_settings": None if settings is None else _text(settings.SerializeToString()),
        "packages": {
            name: {"type": package.type, "version": package.version, "content": _text(package.content)}
            for name, package in plan.packages.items()
        },
        "custom_messages": [_text(message.SerializeToString()) for message in plan.custom_messages],
        "restart": plan.restart,
        "trouble": None if plan.trouble is None else plan.trouble.value,
        "hang_up": plan.hang_up,
    }


def _plan(source: Mapping[str, Any], version: Version) -> Plan:
    config, settings, trouble = source["remote_config"], source["connection_settings"], source["trouble"]
    return Plan(
        remote_config=None if config is None else pb.AgentConfigMap.FromString(_bytes(config)),
        connection_settings=None if settings is None else pb.ConnectionSettingsOffers.FromString(_bytes(settings)),
        packages={
            name: Package(package["type"], package["version"], _bytes(package["content"]))
            for name, package in source["packages"].items()
        },
        custom_messages=tuple(pb.CustomMessage.FromString(_bytes(text)) for text in source["custom_messages"]),
        restart=source["restart"],
        trouble=None if trouble is None else Trouble(trouble),
        hang_up=source["hang_up"],
        stored=version,
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
