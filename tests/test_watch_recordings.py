"""``watch --record`` and ``watch --replay``: a recording is judged as the traffic was."""

import base64
import json
import resource
from pathlib import Path

import pytest
from websockets.sync.client import connect

from opamp_conformance.client.agent import Agent
from opamp_conformance.client.client import Client
from opamp_conformance.client.timing import Timing
from opamp_conformance.targets import Endpoint
from opamp_conformance.watch.recording import Recorder
from opamp_conformance.wire.transport import Transport
from opamp_mock_server import DEVIATIONS, Contract, MockServer, Settings
from support.command_line import Cli, one_line
from test_watch import watching

SECRET = "c2VjcmV0"
ANSWERED = "capabilities.server.undefined-bits-zero"


class Seen:
    """A tap that keeps what it sees."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def from_client(self, data: bytes) -> None:
        self.parts.append(data)

    def from_server(self, data: bytes) -> None:
        self.parts.append(data)

    def closed(self) -> None:
        self.parts.append(b"closed")


def entries(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def streams(path: Path, source: str) -> bytes:
    return b"".join(base64.b64decode(one["data"]) for one in entries(path)[1:] if one["from"] == source)


@pytest.mark.parametrize("transport", Transport)
def test_a_recording_is_judged_as_the_traffic_was(cli: Cli, tmp_path: Path, transport: Transport) -> None:
    file = tmp_path / "traffic.jsonl"
    settings = Settings(contract=Contract.OPAMP, deviations=(DEVIATIONS[ANSWERED],), enrollment_keys=(SECRET,))
    options = ("--record", str(file), "--fail-on", "MUST")
    with MockServer(settings) as server, watching(server.url, *options) as watch:
        endpoint = Endpoint(watch.url, {"Authorization": f"ApiKey {SECRET}"})
        with Client(endpoint, Timing(5), transport) as client:
            agent = Agent("watched")
            for message in (agent.full_status(), agent.check_in()):
                message.capabilities |= 1 << 40
                assert client.deliver(client.request(message)).reply is not None
        watch.end()
    assert ANSWERED in watch.output
    assert "capabilities.agent.undefined-bits-zero" in watch.output
    again = cli("watch", "--replay", str(file), "--fail-on", "MUST")
    assert again.stdout == watch.output
    assert again.returncode == watch.returncode == 1
    assert file.stat().st_mode & 0o777 == 0o600
    assert SECRET not in streams(file, "client").decode("latin-1")
    assert b"Authorization: *******" in streams(file, "client")


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_credentials_are_masked_wherever_the_stream_is_cut(tmp_path: Path, size: int) -> None:
    file = tmp_path / "traffic.jsonl"
    recorder = Recorder(file, "/v1/opamp", lambda: 0.0, lambda line: None)
    seen = Seen()
    tap = recorder.tap(seen)
    sent = b"POST / HTTP/1.1\r\nauthorization:  ApiKey secret\r\nCookie: a=secret\r\nX: authorization\r\n\r\n\0body"
    for start in range(0, len(sent), size):
        tap.from_client(sent[start : start + size])
    tap.from_client(b"")
    tap.closed()
    recorder.close()
    written = streams(file, "client")
    assert written == sent.replace(b"ApiKey secret", b"*" * 13).replace(b"a=secret", b"*" * 8)
    assert b"".join(seen.parts) == sent + b"closed"
    assert [entry["from"] for entry in entries(file)[-2:]] == ["client", "nobody"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no JSON",
        '{"format": "other"}\n',
        "[" * 100_000,
        '{"format": "opamp-conformance-recording", "version": 1, "path": "/v1/opamp"}\n{"at": "x"}\n',
        '{"format": "opamp-conformance-recording", "version": 1, "path": "/v1/opamp"}\n7\n',
        '{"format": "opamp-conformance-recording", "version": 1, "path": "/v1/opamp"}\n{"at": 0, "connection": Infinity, "from": "client", "data": ""}\n',
        '{"format": "opamp-conformance-recording", "version": 2, "path": "/v1/opamp"}\n',
    ],
)
def test_another_file_is_no_recording(cli: Cli, tmp_path: Path, content: str) -> None:
    file = tmp_path / "traffic.jsonl"
    file.write_text(content)
    result = cli.in_process("watch", "--replay", str(file))
    assert result.returncode == 2
    assert str(file) in one_line(result)


def test_a_recording_that_was_cut_off_is_judged_up_to_there(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "traffic.jsonl"
    with (
        MockServer(Settings(contract=Contract.OPAMP)) as server,
        watching(server.url, "--record", str(file)) as watch,
        connect("ws" + watch.url.removeprefix("http"), compression=None) as websocket,
    ):
        websocket.send(b"\0" + Agent("watched").full_status().SerializeToString())
        websocket.recv(timeout=5)
        websocket.send(b"\0")
        websocket.recv(timeout=5)
        watch.end()
    file.write_text(file.read_text()[:-90])
    result = cli("watch", "--replay", str(file))
    assert "the server sent" in result.stdout
    assert result.returncode == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "--upstream and --replay"),
        (("--upstream", "http://127.0.0.1:1", "--replay", "a"), "--upstream and --replay"),
        (("--replay", "a", "--record", "b"), "nothing to record"),
        (("--replay", "nonesuch"), "nonesuch"),
        (("--upstream", "http://127.0.0.1:1", "--record", "nonesuch/file"), "nonesuch"),
    ],
)
def test_mistakes_are_told_in_one_line(cli: Cli, options: tuple[str, ...], told: str) -> None:
    result = cli.in_process("watch", *options)
    assert result.returncode == 2
    assert told in one_line(result)


def test_a_file_that_others_could_read_becomes_the_owners(tmp_path: Path) -> None:
    file = tmp_path / "traffic.jsonl"
    file.write_text("old")
    file.chmod(0o644)
    Recorder(file, "/v1/opamp", lambda: 0.0, lambda line: None).close()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_full_disk_is_told_before_anything_starts(cli: Cli) -> None:
    result = cli("watch", "--upstream", "http://127.0.0.1:1", "--port", "0", "--record", "/dev/full")
    assert result.returncode == 2
    assert "/dev/full" in one_line(result)


def test_traffic_passes_though_the_recording_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "traffic.jsonl"
    with (
        MockServer(Settings(contract=Contract.OPAMP)) as server,
        watching(server.url, "--record", str(file)) as watch,
        Client(Endpoint(watch.url), Timing(5), Transport.HTTP) as client,
    ):
        full = file.stat().st_size
        resource.prlimit(watch.process_id, resource.RLIMIT_FSIZE, (full, full))
        assert client.deliver(client.request(Agent("watched").full_status())).reply is not None
        watch.end()
    assert f"the recording {file} ends" in watch.output
    assert "Traceback" not in watch.output
    assert "the server sent 1 message;" in watch.output
    assert file.stat().st_size == full
