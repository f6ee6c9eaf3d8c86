"""What several tests use: the command line as a user runs it, and servers that misbehave."""

import contextlib
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from google.protobuf.message import DecodeError

from opamp_mock_server import MockServer
from opamp_proto import opamp_pb2 as pb

pytest_plugins = ["pytester"]


def interruptible() -> None:
    """Let a child be interrupted, also where this process is started with SIGINT ignored, as CI may do."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


Behaviour = Callable[[socket.socket], None]


@dataclass
class Cli:
    """``opamp-conformance`` as a process of its own."""

    env: dict[str, str] = field(default_factory=lambda: {**os.environ})

    def __call__(
        self, *arguments: object, env: Mapping[str, str] | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [sys.executable, "-m", "opamp_conformance", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**self.env, **(env or {})},
        )
        assert "Traceback" not in result.stdout + result.stderr
        return result

    def start(self, *arguments: str, **options: Any) -> tuple[subprocess.Popen[str], str]:
        """Start ``serve`` on a free port; gives the process, which is yours to end, and its URL."""
        command = [sys.executable, "-m", "opamp_conformance", "serve", "--port", "0", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
        assert process.stdout is not None
        return process, process.stdout.readline().strip().rpartition(" ")[2]

    @contextlib.contextmanager
    def serve(self, *arguments: str) -> Iterator[str]:
        """Run ``serve`` on a free port; gives its URL."""
        process, url = self.start(*arguments)
        with process:
            try:
                yield url
            finally:
                process.terminate()
                process.wait(10)


@pytest.fixture
def cli() -> Cli:
    return Cli()


@dataclass
class RudeServer:
    """Does the same to each connection: whatever the test wants a peer to suffer."""

    behaviour: Behaviour
    tls: ssl.SSLContext | None = None

    def __enter__(self) -> "RudeServer":
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self._ended = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1/opamp"
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._listener.close()

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            threading.Thread(target=self._attend, args=(connection,), daemon=True).start()

    def _attend(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        with connection, contextlib.suppress(OSError):
            stream = self.tls.wrap_socket(connection, server_side=True) if self.tls else connection
            with stream:
                self.behaviour(stream)


def read_request(connection: socket.socket) -> bytes:
    """Read one request, headers and body; empty if the peer has gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def respond(
    connection: socket.socket, body: bytes, status: str = "200 OK", content_type: str = "application/x-protobuf"
) -> None:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)


def acknowledgement(request: bytes) -> bytes:
    try:
        message = pb.AgentToServer.FromString(request.partition(b"\r\n\r\n")[2])
    except DecodeError:
        message = pb.AgentToServer()
    return pb.ServerToAgent(instance_uid=message.instance_uid, capabilities=1).SerializeToString()


def metric(server: MockServer, name: str) -> float:
    """Return what Prometheus would read of a mock server, under a name with its labels."""
    parts = urlsplit(server.url)
    with contextlib.closing(HTTPConnection(parts.hostname or "", parts.port, timeout=5)) as connection:
        connection.request("GET", "/metrics")
        line = re.search(rf"^{re.escape(name)} (\S+)$", connection.getresponse().read().decode(), re.MULTILINE)
    assert line is not None, name
    return float(line[1])


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]
