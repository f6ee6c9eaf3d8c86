"""The mock server as a whole: settings, and the running thing."""

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from types import TracebackType

import uvicorn

from opamp_mock_server.admission import Admission
from opamp_mock_server.bounds import BoundedHttpProtocol
from opamp_mock_server.core import Core, FleetCore
from opamp_mock_server.deviations import Deviation, assemble
from opamp_mock_server.http import PATH, HttpEndpoint
from opamp_mock_server.service import Service
from opamp_mock_server.store import MemoryStore

DEFAULT_PORT = 4320
"""The port of OpAMP endpoints (Communication Model)."""


DEFAULT_MAX_BODY_BYTES = 4 * 1024 * 1024
"""A longer body is answered with 413."""


class Contract(Enum):
    """What the server promises: the specification alone, or Fleet Server's enrollment contract on top."""

    OPAMP = "opamp"
    FLEET = "fleet"


class CannotListen(Exception):
    """The address cannot be listened on: it is taken, not this machine's, or not allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a mock server behaves. Port 0 takes a free one; without enrollment keys everyone is admitted."""

    host: str = "127.0.0.1"
    port: int = 0
    contract: Contract = Contract.FLEET
    deviations: tuple[Deviation, ...] = ()
    enrollment_keys: tuple[str, ...] = ()
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES


def endpoint(settings: Settings) -> HttpEndpoint:
    """Put core, store, admission and transport together, with whatever is to deviate."""
    base = FleetCore if settings.contract is Contract.FLEET else Core
    core, transport = assemble(base, HttpEndpoint, settings.deviations)
    service = Service(core(), MemoryStore())
    return transport(service, Admission(settings.enrollment_keys), settings.max_body_bytes)


class MockServer:
    """A mock server on a port of its own. Listens once made; serves while run, or in a ``with`` block."""

    def __init__(self, settings: Settings = Settings()) -> None:
        """Start to listen; raises CannotListen or CannotDeviate."""
        application = endpoint(settings)
        self._socket = _listen(settings.host, settings.port)
        config = uvicorn.Config(
            application,
            http=BoundedHttpProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None
        self._not_reported: Exception | None = None
        port = self._socket.getsockname()[1]
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self.url = f"http://{host}:{port}{PATH}"

    def run(self, when_ready: Callable[[], None] = lambda: None) -> None:
        """Serve until SIGINT or SIGTERM, or until stopped; finish what is under way.

        ``when_ready`` is called once it serves; what it raises ends the server, and is raised here.
        """
        threading.Thread(target=self._report, args=(when_ready,), daemon=True).start()
        with _signals_end_quietly():
            self._server.run(sockets=[self._socket])
        if self._not_reported is not None:
            raise self._not_reported

    def stop(self) -> None:
        """Let run() return; wait for it if it runs in a ``with`` block. The port is free then."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        self._socket.close()

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
