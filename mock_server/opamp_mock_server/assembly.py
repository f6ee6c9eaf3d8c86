"""The parts of a server, chosen and put together."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from opamp_mock_server.admission import Admission, AdmissionByFile
from opamp_mock_server.application import Application, ByPort
from opamp_mock_server.connections import Connections
from opamp_mock_server.control import Control, Machine
from opamp_mock_server.control.guard import is_loopback
from opamp_mock_server.core import Core, FleetCore
from opamp_mock_server.deviations import Deviation, assemble
from opamp_mock_server.downloads import Downloads
from opamp_mock_server.instances import Instances
from opamp_mock_server.metrics import Metrics
from opamp_mock_server.overload import Gate, Lane, RateLimits
from opamp_mock_server.recording import Recording
from opamp_mock_server.records import DEFAULT_POLICY
from opamp_mock_server.service import Service
from opamp_mock_server.settings import Contract, Settings
from opamp_mock_server.stores import Backend, CannotStore
from opamp_mock_server.stores.documents import Documents
from opamp_mock_server.stores.memory import MemoryBackend
from opamp_mock_server.transports.plain_http import HttpEndpoint
from opamp_mock_server.transports.protocol import WebSocketProtocol
from opamp_mock_server.transports.websocket import WebSocketEndpoint


@dataclass(frozen=True)
class Assembled:
    """The parts of a server, put together.

    ``site`` takes everything that comes in, and ``websocket_protocol`` is for uvicorn to make, one a connection.
    ``service`` is that of the first instance; ``switchable`` are the parts of each whose classes switched() names
    first.
    """

    site: ByPort
    websocket_protocol: type[WebSocketProtocol]
    service: Service
    switchable: Sequence[Sequence[object]]
    instances: Instances

    def switch(self, core: type[Core], *endpoints: type[Any]) -> None:
        """Exchange the classes of these parts, in all instances."""
        first, *others = self.switchable
        _become(first, (core, *endpoints))
        for instance in others:
            _become(instance, (self.instances.core(core), *endpoints))


def _become(instance: Sequence[object], kinds: Sequence[type[Any]]) -> None:
    for part, kind in zip(instance, kinds, strict=True):
        part.__class__ = kind


def parts(settings: Settings) -> tuple[type[Any], ...]:
    """Choose the parts of a server, with whatever is to deviate; raises CannotDeviate."""
    documents = () if settings.store is None else (Documents,)
    return assemble((*_switchable(settings), Instances, *documents), settings.deviations)


def switched(settings: Settings, deviations: Sequence[Deviation]) -> tuple[type[Any], ...]:
    """Choose those parts that can be exchanged while the server runs; raises CannotDeviate."""
    return assemble(_switchable(settings), deviations)


def _switchable(settings: Settings) -> tuple[type[Any], ...]:
    core = FleetCore if settings.contract is Contract.FLEET else Core
    return (core, HttpEndpoint, WebSocketEndpoint, Downloads, WebSocketProtocol)


def assembled(
    settings: Settings,
    urls: Sequence[str],
    metrics: Metrics,
    machine: Machine,
    on_start: Callable[[], None] = lambda: None,
) -> Assembled:
    """Put the parts together, one instance for each URL; ``on_start`` is called in the loop that serves.

    Raises CannotStore or CannotReadKeys.
    """
    limits = settings.limits
    core, http, websocket, downloads, websocket_protocol, instances_part, *documents = parts(settings)
    instances, connections, admission = instances_part(), Connections(), _admission(settings)
    gate, rates = Gate(limits, metrics.shed), RateLimits(limits, admission, metrics.shed)
    recording = Recording()
    metrics.watch(lambda: _gauges_of(gate))

    def make_backend() -> Backend:
        backend = _elasticsearch(settings, documents[0]) if documents else MemoryBackend(limits.agents)
        metrics.watch(backend.gauges)
        return backend

    def make(core: type[Core], backend: Backend, url: str) -> tuple[Application, Service, Sequence[object]]:
        core_in_use = core(settings.capabilities, settings.custom_capabilities, url)
        service = Service(core_in_use, backend, connections, settings.delays, gate, metrics)
        endpoints = (
            http(service, admission, settings.max_body_bytes, rates),
            websocket(service, admission, rates),
            downloads(backend.plans),
        )

        @contextlib.asynccontextmanager
        async def lifespan() -> AsyncIterator[None]:
            on_start()
            await backend.open(service.tell, connections.are_any)
            try:
                yield
            finally:
                await backend.close()

        control = None
        if settings.control:
            service.observers.append(recording.note)
            control = Control(service, machine, recording, is_local=is_loopback(settings.host))
        application = Application(*endpoints, control, admission, metrics, lifespan)
        return application, service, (core_in_use, *endpoints)

    backend = make_backend()
    made = [make(core, backend, urls[0])]
    made += [make(instances.core(core), instances.backend(backend, make_backend), url) for url in urls[1:]]
    applications, services, switchable = zip(*made, strict=True)
    ports = [urlsplit(url).port or 0 for url in urls]
    site = ByPort(dict(zip(ports, applications, strict=True)))
    return Assembled(site, websocket_protocol, services[0], switchable, instances)


def _gauges_of(gate: Gate) -> Mapping[str, float]:
    return {
        "store_under_way": gate.under_way,
        "store_waiting_check_ins": gate.waiting(Lane.CHECK_IN),
        "store_waiting_enrollments": gate.waiting(Lane.ENROLLMENT),
    }


def _elasticsearch(settings: Settings, documents: type[Documents]) -> Backend:
    # Elasticsearch's client is an extra, and takes longer to load than all the rest.
    try:
        from opamp_mock_server.stores.elasticsearch import ElasticsearchBackend  # noqa: PLC0415
    except ImportError as error:
        extra = "pip install 'opamp-conformance[elasticsearch]'"
        raise CannotStore(f"Elasticsearch needs its client ({error.name} is not installed): {extra}") from error
    assert settings.store is not None
    return ElasticsearchBackend(settings.store, documents(), has_operator=settings.control)


def _admission(settings: Settings) -> Admission:
    if settings.enrollment_key_file is not None:
        return AdmissionByFile(settings.enrollment_key_file)
    return Admission(dict.fromkeys(settings.enrollment_keys, DEFAULT_POLICY))
