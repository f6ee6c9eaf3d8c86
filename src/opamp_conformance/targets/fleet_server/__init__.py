"""A Fleet Server with its Elasticsearch: in containers that the suite starts, or already running."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import requests
import uuid6

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.targets import ENDPOINT_PATH, Endpoint, FleetAgents, Tls
from opamp_conformance.targets.elasticsearch import ElasticsearchAccess
from opamp_conformance.targets.fleet_server.containers import Containers, Images, Say, is_healthy, status
from opamp_conformance.targets.fleet_server.preparation import NAMESPACES, Prepared, prepared

_HEALTHY_SECONDS: Final = 30.0
_KNOWN_SECONDS: Final = 5.0
_INDEX: Final = ".fleet-agents"
_PATIENCE_SECONDS: Final = 25.0
"""More than twice the interval at which Fleet Server writes the reports of agents."""


@dataclass(frozen=True)
class Services:
    """A Fleet Server that already runs, and its Elasticsearch with the credentials of an administrator."""

    elasticsearch: ElasticsearchAccess
    fleet_server_url: str
    tls: Tls = Tls()


class FleetServerTarget:
    """Prepares Elasticsearch, and starts what does not run yet. ``say`` gets lines about the progress."""

    name = "fleet-server"
    contracts: Sequence[Contract] = tuple(Contract)

    def __init__(
        self, where: Services | Images, say: Say, arguments: Sequence[str] = (), *, keep: bool = False
    ) -> None:
        self._where = where
        self._say = say
        self._keep = keep
        self.arguments = ("--target fleet-server", *arguments)
        self.is_shared = isinstance(where, Services)

    @contextmanager
    def start(self) -> Iterator[Endpoint]:
        run = uuid6.uuid7().hex
        with ExitStack() as stack:
            if isinstance(self._where, Services):
                tls, url = self._where.tls, self._where.fleet_server_url
                _require_healthy(url, tls)
                made = stack.enter_context(prepared(self._where.elasticsearch, run))
            else:
                tls = Tls()
                made, url = self._contain(self._where, run, stack)
            yield Endpoint(
                f"{url}{ENDPOINT_PATH}",
                {"Authorization": f"ApiKey {made.enrollment_key}"},
                tls,
                version=_version(url, made, tls),
                fleet_agents=FleetAgents(made.fleet, _INDEX, made.policy_id, NAMESPACES, _PATIENCE_SECONDS),
                other_keys=made.other_keys,
            )

    def _contain(self, images: Images, run: str, stack: ExitStack) -> tuple[Prepared, str]:
        containers = Containers(images, self._say, keep=self._keep)
        network = stack.enter_context(containers.network())
        admin, inside = stack.enter_context(containers.elasticsearch(network))
        made = stack.enter_context(prepared(admin, run, keep=self._keep))
        url = stack.enter_context(containers.fleet_server(network, made, inside))
        return made, url


def _require_healthy(url: str, tls: Tls) -> None:
    end = time.monotonic() + _HEALTHY_SECONDS
    while not is_healthy(url, tls):
        if time.monotonic() > end:
            raise InconclusiveError(f"Fleet Server at {url} is not HEALTHY (GET /api/status)")
        time.sleep(0.2)


def _version(url: str, made: Prepared, tls: Tls) -> str | None:
    """Wait until a Fleet Server accepts the enrollment key; return its version, None if it never accepts it."""
    end = time.monotonic() + _KNOWN_SECONDS
    while time.monotonic() < end:
        with suppress(requests.exceptions.RequestException, ValueError, KeyError, TypeError):
            return str(status(url, tls, made.enrollment_key)["version"]["number"])
        time.sleep(0.1)
    return None
