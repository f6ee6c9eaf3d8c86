"""The mock server as a whole: settings, and the running thing."""

import contextlib
import logging
import signal
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import uvicorn

from opamp_mock_server.admission import Admission, AdmissionByFile, CannotReadKeys
from opamp_mock_server.application import Application
from opamp_mock_server.connections import Connections
from opamp_mock_server.control import PREFIX, Control
from opamp_mock_server.core import ALL_CAPABILITIES, Core, FleetCore
from opamp_mock_server.deviations import Deviation, assemble
from opamp_mock_server.downloads import Downloads
from opamp_mock_server.http import PATH, HttpEndpoint
from opamp_mock_server.instances import ByPort, Instances
from opamp_mock_server.metrics import Metrics
from opamp_mock_server.overload import Gate, Lane, Limits, RateLimits
from opamp_mock_server.protocol import HttpProtocol, Turn, WebSocketProtocol
from opamp_mock_server.records import DEFAULT_POLICY
from opamp_mock_server.service import Delays, Service
from opamp_mock_server.stores import Backend, CannotStore, Elasticsearch
from opamp_mock_server.stores.documents import Documents
from opamp_mock_server.stores.memory import MemoryBackend
from opamp_mock_server.websocket import WebSocketEndpoint

DEFAULT_PORT = 4320
"""The port of OpAMP endpoints (Communication Model)."""

DEFAULT_MAX_BODY_BYTES = 4 * 1024 * 1024
"""A longer body is answered with 413, a longer WebSocket message with the close code 1009."""

CUSTOM_CAPABILITY = "io.github.opamp-conformance.mock/1"
"""A custom capability that the server takes part in, so that custom messages can be tried."""


class Contract(Enum):
    """What the server promises: the specification alone, or Fleet Server's enrollment contract on top."""

    OPAMP = "opamp"
    FLEET = "fleet"


