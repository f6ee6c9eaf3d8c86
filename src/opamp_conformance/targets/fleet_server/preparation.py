"""The objects in Elasticsearch that a Fleet Server needs for enrollments: a token, an enrollment key, and a policy."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import elastic_transport
import elasticsearch
from elasticsearch import Elasticsearch

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.targets.elasticsearch import ElasticsearchAccess, explain

KEYS: Final = ".fleet-enrollment-api-keys"
POLICIES: Final = ".fleet-policies"

_ERRORS: Final = (elasticsearch.ApiError, elastic_transport.TransportError)
# As Fleet makes them: a key without any privileges.
_ROLE: Final = {
    "fleet-apikey-enroll": {
        "cluster": [],
        "index": [],
        "applications": [{"application": "fleet", "privileges": ["no-privileges"], "resources": ["*"]}],
    }
}


@dataclass(frozen=True)
class Prepared:
    """The objects that were made: ``fleet`` is Elasticsearch for Fleet Server, and agents use ``enrollment_key``.

    ``api_key`` is the secret part of the enrollment key. All fields are secrets, except the id of the policy.
    """

    fleet: ElasticsearchAccess
    enrollment_key: str
    api_key: str
    policy_id: str


@contextmanager
def prepared(admin: ElasticsearchAccess, run: str, *, keep: bool = False) -> Iterator[Prepared]:
    """Prepare an Elasticsearch for a run, and at its end remove everything that was made, unless ``keep``.

    Raises InconclusiveError.

    Fleet's indices are written as Fleet Server: in a distribution, only Fleet Server may do that.
    """
    name = f"opamp-conformance-{run}"
    with admin.client() as elastic:
        try:
            token = elastic.security.create_service_token(namespace="elastic", service="fleet-server", name=name)[
                "token"
            ]["value"]
        except _ERRORS as error:
            raise _failed(error) from error
        try:
            fleet = replace(admin, url=admin.address, api_key=None, service_token=token)
            with fleet.client() as client, _enrollment(elastic, client, fleet, name, keep) as made:
                yield made
        finally:
            if not keep:
                with suppress(*_ERRORS):
                    elastic.security.delete_service_token(namespace="elastic", service="fleet-server", name=name)


@contextmanager
def _enrollment(
    elastic: Elasticsearch, client: Elasticsearch, fleet: ElasticsearchAccess, name: str, keep: bool
) -> Iterator[Prepared]:
    metadata = {"managed_by": "fleet", "managed": True, "type": "enroll", "policy_id": name}
    key_id, is_prepared = "", False
    try:
        try:
            key = elastic.security.create_api_key(name=name, role_descriptors=_ROLE, metadata=metadata)
            key_id = key["id"]
            enrollment_key = base64.b64encode(f"{key_id}:{key['api_key']}".encode()).decode()
            client.index(index=POLICIES, id=name, document=_policy(name), refresh=True)
            client.index(index=KEYS, id=name, document=_key(name, key_id, enrollment_key), refresh=True)
        except _ERRORS as error:
            raise _failed(error) from error
        is_prepared = True
        yield Prepared(fleet, enrollment_key, key["api_key"], name)
    finally:
        if not (keep and is_prepared):
            _remove(elastic, client, name, key_id)


def _remove(elastic: Elasticsearch, client: Elasticsearch, name: str, key_id: str) -> None:
    for index in (KEYS, POLICIES):
        with suppress(*_ERRORS):
            client.delete(index=index, id=name, refresh=True)
    if key_id:
        with suppress(*_ERRORS):
            elastic.security.invalidate_api_key(ids=[key_id])


def _policy(name: str) -> dict[str, Any]:
    return {
        "policy_id": name,
        "revision_idx": 1,
        "coordinator_idx": 0,
        # Fleet Server ends if it finds a policy without an output.
        "data": {
            "id": name,
            "revision": 1,
            "outputs": {"default": {"type": "elasticsearch"}},
            "output_permissions": {"default": {}},
            "inputs": [],
        },
        "default_fleet_server": False,
    }


def _key(name: str, key_id: str, enrollment_key: str) -> dict[str, Any]:
    return {
        "active": True,
        "api_key": enrollment_key,
        "api_key_id": key_id,
        "name": name,
        "namespaces": ["default"],
        "policy_id": name,
    }


def configuration(made: Prepared, elasticsearch_url: str, port: int) -> str:
    """Return the configuration of a standalone Fleet Server, as YAML (JSON is YAML)."""
    token = made.fleet.service_token
    return json.dumps(
        {
            "output": {"elasticsearch": {"hosts": [elasticsearch_url], "service_token": token}},
            "fleet.agent.id": made.policy_id,
            "logging": {"level": "info", "to_stderr": True},
            "inputs": [
                {
                    "type": "fleet-server",
                    "server": {
                        "host": "0.0.0.0",  # noqa: S104 (in a container)
                        "port": port,
                        "static_policy_tokens": {
                            "enabled": True,
                            "policy_tokens": [{"token_key": made.api_key, "policy_id": made.policy_id}],
                        },
                    },
                }
            ],
        }
    )


def _failed(error: Exception) -> InconclusiveError:
    return InconclusiveError(f"Elasticsearch cannot be prepared for Fleet Server: {explain(error)}")
