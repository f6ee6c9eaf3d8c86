"""The mock server as it runs: its sockets, its thread, and changes of its deviations."""

import asyncio
import contextlib
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from types import TracebackType
from typing import Any, Final, TypeVar

import uvicorn

from opamp_agent_checks import AgentJudge
from opamp_mock_server.assembly import ServerParts, connect_parts, part_classes, switchable_classes
from opamp_mock_server.deviations import Deviation, DeviationError
from opamp_mock_server.errors import MockServerError
from opamp_mock_server.limits.authentication import KeyFileError
from opamp_mock_server.metrics import Metrics
from opamp_mock_server.service.service import Observer, Service
from opamp_mock_server.service.transport_log import TransportEvent
from opamp_mock_server.settings import Endpoint, Settings, Tls
from opamp_mock_server.stores.store import StoreSetupError
from opamp_mock_server.transports.http_connection import HttpProtocol
from opamp_mock_server.transports.http_messages import CONTROL_PATH, ENDPOINT_PATH
from opamp_mock_server.transports.response_batch import ResponseBatch
from opamp_mock_server.transports.tls_opening import TlsOpening
from opamp_mock_server.transports.transport_settings import TransportSettings

T = TypeVar("T")

_CALL_SECONDS: Final = 10.0


class ListenError(MockServerError):
    """The server cannot listen on the address: it is in use, not allowed, or belongs to another machine."""


