"""The objects in Elasticsearch that a Fleet Server needs for enrollments: a token, an enrollment key, and a policy."""

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import elastic_transport
import elasticsearch
from elasticsearch import Elasticsearch

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.targets import OtherKeys
from opamp_conformance.targets.elasticsearch import ElasticsearchAccess, explain

KEYS: Final = ".fleet-enrollment-api-keys"
POLICIES: Final = ".fleet-policies"
NAMESPACES: Final = ("default", "opamp-conformance")
"""The namespaces of the enrollment key. One of them is no default, so that a server must look at the key."""

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

    ``api_key`` is the secret part of the enrollment key. ``other_keys`` are keys that must not enroll an agent. All
    fields are secrets, except the id of the policy.
    """

    fleet: ElasticsearchAccess
    enrollment_key: str
    api_key: str
    policy_id: str
    other_keys: OtherKeys


@dataclass(frozen=True)
class _ApiKey:
    name: str
    id: str
    secret: str

    @property
    def encoded(self) -> str:
        """The key as it stands behind ``ApiKey`` in an Authorization header."""
        return base64.b64encode(f"{self.id}:{self.secret}".encode()).decode()


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
    keys: list[_ApiKey] = []
    is_prepared = False
    try:
        try:
            client.index(index=POLICIES, id=name, document=_policy(name), refresh=True)
            metadata = {"managed_by": "fleet", "managed": True, "type": "enroll", "policy_id": name}
            for suffix, of_key in (("", metadata), ("-retired", metadata), ("-ordinary", {})):
                keys.append(_made_key(elastic, f"{name}{suffix}", of_key))
            enrollment, retired, ordinary = keys
            client.index(index=KEYS, id=enrollment.name, document=_key(name, enrollment, is_active=True), refresh=True)
            client.index(index=KEYS, id=retired.name, document=_key(name, retired, is_active=False), refresh=True)
            elastic.security.invalidate_api_key(ids=[retired.id])
        except _ERRORS as error:
            raise _failed(error) from error
        is_prepared = True
        others = OtherKeys(f"ApiKey {ordinary.encoded}", f"ApiKey {retired.encoded}")
        yield Prepared(fleet, enrollment.encoded, enrollment.secret, name, others)
    finally:
        if not (keep and is_prepared):
            _remove(elastic, client, name, keys)


def _made_key(elastic: Elasticsearch, name: str, metadata: dict[str, Any]) -> _ApiKey:
    key = elastic.security.create_api_key(name=name, role_descriptors=_ROLE, metadata=metadata)
    return _ApiKey(name, key["id"], key["api_key"])


def _remove(elastic: Elasticsearch, client: Elasticsearch, name: str, keys: Sequence[_ApiKey]) -> None:
    for index, document in ((POLICIES, name), *((KEYS, key.name) for key in keys)):
        with suppress(*_ERRORS):
            client.delete(index=index, id=document, refresh=True)
    if keys:
        with suppress(*_ERRORS):
            elastic.security.invalidate_api_key(ids=[key.id for key in keys])


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


def _key(policy_id: str, key: _ApiKey, *, is_active: bool) -> dict[str, Any]:
    return {
        "active": is_active,
        "api_key": key.encoded,
        "api_key_id": key.id,
        "name": key.name,
        "namespaces": list(NAMESPACES),
        "policy_id": policy_id,
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
