"""The start of the fleet-server target in containers: what goes wrong, and Ctrl-C at each stage.

The container engine, Elasticsearch and Fleet Server are fakes on this machine.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
from testcontainers.core.config import ConnectionMode, testcontainers_config

from opamp_conformance.targets.fleet_server import containers
from support.command_line import Cli, interruptible
from support.fake_engine import PORT_TAKEN, Answer, FakeEngine, Stage, accepted, listening
from support.fault_injection import free_port

ELASTICSEARCH, FLEET_SERVER = "example/elasticsearch:1", "example/elastic-agent:1"
COMMAND = [
    *("run", "--target", "fleet-server", "--reaper-image", "none", "--transport", "http", "--only", "fleet.*"),
    *("--elasticsearch-image", ELASTICSEARCH, "--elastic-agent-image", FLEET_SERVER),
]
HEALTHY: Answer = (200, {"status": "HEALTHY", "version": {"number": "9.5.3"}})
STARTING: Answer = (503, {"status": "STARTING"})


@dataclass(frozen=True)
class Site:
    """A fake engine, and the address that the command finds it by."""

    engine: FakeEngine
    host: str

    @property
    def variables(self) -> dict[str, str]:
        """The variables by which the command finds the engine. Also in a container, its ports are those of this host."""
        return {"DOCKER_HOST": self.host, "TESTCONTAINERS_CONNECTION_MODE": "docker_host"}

    @property
    def is_empty(self) -> bool:
        return not self.engine.containers and not self.engine.networks


@contextmanager
def site(
    stage: Stage | None = None, missing: str = "", *, health: Answer = HEALTHY, has_elasticsearch: bool = True
) -> Iterator[Site]:
    """Run a fake engine with its services. At the given stage, none of them answers, or all answer with an error."""
    stage = stage or Stage()
    with ExitStack() as stack:
        status = stack.enter_context(listening(lambda *_: health, stage))
        elasticsearch = stack.enter_context(listening(accepted, stage)) if has_elasticsearch else free_port()
        ports = {"9200/tcp": elasticsearch, "8220/tcp": status}
        engine = FakeEngine(ports, missing=frozenset([missing] if missing else []))
        yield Site(engine, f"tcp://127.0.0.1:{stack.enter_context(listening(engine.answer, stage))}")


CTRL_C = {
    "the network is created": "POST /v1.44/networks/create",
    "Elasticsearch is created": f'"Image": "{ELASTICSEARCH}"',
    "Elasticsearch starts": "/start",
    "Elasticsearch is asked whether it is ready": "HEAD /",
    "Elasticsearch gets a service token": "/_security/service/",
    "Elasticsearch gets an enrollment key": "/_security/api_key",
    "Elasticsearch gets a policy": "/.fleet-policies/",
    "Fleet Server is created": f'"Image": "{FLEET_SERVER}"',
    "Fleet Server gets its configuration": "/archive",
    "Fleet Server is asked whether it is ready": "GET /api/status",
    "the first agent reports": "POST /v1/opamp",
}


@pytest.mark.parametrize("request_line", CTRL_C.values(), ids=CTRL_C)
def test_ctrl_c_at_each_stage_leaves_nothing_behind(request_line: str, cli: Cli) -> None:
    stage = Stage(request_line)
    with site(stage) as where:
        process = subprocess.Popen(
            [sys.executable, "-m", "opamp_conformance", *COMMAND],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=interruptible,
            env={**cli.env, **where.variables},
        )
        assert stage.reached.wait(60)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 2, output + errors
        assert errors.splitlines()[-1] == "opamp-conformance: interrupted"
        assert "Traceback" not in errors
        assert where.is_empty


def in_vain(cli: Cli, where: Site, *options: str) -> str:
    """Run the command, which cannot tell; return its message."""
    result = cli(*COMMAND, *options, env=where.variables)
    assert result.returncode == 2, result.stdout + result.stderr
    assert where.is_empty
    [message] = [line for line in result.stderr.splitlines() if line.startswith("opamp-conformance: ")]
    return message


@pytest.mark.parametrize(("name", "request_line"), [("Elasticsearch", "1/start"), ("Fleet Server", "2/start")])
def test_a_port_that_is_taken(name: str, request_line: str, cli: Cli) -> None:
    with site(Stage(request_line, (500, {"message": PORT_TAKEN}))) as where:
        assert f"{name} does not start: {PORT_TAKEN}" in in_vain(cli, where)


@pytest.mark.parametrize("image", [ELASTICSEARCH, FLEET_SERVER])
def test_an_image_that_is_missing(image: str, cli: Cli) -> None:
    with site(missing=image) as where:
        message = in_vain(cli, where)
    assert f"the image {image} cannot be pulled: " in message
    assert "manifest unknown" in message


def test_a_reaper_that_is_missing_is_no_reason_to_stop(cli: Cli) -> None:
    with site(missing="example/reaper:1", has_elasticsearch=False) as where:
        where.engine.is_running = False
        result = cli(*COMMAND, "--reaper-image", "example/reaper:1", env=where.variables)
    assert "the image example/reaper:1 cannot be pulled" in result.stderr
    assert "if this run is killed, the next one removes its containers" in result.stderr
    assert "Elasticsearch starts" in result.stderr


def test_a_container_that_ends(cli: Cli) -> None:
    with site(has_elasticsearch=False) as where:
        where.engine.is_running = False
        assert "Elasticsearch does not start: " in in_vain(cli, where)


@pytest.mark.parametrize("name", ["Elasticsearch", "Fleet Server"])
def test_a_service_that_never_gets_ready(name: str, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "_START_SECONDS", 1.0)
    monkeypatch.setattr(testcontainers_config, "connection_mode_override", ConnectionMode.docker_host)
    with site(health=STARTING, has_elasticsearch=name != "Elasticsearch") as where:
        monkeypatch.setenv("DOCKER_HOST", where.host)
        result = cli.in_process(*COMMAND)
        assert result.returncode == 2, result.stderr
        assert where.is_empty
    assert f"{name} is not ready after 1 s; its log ends with" in result.stderr
    assert "a line of the log" in result.stderr
