"""Chooses the parts of a server, with or without deviations, and connects them."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from opamp_agent_checks import AgentJudge
from opamp_mock_server.control.control import Control, RunningServer
from opamp_mock_server.control.guard import is_loopback
from opamp_mock_server.core.core import Core, FleetCore
from opamp_mock_server.deviations import Deviation, apply_deviations
from opamp_mock_server.instances import Instances
from opamp_mock_server.limits.authentication import Authenticator, FileAuthenticator, Policy
from opamp_mock_server.limits.concurrency import ConcurrencyLimit, Priority
from opamp_mock_server.limits.pending_bytes import PendingBytes
from opamp_mock_server.limits.rate import RateLimits
from opamp_mock_server.metrics import Metrics
from opamp_mock_server.routing import InstanceRouter, PortRouter
from opamp_mock_server.service.connections import Connections
from opamp_mock_server.service.message_log import MessageLog
from opamp_mock_server.service.service import Service
from opamp_mock_server.service.traffic import Traffic
from opamp_mock_server.service.transport_log import TransportLog
from opamp_mock_server.settings import Contract, Settings
from opamp_mock_server.stores.fleet_documents import FleetDocuments
from opamp_mock_server.stores.memory import MemoryBackend
from opamp_mock_server.stores.store import Backend, StoreSetupError
from opamp_mock_server.transports.downloads import Downloads
from opamp_mock_server.transports.plain_http import HttpEndpoint
from opamp_mock_server.transports.websocket import WebSocketEndpoint
from opamp_mock_server.transports.websocket_protocol import WebSocketProtocol


@dataclass(frozen=True)
class ServerParts:
    """The connected parts of a server.

    ``router`` gets every request. There is one ``websocket_protocol`` for each WebSocket. ``service`` belongs to
    the first instance. ``switchable`` has, for each instance, the parts whose classes
    switchable_classes() returns.
    """

    router: PortRouter
    websocket_protocol: type[WebSocketProtocol]
    service: Service
    switchable: Sequence[Sequence[object]]
    instances: Instances
    backends: Sequence[Backend]
    pending: PendingBytes
    traffic: Traffic

    def switch(self, core: type[Core], *endpoints: type[Any]) -> None:
        """Change the classes of these parts in all instances, while they run."""
        first, *others = self.switchable
        _change_classes(first, (core, *endpoints))
        for instance in others:
            _change_classes(instance, (self.instances.core(core), *endpoints))


def _change_classes(instance: Sequence[object], kinds: Sequence[type[Any]]) -> None:
    for part, kind in zip(instance, kinds, strict=True):
        part.__class__ = kind


def part_classes(settings: Settings) -> tuple[type[Any], ...]:
    """Return the classes of all parts of a server, with its deviations. Raises DeviationError."""
    documents = () if settings.store is None else (FleetDocuments,)
    return apply_deviations((*_switchable(settings), Instances, *documents), settings.deviations)


def switchable_classes(settings: Settings, deviations: Sequence[Deviation]) -> tuple[type[Any], ...]:
    """Return the classes of the parts that can be changed while the server runs. Raises DeviationError."""
    return apply_deviations(_switchable(settings), deviations)


def _switchable(settings: Settings) -> tuple[type[Any], ...]:
    core = FleetCore if settings.contract is Contract.FLEET else Core
    return (core, HttpEndpoint, WebSocketEndpoint, Downloads, WebSocketProtocol)


def connect_parts(
    settings: Settings,
    urls: Sequence[str],
    metrics: Metrics,
    machine: RunningServer,
    on_start: Callable[[], None] = lambda: None,
) -> ServerParts:
    """Connect the parts, one instance for each URL. ``on_start`` is called in the loop that serves.

    Raises StoreSetupError or KeyFileError.
    """
    limits = settings.limits
    core, http, websocket, downloads, websocket_protocol, instances_part, *documents = part_classes(settings)
    instances, connections, authenticator = instances_part(), Connections(), _authenticator(settings)
    concurrency, rates = ConcurrencyLimit(limits, metrics.shed), RateLimits(limits, authenticator, metrics.shed)
    judge = AgentJudge() if settings.judges_agents or settings.control else None
    traffic = Traffic(judge, None if judge is None else TransportLog())
    message_log, pending = MessageLog(), PendingBytes(limits.pending_bytes, metrics.shed)
    metrics.watch(lambda: _gauges_of(concurrency))

    backends: list[Backend] = []

    def make_backend() -> Backend:
        backend = (
            _elasticsearch(settings, documents[0](authenticator.namespaces_of))
            if documents
            else MemoryBackend(limits.agents, limits.stored_bytes)
        )
        metrics.watch(backend.gauges)
        backends.append(backend)
        return backend

    def make(core: type[Core], backend: Backend, url: str) -> tuple[InstanceRouter, Service, Sequence[object]]:
        core_in_use = core(
            settings.capabilities, settings.custom_capabilities, url, knows_roles=settings.spec_version != "0.18"
        )
        service = Service(core_in_use, backend, connections, settings.delays, concurrency, metrics, pending)
        if judge is not None:
            service.note_provocation = judge.provoked
        endpoints = (
            http(service, authenticator, settings.max_body_bytes, rates, traffic),
            websocket(service, authenticator, rates, traffic, settings.allowed_origins),
            downloads(backend.desired_states, traffic),
        )

        @contextlib.asynccontextmanager
        async def lifespan() -> AsyncIterator[None]:
            on_start()
            await backend.open(service.push, connections.are_any)
            try:
                yield
            finally:
                await backend.close()

        control = None
        if settings.control:
            service.observers.append(message_log.note)
            control = Control(service, machine, message_log, traffic, is_local=is_loopback(settings.host))
        application = InstanceRouter(*endpoints, control, authenticator, metrics, traffic, lifespan)
        return application, service, (core_in_use, *endpoints)

    backend = make_backend()
    made = [make(core, backend, urls[0])]
    made += [make(instances.core(core), instances.backend(backend, make_backend), url) for url in urls[1:]]
    applications, services, switchable = zip(*made, strict=True)
    ports = [urlsplit(url).port or 0 for url in urls]
    router = PortRouter(dict(zip(ports, applications, strict=True)))
    return ServerParts(router, websocket_protocol, services[0], switchable, instances, backends, pending, traffic)


def _gauges_of(concurrency: ConcurrencyLimit) -> Mapping[str, float]:
    return {
        "store_under_way": concurrency.in_use,
        "store_waiting_check_ins": concurrency.waiting(Priority.CHECK_IN),
        "store_waiting_enrollments": concurrency.waiting(Priority.ENROLLMENT),
    }


def _elasticsearch(settings: Settings, documents: FleetDocuments) -> Backend:
    # The client of Elasticsearch is an extra, and takes longer to load than everything else.
    try:
        from opamp_mock_server.stores.elasticsearch.backend import ElasticsearchBackend  # noqa: PLC0415
    except ImportError as error:
        extra = "pip install 'opamp-conformance[elasticsearch]'"
        raise StoreSetupError(f"Elasticsearch needs its client ({error.name} is not installed): {extra}") from error
    assert settings.store is not None
    return ElasticsearchBackend(settings.store, documents, has_operator=settings.control)


def _authenticator(settings: Settings) -> Authenticator:
    if settings.enrollment_key_file is not None:
        return FileAuthenticator(settings.enrollment_key_file)
    return Authenticator(dict.fromkeys(settings.enrollment_keys, Policy(namespaces=settings.namespaces)))
