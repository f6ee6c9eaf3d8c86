"""Elasticsearch itself: how it is reached, what is set up in it, and what its errors mean."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import elastic_transport
import elasticsearch

from opamp_mock_server.stores import CannotStore, Conflict, Elasticsearch, StoreRefused, StoreUnavailable
from opamp_mock_server.stores.documents import MAPPINGS

_REQUEST_SECONDS: Final = 1.2
_START_SECONDS: Final = 10
_AT_ONCE: Final = 1000
_FOR_LATER: Final = (403, 429, 503)
"""Why a document is not taken for now: a block on writes, a full queue, a lost shard."""

ERRORS: Final = (elastic_transport.TransportError, elasticsearch.ApiError)
"""What a request can fail with."""


class Version(NamedTuple):
    """The version of a document, by which a change names what it replaces."""

    seq_no: int
    primary_term: int


def client_of(settings: Elasticsearch) -> elasticsearch.AsyncElasticsearch:
    """Make a client that fails fast: whoever waits for it tries again by itself."""
    return elasticsearch.AsyncElasticsearch(**_options(settings), request_timeout=_REQUEST_SECONDS)


def set_up(settings: Elasticsearch) -> None:
    """Create the indices where they are missing; raises CannotStore."""
    try:
        with elasticsearch.Elasticsearch(**_options(settings), request_timeout=_START_SECONDS) as client:
            _create(client, settings.index, MAPPINGS)
            for index in (settings.plans_index, settings.instances_index):
                _create(client, index, {"dynamic": False})
    except (*ERRORS, ValueError) as error:
        raise CannotStore(f"Elasticsearch cannot be used: {explain(error)}") from error


def _create(client: elasticsearch.Elasticsearch, index: str, mappings: Mapping[str, Any]) -> None:
    if _exists(client, index):
        return
    # The template is for the case that the index is deleted under way.
    settings = {"number_of_shards": 1, "auto_expand_replicas": "0-1"}
    client.indices.put_index_template(
        name=index, index_patterns=[index], template={"settings": settings, "mappings": mappings}, priority=500
    )
    try:
        client.indices.create(index=index, wait_for_active_shards=1)
    except elasticsearch.BadRequestError as error:
        if error.error != "resource_already_exists_exception":  # Another instance was faster.
            raise


async def delete_all(client: elasticsearch.AsyncElasticsearch, index: str) -> None:
    """Delete as many documents of an index as there are now; raises StoreUnavailable, or one of ERRORS.

    What comes meanwhile does not keep this from its end.
    """
    await client.indices.refresh(index=index)
    left = (await client.count(index=index))["count"]
    while left > 0:
        found = await client.search(index=index, size=min(left, _AT_ONCE), source=False)
        actions = [{"delete": {"_index": index, "_id": hit["_id"]}} for hit in found["hits"]["hits"]]
        if not actions:
            return
        answer = await client.bulk(operations=actions, refresh=True, filter_path="errors")
        if answer["errors"]:
            raise StoreUnavailable("it does not delete")
        left -= len(actions)


def _exists(client: elasticsearch.Elasticsearch, index: str) -> bool:
    """Tell whether there is an index, with no other privilege than to read it."""
    try:
        client.get(index=index, id="-", source=False)
    except elasticsearch.NotFoundError as error:
        return "found" in error.body
    return True


def _options(settings: Elasticsearch) -> dict[str, Any]:
    options: dict[str, Any] = {"hosts": [settings.url], "max_retries": 0, "retry_on_timeout": False}
    options |= {"api_key": settings.api_key} if settings.api_key else {}
    options |= {"bearer_auth": settings.service_token} if settings.service_token else {}
    options |= {"ca_certs": str(settings.ca)} if settings.ca else {}
    return options


def explain(error: Exception) -> str:
    """Say in a line what went wrong, without URLs, as they may hold credentials."""
    if isinstance(error, elasticsearch.ApiError):
        if error.status_code in (401, 403):
            return f"it refuses the credentials ({error.status_code})"
        return f"it answers with {error.status_code} {error.error}"
    if isinstance(error, elastic_transport.ConnectionTimeout):
        return "it does not answer in time"
    if isinstance(error, elastic_transport.TlsError):
        return "its certificate is not trusted"
    if isinstance(error, elastic_transport.ConnectionError):
        return "it cannot be reached"
    # What is wrong with a URL must not be repeated: it may hold a password.
    return "its URL is not one: give it as https://HOST:PORT" if isinstance(error, ValueError) else type(error).__name__


def unavailable(error: Exception) -> StoreUnavailable:
    """Tell what an error of a whole request comes to."""
    return StoreUnavailable(explain(error))


def refusal(status: int, error: Mapping[str, Any]) -> Exception:
    """Tell what the error of a single document comes to."""
    if status == 409:
        return Conflict()
    problem = f"{status} {error.get('type', '')}: {error.get('reason', '')}"
    return StoreUnavailable(problem) if status in _FOR_LATER else StoreRefused(problem)
