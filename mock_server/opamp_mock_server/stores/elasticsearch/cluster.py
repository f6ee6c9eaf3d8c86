"""Access to Elasticsearch: clients, indices, and the meaning of its errors."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import elastic_transport
import elasticsearch

from opamp_mock_server.stores.elasticsearch.settings import ElasticsearchSettings
from opamp_mock_server.stores.fleet_documents import MAPPINGS
from opamp_mock_server.stores.store import ConflictError, StoreRefusedError, StoreSetupError, StoreUnavailableError

_REQUEST_SECONDS: Final = 1.2
_START_SECONDS: Final = 10
_AT_ONCE: Final = 1000
_FOR_LATER: Final = (403, 429, 503)
"""Temporary reasons to reject a document: a block on writes, a full queue, a lost shard."""

ERRORS: Final = (elastic_transport.TransportError, elasticsearch.ApiError)
"""The errors that a request can raise."""


class Version(NamedTuple):
    """The version of a document; a change names the version that it replaces."""

    seq_no: int
    primary_term: int


def client_of(settings: ElasticsearchSettings) -> elasticsearch.AsyncElasticsearch:
    """Return a client that fails fast, because agents send their messages again."""
    return elasticsearch.AsyncElasticsearch(**_options(settings), request_timeout=_REQUEST_SECONDS)


def set_up(settings: ElasticsearchSettings) -> None:
    """Create the indices that are missing. Raises StoreSetupError."""
    try:
        with elasticsearch.Elasticsearch(**_options(settings), request_timeout=_START_SECONDS) as client:
            _create(client, settings.index, MAPPINGS)
            for index in (settings.desired_state_index, settings.instances_index):
                _create(client, index, {"dynamic": False})
    except (*ERRORS, ValueError) as error:
        raise StoreSetupError(f"Elasticsearch cannot be used: {explain(error)}") from error


def _create(client: elasticsearch.Elasticsearch, index: str, mappings: Mapping[str, Any]) -> None:
    if _exists(client, index):
        return
    # The template is for the case that the index is deleted while the server runs.
    settings = {"number_of_shards": 1, "auto_expand_replicas": "0-1"}
    client.indices.put_index_template(
        name=index, index_patterns=[index], template={"settings": settings, "mappings": mappings}, priority=500
    )
    try:
        client.indices.create(index=index, wait_for_active_shards=1)
    except elasticsearch.BadRequestError as error:
        if error.error != "resource_already_exists_exception":  # Another instance has created it.
            raise


async def delete_all(client: elasticsearch.AsyncElasticsearch, index: str) -> None:
    """Delete as many documents of an index as it has now. Raises StoreUnavailableError, or one of ERRORS.

    New documents do not make this run longer.
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
            raise StoreUnavailableError("it cannot delete documents")
        left -= len(actions)


def _exists(client: elasticsearch.Elasticsearch, index: str) -> bool:
    """Return whether an index exists; this needs only the privilege to read it."""
    try:
        client.get(index=index, id="-", source=False)
    except elasticsearch.NotFoundError as error:
        return "found" in error.body
    return True


def _options(settings: ElasticsearchSettings) -> dict[str, Any]:
    options: dict[str, Any] = {"hosts": [settings.url], "max_retries": 0, "retry_on_timeout": False}
    options |= {"api_key": settings.api_key} if settings.api_key else {}
    options |= {"bearer_auth": settings.service_token} if settings.service_token else {}
    options |= {"ca_certs": str(settings.ca)} if settings.ca else {}
    return options


def explain(error: Exception) -> str:
    """Return one line about an error, without URLs, because they may contain credentials."""
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
    # The text about a wrong URL may contain a password.
    return (
        "its URL is invalid: write it as https://HOST:PORT" if isinstance(error, ValueError) else type(error).__name__
    )


def unavailable(error: Exception) -> StoreUnavailableError:
    """Return the error of the store for the error of a whole request."""
    return StoreUnavailableError(explain(error))


def refusal(status: int, error: Mapping[str, Any]) -> Exception:
    """Return the error of the store for the error of a single document."""
    if status == 409:
        return ConflictError()
    problem = f"{status} {error.get('type', '')}: {error.get('reason', '')}"
    return StoreUnavailableError(problem) if status in _FOR_LATER else StoreRefusedError(problem)
