"""A container engine without containers, and an Elasticsearch that accepts everything, on ports of this machine.

The engine answers what docker and testcontainers ask for the target fleet-server. A *stage* is a request to one of
them, by a part of its line. A test chooses the stage at which the request is not answered, or is answered with an error.
"""

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Answer = tuple[int, Any]

PORT_TAKEN = "Bind for 0.0.0.0:49200 failed: port is already allocated"
"""What an engine says of a port that another program has."""


@dataclass
class Stage:
    """Where a start does not go on. ``error`` is the answer; without one, there is no answer at all."""

    request: str = ""
    error: Answer | None = None
    reached: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def meets(self, request: str) -> bool:
        """Tell whether a request is at this stage; note it."""
        if not self.request or self.request not in request:
            return False
        self.reached.set()
        return True


@dataclass
class FakeEngine:
    """The engine. ``ports`` are those of the services, by the port in a container; all images but ``missing`` exist.

    A stage takes effect after the request has done its work, because an engine goes on when its client has gone.
    """

    ports: dict[str, int]
    stage: Stage = field(default_factory=Stage)
    missing: frozenset[str] = frozenset()
    containers: dict[str, dict[str, Any]] = field(default_factory=dict)
    networks: dict[str, dict[str, Any]] = field(default_factory=dict)
    is_running: bool = True
    """Whether a container that was started goes on."""

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
        match [unquote(word) for word in path.split("/")[1:] if not re.fullmatch(r"v\d\.\d+", word)]:
            case ["version"]:
                return 200, {"ApiVersion": "1.44", "MinAPIVersion": "1.24", "Version": "1.0"}
            case ["_ping"]:
                return 200, "OK"
            case ["images", "create"]:
                return 404, {"message": f"manifest for {query['fromImage'][0]} not found: manifest unknown"}
            case ["images", *name, "json"]:
                image = "/".join(name)
                return (404, {"message": "no such image"}) if image in self.missing else (200, {"Id": "sha256:1"})
            case ["containers", "json"]:
                return 200, [{"Id": one} for one, seen in self.containers.items() if self._is_asked_for(seen, query)]
            case ["containers", "create"]:
                return 201, {
                    "Id": self._add(self.containers, {**body, "Name": "/service", "State": {"Status": "created"}})
                }
            case ["containers", one, *rest] if one in self.containers:
                return self._of_container(method, one, rest)
            case ["networks"]:
                return 200, [seen for seen in self.networks.values() if self._is_asked_for({"Config": seen}, query)]
            case ["networks", "create"]:
                return 201, {"Id": self._add(self.networks, body)}
            case ["networks", one] if one in self.networks:
                return (204, self.networks.pop(one)) if method == "DELETE" else (200, self.networks[one])
        return 404, {"message": f"no such thing: {path}"}

    def _of_container(self, method: str, one: str, rest: list[str]) -> Answer:
        match method, rest:
            case "DELETE", []:
                return 204, self.containers.pop(one)
            case _, ["json"]:
                return 200, self.containers[one]
            case _, ["logs"]:
                return 200, "a line of the log\n"
            case _, ["archive"]:
                return 200, None
            case _, ["start"]:
                self.containers[one]["State"]["Status"] = "running" if self.is_running else "exited"
        return 204, None

    def _add(self, things: dict[str, dict[str, Any]], thing: dict[str, Any]) -> str:
        one = f"{len(things) + 1:064x}"
        ports = {name: [{"HostIp": "127.0.0.1", "HostPort": str(port)}] for name, port in self.ports.items()}
        config = {"Labels": thing.get("Labels", {}), "Tty": True, "Image": thing.get("Image", "")}
        things[one] = {"HostConfig": {}, **thing, "Id": one, "Config": config, "NetworkSettings": {"Ports": ports}}
        return one

    def _is_asked_for(self, thing: dict[str, Any], query: dict[str, list[str]]) -> bool:
        labels = json.loads(query.get("filters", ["{}"])[0]).get("label", [])
        own = thing["Config"]["Labels"]
        return all(label in own or label in [f"{name}={value}" for name, value in own.items()] for label in labels)


def accepted(method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
    """Answer as an Elasticsearch that accepts everything, and has no documents."""
    if path.endswith("/token/" + path.rpartition("/")[2]) and method in ("POST", "PUT"):
        return 200, {"created": True, "token": {"name": "own", "value": "a-service-token"}}
    if path == "/_security/api_key" and method in ("POST", "PUT"):
        return 200, {"id": f"key-{body['name'][-8:]}", "name": body["name"], "api_key": "a-secret"}
    return (404, {"found": False}) if method == "GET" and "/_doc/" in path else (200, {"acknowledged": True})


@contextmanager
def listening(answer: Callable[..., Answer], stage: Stage) -> Iterator[int]:
    """Serve answers in JSON on a port of this machine; yield the port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            parts = urlsplit(self.path)
            data = self._body()
            with contextlib.suppress(ValueError):
                data = json.loads(data)
            status, told = answer(self.command, parts.path, parse_qs(parts.query), data)
            if stage.meets(f"{self.command} {self.path} {json.dumps(data) if isinstance(data, dict) else ''}"):
                if stage.error is None:
                    stage.over.wait()
                    self.close_connection = True
                    return
                status, told = stage.error
            self._send(status, told)

        def _body(self) -> Any:
            if self.headers.get("Transfer-Encoding") == "chunked":
                data = b""
                while size := int(self.rfile.readline(), 16):
                    data += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return data
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _send(self, status: int, told: Any) -> None:
            data = b"" if status == 204 else told.encode() if isinstance(told, str) else json.dumps(told).encode()
            self.send_response(status)
            self.send_header("X-Elastic-Product", "Elasticsearch")
            self.send_header("Content-Type", "application/json")
            if status != 204:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(b"" if self.command == "HEAD" else data)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _handle  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_port
        finally:
            stage.over.set()
            server.shutdown()
            thread.join()
