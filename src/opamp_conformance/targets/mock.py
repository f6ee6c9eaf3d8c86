"""The bundled mock server as a target. Other grading code does not import the mock server."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.targets import Endpoint, FleetAgents, OtherKeys
from opamp_conformance.targets.elasticsearch import ElasticsearchAccess
from opamp_mock_server import DEFAULT_POLICY, ORDINARY_KEY_PREFIX, RETIRED_KEY_PREFIX, MockServer, Settings

_MESSAGE_LIMIT: Final = 4 * 1024 * 1024
"""The limit of messages. To send the default of 64 MiB takes longer than all other scenarios, and shows no more."""

_NAMESPACES: Final = ("default", "opamp-conformance")


class MockTarget:
    """A mock server on a free port of this machine. It requires an enrollment key.

    If it keeps agents in Elasticsearch, scenarios can read their documents.
    """

    name = "mock"
    contracts: Sequence[Contract] = tuple(Contract)
    is_shared = False
    arguments: Sequence[str] = ()

    def __init__(self, settings: Settings = Settings()) -> None:
        self._settings = settings

    @contextmanager
    def start(self) -> Iterator[Endpoint]:
        key = secrets.token_urlsafe(16)
        own = replace(self._settings, max_body_bytes=_MESSAGE_LIMIT)
        with MockServer(
            replace(own, enrollment_keys=(key,), namespaces=_NAMESPACES, control=True, instances=2)
        ) as server:
            headers = {"Authorization": f"ApiKey {key}"}
            yield Endpoint(
                server.url,
                headers,
                control=server.control_url,
                others=tuple(server.other_urls),
                fleet_agents=self._fleet_agents(),
                message_limit=_MESSAGE_LIMIT,
                other_keys=OtherKeys(_other_key(ORDINARY_KEY_PREFIX), _other_key(RETIRED_KEY_PREFIX)),
            )

    def _fleet_agents(self) -> FleetAgents | None:
        store = self._settings.store
        if store is None:
            return None
        access = ElasticsearchAccess(store.url, store.api_key, store.service_token, store.ca)
        return FleetAgents(access, store.index, DEFAULT_POLICY, _NAMESPACES, patience=2)


def _other_key(prefix: str) -> str:
    return f"ApiKey {prefix}{secrets.token_urlsafe(16)}"
