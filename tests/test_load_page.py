"""Locust's page, and its master: who may use them, and what they may choose."""

import importlib.util
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from opamp_conformance import resources
from opamp_mock_server import MockServer
from support.command_line import wait_until
from support.fault_injection import free_port
from support.http_requests import metric
from support.peers import running

# Do not import locust here: it patches the standard library of its process.
pytestmark = pytest.mark.skipif(importlib.util.find_spec("locust") is None, reason="locust is not installed")


@contextmanager
def locust_page(*arguments: object) -> Iterator[str]:
    """Start Locust with its page; gives the URL of the page."""
    port = free_port()
    command = [sys.executable, "-m", "locust", "-f", resources.folder("loadtests") / "steady.py", *arguments]
    with running([*command, "--web-port", port, "--loglevel", "ERROR"]):
        wait_until(lambda: is_open(port))
        yield f"http://127.0.0.1:{port}"


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def swarm(page: str, headers: Mapping[str, str] | None = None, **form: object) -> int:
    """Start a test by the form of Locust's page; returns the status of HTTP."""
    body = "&".join(f"{name}={value}" for name, value in {"user_count": 4, "spawn_rate": 4, **form}.items())
    try:
        with urlopen(Request(f"{page}/swarm", body.encode(), headers or {}), timeout=10) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def test_the_web_page_of_locust_starts_a_load_test() -> None:
    """The page has fields for the options of the load test."""
    with MockServer() as server, locust_page() as page:
        with urlopen(page, timeout=5) as shown:
            html = shown.read().decode()
        assert '"agents"' in html
        assert "i_may_load_this_host" not in html
        # This host is refused, because it needs permission.
        swarm(page, host="http://192.0.2.1", agents=1000, interval="1s")
        swarm(page, host=server.url, agents=60, interval="1s")
        wait_until(lambda: metric(server, "opamp_agents") >= 60)


def test_the_web_page_of_locust_is_only_for_its_user(tmp_path: Path) -> None:
    """Another page may not start a test, and no page may choose credentials, files, or where credentials go."""
    victim = tmp_path / "precious.txt"
    victim.write_text("precious")
    with MockServer() as server, locust_page("--host", server.url, "--header", "X-Key: sesame-open") as page:
        assert swarm(page, {"Origin": "https://evil.example"}, host=server.url) == 403
        assert swarm(page, {"Host": "evil.example"}, host=server.url) == 403
        assert swarm(page, host="http://127.0.0.1:9") == 400
        for name in ("summary_json", "summary_html", "header", "header_env", "cert", "web_host"):
            assert swarm(page, host=server.url, **{name: victim}) == 400, name
        assert swarm(page, {"Origin": page}, host=server.url, agents=20, interval="1s") == 200
        wait_until(lambda: metric(server, "opamp_agents") >= 20)
    assert victim.read_text() == "precious"


def test_the_web_page_of_locust_needs_a_password_beyond_this_machine() -> None:
    with MockServer() as server, locust_page("--web-host", "*", "--host", server.url) as page:
        assert swarm(page, host=server.url) == 401
        assert swarm(page, {"Authorization": "Basic bG9jdXN0Om5vbnNlbnNl"}, host=server.url) == 401


def test_a_master_gives_no_credentials_to_strangers() -> None:
    command = [sys.executable, "-m", "locust", "-f", str(resources.folder("loadtests") / "steady.py"), "--master"]
    options = ["--headless", "--host", "http://127.0.0.1:9", "--header", "X-Key: sesame-open", "--master-bind-port"]
    command += [*options, str(free_port()), "--master-bind-host", "*"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert done.returncode == 2
    assert "--header-env" in done.stderr
    assert "sesame" not in done.stdout + done.stderr


def test_a_stranger_who_joins_a_master_sees_no_value_of_a_header(monkeypatch: pytest.MonkeyPatch) -> None:
    """The value of --header-env never leaves its process: a worker is told the name of the variable only."""
    zmq, msgpack = pytest.importorskip("zmq"), pytest.importorskip("msgpack")
    monkeypatch.setenv("OPAMP_TEST_KEY", "sesame-open")
    command = [sys.executable, "-m", "locust", "-f", str(resources.folder("loadtests") / "steady.py"), "--master"]
    options = ["--headless", "--host", "http://127.0.0.1:9", "--header-env", "X-Key=OPAMP_TEST_KEY"]
    port = free_port()
    options += ["--expect-workers", "1", "--users", "1", "--master-bind-host", "*", "--master-bind-port", str(port)]
    with running([*command, *options, "--loglevel", "ERROR"]), zmq.Context() as context:
        stranger = context.socket(zmq.DEALER)
        stranger.setsockopt(zmq.IDENTITY, b"stranger")
        stranger.setsockopt(zmq.LINGER, 0)
        stranger.setsockopt(zmq.RCVTIMEO, 30_000)
        stranger.connect(f"tcp://127.0.0.1:{port}")
        for kind, data in (("client_ready", -1), ("opamp_ready", None)):
            stranger.send(msgpack.dumps((kind, data, "stranger")))
        told = b""
        while b"parsed_options" not in told:
            told += stranger.recv()
        stranger.close()
    assert b"OPAMP_TEST_KEY" in told
    assert b"sesame-open" not in told