class CannotListen(Exception):
    """The address cannot be listened on: it is taken, not this machine's, or not allowed."""


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files: the server's certificate and key, and who must have signed a client's certificate, if anybody."""

    cert: Path
    key: Path
    client_ca: Path | None = None
    lowest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2


@dataclass(frozen=True, slots=True)
class Settings:
    """How a mock server behaves. Port 0 takes a free one; without enrollment keys everyone is admitted.

    The enrollment keys of a file come with their policies, and are read again whenever it changes. Without a
    ``store`` agents are kept in memory. Further ``instances`` listen on free ports.
    ``capabilities`` are bits of ServerCapabilities: what is left out is neither announced nor done.
    """

    host: str = "127.0.0.1"
    port: int = 0
    contract: Contract = Contract.FLEET
    deviations: tuple[Deviation, ...] = ()
    enrollment_keys: tuple[str, ...] = ()
    enrollment_key_file: Path | None = None
    store: Elasticsearch | None = None
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES
    capabilities: int = ALL_CAPABILITIES
    custom_capabilities: tuple[str, ...] = (CUSTOM_CAPABILITY,)
    control: bool = False
    delays: Delays = Delays()
    limits: Limits = Limits()
    tls: Tls | None = None
    instances: int = 1


def parts(settings: Settings) -> tuple[type[Any], ...]:
    """Choose the parts of a server, with whatever is to deviate; raises CannotDeviate."""
    core = FleetCore if settings.contract is Contract.FLEET else Core
    documents = () if settings.store is None else (Documents,)
    return assemble(
        (core, HttpEndpoint, WebSocketEndpoint, Downloads, WebSocketProtocol, Instances, *documents),
        settings.deviations,
    )


def application(settings: Settings, urls: Sequence[str], metrics: Metrics) -> tuple[ByPort, type[WebSocketProtocol]]:
    """Put the parts together, one application for each URL; the protocol is for uvicorn to make, one a connection.

    Raises CannotStore or CannotReadKeys.
    """
    limits = settings.limits
    core, http, websocket, downloads, websocket_protocol, instances_part, *documents = parts(settings)
    instances, connections, admission = instances_part(), Connections(), _admission(settings)
    gate, rates = Gate(limits, metrics.shed), RateLimits(limits, admission, metrics.shed)
    metrics.watch(lambda: _gauges_of(gate))

    def make_backend() -> Backend:
        backend = _elasticsearch(settings, documents[0]) if documents else MemoryBackend(limits.agents)
        metrics.watch(backend.gauges)
        return backend

    def make(core: type[Core], backend: Backend, url: str) -> Application:
        service = Service(
            core(settings.capabilities, settings.custom_capabilities, url),
            backend,
            connections,
            settings.delays,
            gate,
            metrics,
        )

        @contextlib.asynccontextmanager
        async def lifespan() -> AsyncIterator[None]:
            await backend.open(service.tell, connections.are_any)
            try:
                yield
            finally:
                await backend.close()

        return Application(
            http(service, admission, settings.max_body_bytes, rates),
            websocket(service, admission, rates),
            downloads(backend.plans),
            Control(service) if settings.control else None,
            admission,
            metrics,
            lifespan,
        )

    backend = make_backend()
    first = make(core, backend, urls[0])
    others = [make(instances.core(core), instances.backend(backend, make_backend), url) for url in urls[1:]]
    ports = [urlsplit(url).port or 0 for url in urls]
    return ByPort(dict(zip(ports, [first, *others], strict=True))), websocket_protocol


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


# uvicorn takes a WebSocket opening that is refused by an HTTP status for one that was forgotten, and says so.
logging.getLogger("uvicorn.error").addFilter(lambda record: "without completing handshake" not in record.getMessage())


class MockServer:
    """A mock server on a port of its own. Listens once made; serves while run, or in a ``with`` block."""

    def __init__(self, settings: Settings = Settings()) -> None:
        """Start to listen; raises CannotListen, CannotDeviate, CannotStore or CannotReadKeys."""
        parts(settings)
        self._sockets = [_listen(settings.host, settings.port)]
        self._sockets += [_listen(settings.host, 0) for _ in range(settings.instances - 1)]
        origins = [_origin(settings, listener) for listener in self._sockets]
        self.url, *self.other_urls = (f"{origin}{PATH}" for origin in origins)
        self.control_url = f"{origins[0]}{PREFIX}" if settings.control else None
        metrics = Metrics()
        try:
            served, websocket_protocol = application(settings, [self.url, *self.other_urls], metrics)
        except (CannotStore, CannotReadKeys):
            self._close()
            raise
        turn = Turn()

        def http_protocol(**uvicorn: Any) -> HttpProtocol:
            limits, is_at_once = settings.limits, settings.store is None
            return HttpProtocol(served.at, limits, settings.max_body_bytes, metrics, turn, is_at_once, **uvicorn)

        config = uvicorn.Config(
            served,
            http=http_protocol,  # type: ignore[arg-type] # uvicorn only calls it
            ws=websocket_protocol,
            ws_max_size=settings.max_body_bytes,
            ws_per_message_deflate=False,
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=settings.limits.drain_seconds,  # type: ignore[arg-type] # a fraction will do
            **_tls_options(settings.tls),
        )
        try:
            config.load()
        except (OSError, ssl.SSLError) as error:
            self._close()
            raise CannotListen(f"cannot use the certificate, its key or the clients' authority: {error}") from error
        if config.ssl is not None and settings.tls is not None:
            config.ssl.minimum_version = settings.tls.lowest
        self._server = uvicorn.Server(config)
        metrics.watch(lambda: {"connections": len(self._server.server_state.connections)})
        self._thread: threading.Thread | None = None
        self._not_reported: Exception | None = None

    def run(self, when_ready: Callable[[], None] = lambda: None) -> None:
        """Serve until SIGINT or SIGTERM, or until stopped; finish what is under way.

        ``when_ready`` is called once it serves; what it raises ends the server, and is raised here.
        """
        threading.Thread(target=self._report, args=(when_ready,), daemon=True).start()
        with _signals_end_quietly():
            self._server.run(sockets=self._sockets)
        if self._not_reported is not None:
            raise self._not_reported

    def stop(self) -> None:
        """Let run() return; wait for it if it runs in a ``with`` block. The port is free then."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        self._close()

    def _close(self) -> None:
        for listener in self._sockets:
            listener.close()

    def __enter__(self) -> "MockServer":
        self._thread = threading.Thread(target=self.run, name="opamp-mock-server", daemon=True)
        self._thread.start()
        self._wait_until_started()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _report(self, when_ready: Callable[[], None]) -> None:
        self._wait_until_started()
        try:
            when_ready()
        except Exception as error:
            self._not_reported = error
            self._server.should_exit = True

    def _wait_until_started(self) -> None:
        while not self._server.started:
            time.sleep(0.002)


@contextlib.contextmanager
def _signals_end_quietly() -> Iterator[None]:
    """Keep uvicorn from ending the process by the signal that it has drained for already."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tls_options(tls: Tls | None) -> dict[str, Any]:
    if tls is None:
        return {}
    options: dict[str, Any] = {"ssl_certfile": tls.cert, "ssl_keyfile": tls.key}
    if tls.client_ca is not None:
        options |= {"ssl_ca_certs": str(tls.client_ca), "ssl_cert_reqs": ssl.CERT_REQUIRED}
    return options


def _origin(settings: Settings, listener: socket.socket) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'https' if settings.tls else 'http'}://{host}:{listener.getsockname()[1]}"


def _listen(host: str, port: int) -> socket.socket:
    try:
        address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(address[0], socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address[4])
            listener.listen(2048)
        except OSError:
            listener.close()
            raise
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CannotListen(f"cannot listen on {host} port {port}: {reason}") from error
    return listener