class MockServer:
    """A mock server. It listens as soon as it is made, and serves while it runs or in a ``with`` block."""

    def __init__(self, settings: Settings = Settings()) -> None:
        """Start to listen. Raises ListenError, DeviationError, StoreSetupError or KeyFileError."""
        part_classes(settings)
        self._settings = settings
        self._fixed = [deviation for deviation in settings.deviations if not _is_switchable(settings, deviation)]
        self._deviations = settings.deviations
        self._sockets = [_listen(settings.host, settings.port)]
        self._sockets += [_listen(settings.host, 0) for _ in range(settings.instances - 1)]
        origins = [_origin(settings, listener) for listener in self._sockets]
        self.url, *self.other_urls = (f"{origin}{ENDPOINT_PATH}" for origin in origins)
        self.control_url = f"{origins[0]}{CONTROL_PATH}" if settings.control else None
        metrics = Metrics()
        try:
            self._assembled = connect_parts(settings, [self.url, *self.other_urls], metrics, self, self._note_loop)
        except (StoreSetupError, KeyFileError):
            self._close()
            raise
        try:
            self._server = uvicorn.Server(_config(settings, self._assembled, metrics))
        except ListenError:
            self._close()
            raise
        self._tell_judge()
        metrics.watch(lambda: {"connections": len(self._server.server_state.connections)})
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._not_reported: Exception | None = None

    def run(self, when_ready: Callable[[], None] = lambda: None) -> None:
        """Serve until SIGINT, SIGTERM or stop(), then finish the work in progress.

        ``when_ready`` is called when the server serves. If it raises an error, the server ends, and run() raises it.
        """
        threading.Thread(target=self._report, args=(when_ready,), daemon=True).start()
        with _signals_end_quietly():
            self._server.run(sockets=self._sockets)
        if self._not_reported is not None:
            raise self._not_reported

    def stop(self) -> None:
        """Let run() return, and wait for it in a ``with`` block. The port is free afterwards."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        self._close()

    # ---- while it runs, from any thread

    def observe(self, observer: Observer) -> None:
        """Call an observer for each message from now on, in the loop that serves."""
        self._assembled.service.observers.append(observer)

    @property
    def judge(self) -> AgentJudge | None:
        """What agents broke; None if the settings do not ask for that."""
        return self._assembled.traffic.judge

    @property
    def transport(self) -> Sequence[TransportEvent]:
        """The last events of the transport; empty if the settings ask neither for that nor for a judge of agents."""

        async def listed() -> Sequence[TransportEvent]:
            log = self._assembled.traffic.log
            return () if log is None else log.after(0)

        return self.call(listed())

    def forget_traffic(self) -> None:
        """Delete what agents broke, and the events of the transport."""

        async def forget() -> None:
            self._assembled.traffic.forget()

        self.call(forget())

    def end_after(self, seconds: float) -> None:
        """Let run() end by itself after some seconds."""

        def end() -> None:
            self._server.should_exit = True

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()

    @property
    def deviations(self) -> Sequence[Deviation]:
        """The deviations that are active."""
        return self._deviations

    def deviate(self, deviations: Sequence[Deviation]) -> None:
        """Activate these deviations, and no others, from now on. Raises DeviationError.

        They also apply to open connections, except deviations of the WebSocket protocol below its messages. Deviations
        of Fleet documents and of what instances share cannot be changed: they are chosen when the server is made.
        """
        now = tuple(dict.fromkeys((*self._fixed, *deviations)))
        *chosen, websocket_protocol = switchable_classes(self._settings, [one for one in now if one not in self._fixed])
        self._assembled.switch(*chosen)
        self._server.config.ws_protocol_class = websocket_protocol
        self._deviations = now
        self._tell_judge()

    def _tell_judge(self) -> None:
        """Let findings say what the server does wrong on purpose."""
        if self.judge is not None:
            self.judge.provoked_by = ", ".join(deviation.id for deviation in self._deviations)

    def restore_deviations(self) -> None:
        """Activate the deviations that the server was made with, and no others."""
        self.deviate(self._settings.deviations)

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        """The endpoints that agents can be moved to: that of the second instance, and those of the settings."""
        own = [Endpoint("second", url, "works, for the same agents") for url in self.other_urls[:1]]
        return (*own, *self._settings.endpoints)

    def drop_connections(self) -> None:
        """Abort the connections of all agents, without a Close frame."""

        async def drop() -> None:
            self.abort_connections()

        self.call(drop())

    def abort_connections(self) -> None:
        """Do what drop_connections() does. Call this in the loop that serves."""
        for connection in list(self._server.server_state.connections):
            if not (isinstance(connection, HttpProtocol) and connection.is_control_plane):
                connection.transport.abort()

    @property
    def lost_agents(self) -> int:
        """How many agents had their last report acknowledged, but not stored, when the server ended."""
        return sum(backend.lost for backend in self._assembled.backends)

    @property
    def is_ending(self) -> bool:
        """Whether the server stops now."""
        return self._server.should_exit

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop that serves, and return its result."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_CALL_SECONDS)

    @property
    def service(self) -> Service:
        """The service of the first instance. Run its coroutines by call()."""
        return self._assembled.service

    def _note_loop(self) -> None:
        self._loop = asyncio.get_running_loop()

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


def _config(settings: Settings, connect_parts: ServerParts, metrics: Metrics) -> uvicorn.Config:
    """Return the configuration of uvicorn. Raises ListenError for certificates that cannot be used."""
    shared = TransportSettings(
        settings.limits,
        settings.max_body_bytes,
        connect_parts.pending,
        metrics,
        ResponseBatch(),
        answers_from_memory=settings.store is None,
    )

    def protocol(**uvicorn: Any) -> asyncio.Protocol:
        http = HttpProtocol(connect_parts.router.at, shared, **uvicorn)
        return (
            http
            if context is None
            else TlsOpening(http, context, shared, uvicorn["server_state"], connect_parts.traffic.handshake_failed)
        )

    config = uvicorn.Config(
        connect_parts.router,
        http=protocol,  # type: ignore[arg-type] # uvicorn only calls it
        ws=connect_parts.websocket_protocol,
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=settings.limits.drain_seconds,  # type: ignore[arg-type] # a fraction is possible
        **_tls_options(settings.tls),
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise ListenError(f"cannot use the certificate, its key or the clients' authority: {error}") from error
    context, config.ssl = config.ssl, None  # Each connection makes its own handshake.
    if context is not None and settings.tls is not None:
        context.minimum_version = settings.tls.lowest
    return config


@contextlib.contextmanager
def _signals_end_quietly() -> Iterator[None]:
    """Keep uvicorn from ending the process by a signal after it has finished because of that signal."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_switchable(settings: Settings, deviation: Deviation) -> bool:
    try:
        switchable_classes(settings, [deviation])
    except DeviationError:
        return False
    return True


def _tls_options(tls: Tls | None) -> dict[str, Any]:
    if tls is None:
        return {}
    options: dict[str, Any] = {"ssl_certfile": tls.cert, "ssl_keyfile": tls.key}
    if tls.client_ca is not None:
        options |= {"ssl_ca_certs": str(tls.client_ca), "ssl_cert_reqs": ssl.CERT_REQUIRED}
    return options


def _origin(settings: Settings, listener: socket.socket) -> str:
    return f"{'https' if settings.tls else 'http'}://{netloc(settings.host, listener.getsockname()[1])}"


def netloc(host: str, port: int) -> str:
    """Return a host and a port as in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


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
        raise ListenError(f"cannot listen on {host} port {port}: {reason}") from error
    return listener
