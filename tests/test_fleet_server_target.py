"""The fleet-server target: on services that run already, and in containers.

A stand-in takes Fleet Server's place: the mock server, started and configured as Fleet Server is. Elasticsearch is real.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import docker
import docker.errors
import pytest

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.targets.elasticsearch import ElasticsearchAccess
from opamp_conformance.targets.fleet_server.preparation import KEYS, POLICIES, prepared
from support.command_line import Cli, interruptible, one_line
from support.deviation_matrix import elasticsearch
from support.fault_injection import free_port
from support.images import ELASTICSEARCH_IMAGE, ENDING_IMAGE, STAND_IN_IMAGE, build_fleet_server, container_engine
from support.peers import running

HERE = Path(__file__).parent
PROFILE = HERE / "data" / "stand_in.toml"
LABEL = "io.github.opamp-conformance.owner"

needs_elasticsearch = pytest.mark.skipif(
    elasticsearch() is None, reason="needs an Elasticsearch: set ELASTICSEARCH_URL"
)

# ---- services that run already


@pytest.fixture
def admin() -> ElasticsearchAccess:
    return ElasticsearchAccess(str(elasticsearch()))


@contextmanager
def fleet_server(admin: ElasticsearchAccess, folder: Path) -> Iterator[str]:
    """Run the stand-in beside an Elasticsearch; gives its URL."""
    port = free_port()
    with prepared(admin, "its-own") as made:
        configuration = {
            "output": {"elasticsearch": {"hosts": [admin.address], "service_token": made.fleet.service_token}},
            "inputs": [{"type": "fleet-server", "server": {"host": "127.0.0.1", "port": port}}],
        }
        file = folder / "fleet-server.yml"
        file.write_text(json.dumps(configuration))
        with running([sys.executable, HERE / "peers" / "fleet_server" / "fleet-server", "-c", file]) as process:
            assert process.stdout is not None
            process.stdout.readline()
            yield f"http://127.0.0.1:{port}"


@needs_elasticsearch
def test_a_fleet_server_that_runs_already_is_prepared_graded_and_left_as_it_was(
    cli: Cli, admin: ElasticsearchAccess, tmp_path: Path
) -> None:
    with fleet_server(admin, tmp_path) as url, admin.client() as elastic:
        before = _made(elastic)
        result = cli(
            *("run", "--target", "fleet-server", "--fleet-server-url", url, "--elasticsearch-url", admin.url),
            *("--profile", PROFILE, "--only", "fleet.*", "--transport", "http"),
            timeout=120,
        )
        assert result.returncode == 0, result.stdout[-3000:] + result.stderr
        chapter = [line for line in result.stdout.splitlines() if "fleet_documents:" in line]
        assert len(chapter) == 22
        assert all(line.startswith("passed") for line in chapter)
        assert _made(elastic) == before


def _made(elastic: Any) -> object:
    credentials = elastic.security.get_service_credentials(namespace="elastic", service="fleet-server")
    keys = elastic.security.get_api_key(owner=False, active_only=True)["api_keys"]
    names = sorted(key["name"] for key in keys if key["name"].startswith("opamp-conformance"))
    counts = [elastic.options(ignore_status=404).count(index=index).get("count", 0) for index in (KEYS, POLICIES)]
    return sorted(credentials["tokens"]), names, counts


@needs_elasticsearch
def test_an_elasticsearch_that_cannot_be_prepared_is_said(cli: Cli, admin: ElasticsearchAccess, tmp_path: Path) -> None:
    with fleet_server(admin, tmp_path) as url:
        wrong = f"{admin.url.partition('://')[0]}://elastic:not-the-password@{admin.url.rpartition('@')[2]}"
        result = cli("run", "--target", "fleet-server", "--fleet-server-url", url, "--elasticsearch-url", wrong)
        assert result.returncode == 2
        assert "refuses the credentials (401)" in one_line(result)
        assert "not-the-password" not in result.stdout + result.stderr


@needs_elasticsearch
def test_a_preparation_that_fails_leaves_nothing(admin: ElasticsearchAccess, monkeypatch: pytest.MonkeyPatch) -> None:
    from opamp_conformance.targets.fleet_server import preparation  # noqa: PLC0415

    monkeypatch.setattr(preparation, "KEYS", "Not An Index")
    with admin.client() as elastic:
        before = _made(elastic)
        with pytest.raises(InconclusiveError, match="cannot be prepared"), prepared(admin, "in-vain"):
            pass
        assert _made(elastic) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--target", "fleet-server", "--fleet-server-url", "http://127.0.0.1:1"], "needs both"),
        (["--target", "fleet-server", "--elasticsearch-url", "http://127.0.0.1:1"], "needs both"),
        (
            ["--target", "fleet-server", "--fleet-server-url", "nowhere", "--elasticsearch-url", "http://127.0.0.1:1"],
            "--fleet-server-url is not the URL of a server",
        ),
        (["--url", "http://127.0.0.1:1", "--keep"], "add it"),
        (["--target", "fleet-server", "--header", "a: b"], "add --url"),
    ],
)
def test_options_that_make_no_sense(cli: Cli, arguments: list[str], says: str) -> None:
    result = cli("run", *arguments)
    assert result.returncode == 2
    assert says in one_line(result)


# ---- containers


@pytest.fixture(scope="module")
def engine() -> Any:
    engine = container_engine(ELASTICSEARCH_IMAGE)
    build_fleet_server(engine)
    yield engine
    engine.close()


@pytest.fixture(autouse=True)
def nothing_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "engine" in request.fixturenames:
        engine = request.getfixturevalue("engine")
        left = _left(engine)
        for thing in left:
            with suppress(docker.errors.DockerException):
                thing.remove(**({"force": True, "v": True} if hasattr(thing, "logs") else {}))
        assert left == []


def _left(engine: Any) -> list[Any]:
    filters = {"label": LABEL}
    return [*engine.containers.list(all=True, filters=filters), *engine.networks.list(filters=filters)]


CONTAINERS = ["run", "--target", "fleet-server", "--elastic-agent-image", STAND_IN_IMAGE, "--reaper-image", "none"]
QUICKLY = ["--profile", str(PROFILE), "--transport", "http", "--only", "fleet.*"]


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "opamp_conformance", *CONTAINERS, *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=interruptible
    )


def wait_until(is_so: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.docker
def test_the_whole_way_after_a_run_that_was_killed_and_what_is_kept(cli: Cli, engine: Any) -> None:
    killed = start()
    wait_until(lambda: len(_left(engine)) >= 2)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    left = {thing.name for thing in _left(engine)}
    assert len(left) >= 2

    result = cli(*CONTAINERS, *QUICKLY, "--keep", timeout=240)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr
    assert all(f"removing {name}, which a run that was killed has left" in result.stderr for name in left)
    assert "Elasticsearch is ready after" in result.stderr
    assert "Fleet Server is ready after" in result.stderr
    assert len([line for line in result.stdout.splitlines() if line.startswith("passed")]) > 80

    removals = [line.partition("running: ")[2] for line in result.stderr.splitlines() if " is left running: " in line]
    removals += [line.partition("is left: ")[2] for line in result.stderr.splitlines() if " is left: " in line]
    assert len(removals) == 3
    for removal in removals:
        subprocess.run(removal.split(), check=True, capture_output=True)


@pytest.mark.docker
def test_an_interrupted_start_leaves_nothing(engine: Any) -> None:
    process = start()
    wait_until(lambda: any(hasattr(thing, "logs") for thing in _left(engine)))
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=60)
    assert process.returncode == 2, output
    assert "interrupted" in output[1]


@pytest.mark.docker
def test_a_container_that_ends_shows_the_end_of_its_log(cli: Cli, engine: Any) -> None:
    result = cli(*CONTAINERS, "--elasticsearch-image", ENDING_IMAGE, timeout=120)
    assert result.returncode == 2
    assert "its log ends with" in result.stderr
    assert "nonesuch" in result.stderr


@pytest.mark.docker
def test_an_image_that_cannot_be_had_is_said(cli: Cli, engine: Any) -> None:
    result = cli(*CONTAINERS, "--elasticsearch-image", "127.0.0.1:1/nothing:here", timeout=120)
    assert result.returncode == 2
    assert "the image 127.0.0.1:1/nothing:here cannot be pulled" in result.stderr.splitlines()[-1]


def test_without_an_engine_that_is_said(cli: Cli) -> None:
    result = cli("run", "--target", "fleet-server", env={"DOCKER_HOST": "unix:///nowhere.sock"})
    assert result.returncode == 2
    assert "no container engine answers" in one_line(result)
