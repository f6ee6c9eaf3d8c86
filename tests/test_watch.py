"""``watch``: it passes everything on, and judges both sides of a conversation."""

import json
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import trustme
from websockets.sync.client import connect

from opamp_conformance.client.agent import Agent
from opamp_conformance.client.client import Client
from opamp_conformance.client.timing import Timing
from opamp_conformance.targets import Endpoint, Tls
from opamp_conformance.wire.http import HttpRequest
from opamp_conformance.wire.transport import Transport
from opamp_mock_server import DEVIATIONS, Contract, MockServer, Settings
from opamp_mock_server import Tls as ServerTls
from opamp_proto import CONTENT_TYPE, uuid_text
from support.command_line import Cli, one_line, wait_until
from support.fault_injection import free_port


class Watching:
    """A running ``watch``: its URL, and its output and exit code after it has ended."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self._process = process
        self.url = url
        self.output = ""
        self.returncode: int | None = None

    @property
    def process_id(self) -> int:
        return self._process.pid

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.url.removeprefix("http://").removesuffix("/v1/opamp").split(":")
        return host, int(port)

    def end(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self.output, _ = self._process.communicate(timeout=20)
        self.returncode = self._process.returncode


@contextmanager
def watching(upstream: str, *options: str, **others: Any) -> Iterator[Watching]:
    command = [sys.executable, "-m", "opamp_conformance", "watch", "--upstream", upstream, "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **others) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("watching at "), line
        try:
            yield Watching(process, line.split()[-1] + "/v1/opamp")
        finally:
            process.kill()


@pytest.mark.parametrize("transport", Transport)
def test_a_right_server_and_a_right_agent_have_no_findings(transport: Transport) -> None:
    with MockServer(Settings(contract=Contract.OPAMP)) as server, watching(server.url, "--fail-on", "SHOULD") as watch:
        with Client(Endpoint(watch.url), Timing(5), transport) as client:
            agent = Agent("watched")
            for message in (agent.full_status(), agent.check_in(), agent.check_in(), agent.disconnect()):
                request = client.request(message)
                if isinstance(request, HttpRequest):
                    headers = {"OpAMP-Instance-UID": uuid_text(agent.instance_uid), "Accept-Encoding": "gzip"}
                    request = request.compressed().with_headers(headers)
                assert client.deliver(request).message is not None
        watch.end()
    assert "broken: 0 requirements" in watch.output
    assert "the server sent 4 messages; it broke 0 requirements" in watch.output
    assert watch.returncode == 0


def test_each_side_is_blamed_for_what_it_breaks() -> None:
    settings = Settings(contract=Contract.OPAMP, deviations=(DEVIATIONS["capabilities.server.undefined-bits-zero"],))
    with MockServer(settings) as server, watching(server.url, "--fail-on", "MUST") as watch:
        agent = Agent("watched")
        with connect("ws" + watch.url.removeprefix("http")) as websocket:
            for message in (agent.full_status(), agent.check_in()):
                message.capabilities |= 1 << 40
                websocket.send(b"\0" + message.SerializeToString())
                websocket.recv()
        watch.end()
    agents, _, server_part = watch.output.partition("the server sent")
    assert "capabilities.agent.undefined-bits-zero" in agents
    assert "disconnect.ws-client-message-first" in agents
    assert "capabilities.server.undefined-bits-zero" in server_part
    assert watch.returncode == 1


def test_reports_have_the_findings_of_both_sides_without_secrets(cli: Cli, tmp_path: Path) -> None:
    secret, password = "c2VjcmV0LWtleQ", "hunter2-in-a-file"
    files = {name: tmp_path / name for name in ("html", "junit", "jsonl")}
    options = [text for name, file in files.items() for text in (f"--{name}", str(file))]
    deviation = DEVIATIONS["capabilities.server.undefined-bits-zero"]
    settings = Settings(contract=Contract.OPAMP, deviations=(deviation,), enrollment_keys=(secret,))
    with MockServer(settings) as server, watching(server.url, *options) as watch:
        agent = Agent("watched")
        with Client(Endpoint(watch.url, {"Authorization": f"ApiKey {secret}"}), Timing(5), Transport.HTTP) as client:
            message = agent.full_status()
            message.capabilities |= 1 << 40
            message.effective_config.config_map.config_map["a.yaml"].body = password.encode()
            assert client.deliver(client.request(message)).message is not None
        watch.end()
    events = [json.loads(line) for line in files["jsonl"].read_text().splitlines()]
    found = {(one["requirement"], one["side"]): one for one in events if one["event"] == "FindingBooked"}
    of_agent = found["capabilities.agent.undefined-bits-zero", "agents"]
    of_server = found["capabilities.server.undefined-bits-zero", "server"]
    for one in (of_agent, of_server):
        assert one["agents"] == [agent.instance_uid.hex()]
        assert one["verdict"] == "failed"
        assert "a.yaml" in one["transcript"][0]["request_message"]
    cases = {case.get("name"): case for case in ElementTree.parse(files["junit"]).iter("testcase")}
    assert cases["capabilities.agent.undefined-bits-zero"].get("classname") == "opamp.every message of the agents"
    assert cases["capabilities.server.undefined-bits-zero"].get("classname") == "opamp.every message of the server"
    assert "a.yaml" in cases["capabilities.agent.undefined-bits-zero"].findtext("failure", "")
    assert agent.instance_uid.hex() in files["html"].read_text()
    for text in [file.read_text() for file in files.values()]:
        for hidden in (secret, password):
            assert hidden not in text
            assert hidden.encode().hex() not in text
    again = cli("report", files["jsonl"])
    assert f"broken by the agents; agents: {agent.instance_uid.hex()}" in again.stdout


def test_tls_on_both_sides(tmp_path: Path) -> None:
    authority = trustme.CA()
    files = {name: tmp_path / f"{name}.pem" for name in ("ca", "cert", "key")}
    authority.cert_pem.write_to_path(str(files["ca"]))
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(str(files["cert"]))
    issued.private_key_pem.write_to_path(str(files["key"]))
    settings = Settings(tls=ServerTls(files["cert"], files["key"]))
    options = ("--ca", str(files["ca"]), "--cert", str(files["cert"]), "--key", str(files["key"]))
    with MockServer(settings) as server, watching(server.url, *options) as watch:
        assert watch.url.startswith("https://")
        with Client(Endpoint(watch.url, tls=Tls(ca=files["ca"])), Timing(5), Transport.WEBSOCKET) as client:
            assert client.send(Agent("watched").full_status()).message is not None
        watch.end()
    assert "the server sent 1 message;" in watch.output


def test_bytes_that_are_not_http_are_passed_on_unchanged() -> None:
    def echo(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            while data := connection.recv(1000):
                connection.sendall(data[::-1])

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=echo, args=(listener,), daemon=True).start()
        with watching(f"http://127.0.0.1:{listener.getsockname()[1]}") as watch:
            with socket.create_connection(watch.address, timeout=5) as client:
                client.sendall(b"\x00\x01 no HTTP")
                assert client.recv(100) == b"PTTH on \x01\x00"
                client.shutdown(socket.SHUT_WR)
                assert client.recv(100) == b""
            watch.end()
    assert "not judged any more" in watch.output
    assert watch.returncode == 2


def test_a_server_that_is_not_there_is_told() -> None:
    with watching(f"http://127.0.0.1:{free_port()}") as watch:
        with socket.create_connection(watch.address, timeout=5) as client:
            assert client.recv(100) == b""
        watch.end()
    assert "cannot connect" in watch.output
    assert watch.returncode == 2


def test_bad_options(cli: Cli) -> None:
    assert "--upstream" in one_line(cli("watch", "--upstream", "nowhere"))
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = str(listener.getsockname()[1])
        assert "cannot listen" in one_line(cli("watch", "--upstream", "http://127.0.0.1:1", "--port", port))


def test_the_end_of_the_watch_ends_open_connections_without_a_traceback() -> None:
    with (
        MockServer(Settings(contract=Contract.OPAMP)) as server,
        watching(server.url) as watch,
        Client(Endpoint(watch.url), Timing(5), Transport.HTTP) as client,
    ):
        assert client.deliver(client.request(Agent("watched").full_status())).reply is not None
        watch.end()
    assert watch.output.startswith("1 agent came")
    assert watch.returncode == 0


def answered_at_once(watch: Watching, many: int) -> int:
    """Open many connections, send a report on each, and return how many are answered."""
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(watch.address, timeout=5)) for _ in range(many)]
        head = f"POST /v1/opamp HTTP/1.1\r\nHost: x\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: "
        answered = 0
        for client in clients:
            data = Agent("watched").full_status().SerializeToString()
            with suppress(OSError):  # A refused connection may be reset.
                client.sendall(f"{head}{len(data)}\r\n\r\n".encode() + data)
                answered += client.recv(100).startswith(b"HTTP/1.1 200")
        return answered


def test_the_limit_of_open_files_is_raised() -> None:
    def few_at_first() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 1000))

    contract = Settings(contract=Contract.OPAMP)
    with MockServer(contract) as server, watching(server.url, preexec_fn=few_at_first) as watch:
        assert answered_at_once(watch, 60) == 60
        watch.end()
    assert "the server sent 60 messages;" in watch.output


def test_connections_above_the_limit_of_open_files_are_refused_with_one_message() -> None:
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    with MockServer(Settings(contract=Contract.OPAMP)) as server, watching(server.url, preexec_fn=few) as watch:
        answered = answered_at_once(watch, 60)
        wait_until(lambda: answered_at_once(watch, 5) == 5)  # The first clients have to be gone.
        watch.end()
    assert 10 <= answered < 30
    assert "Traceback" not in watch.output
    [refused] = [line for line in watch.output.splitlines() if "refused" in line]
    assert f"no more than {answered} connections" in refused
