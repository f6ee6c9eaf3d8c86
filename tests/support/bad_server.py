"""A server that does to each connection what a test wants."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from websockets.sync.server import ServerConnection, serve

from opamp_proto import opamp_pb2 as pb

Behaviour = Callable[[socket.socket], None]


@dataclass
class BadServer:
    """Does the same to each connection."""

    behaviour: Behaviour
    tls: ssl.SSLContext | None = None
    port: int = 0

    def __enter__(self) -> "BadServer":
        self._listener = socket.create_server(("127.0.0.1", self.port))
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
    """Read one request, headers and body; return nothing if the client has gone."""
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


@contextmanager
def websocket_server(behaviour: Callable[[ServerConnection], None]) -> Iterator[str]:
    """Run a WebSocket server that does the same to each connection; yield its URL."""
    with serve(behaviour, "127.0.0.1", 0, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}/v1/opamp"
        server.shutdown()
        thread.join()
