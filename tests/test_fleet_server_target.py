"""The fleet-server target, with running services and with containers.

A stand-in replaces Fleet Server: the mock server, started and configured like Fleet Server. Elasticsearch is real.
"""

import json
import re
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
from opamp_conformance.suite.catalogue import load_catalogue
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

# ---- running services


@pytest.fixture
def admin() -> ElasticsearchAccess:
    return ElasticsearchAccess(str(elasticsearch()))


@contextmanager
def fleet_server(admin: ElasticsearchAccess, folder: Path) -> Iterator[str]:
    """Run the stand-in with an Elasticsearch; gives its URL."""
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
def test_a_running_fleet_server_is_prepared_graded_and_restored(
    cli: Cli, admin: ElasticsearchAccess, tmp_path: Path
) -> None:
    with fleet_server(admin, tmp_path) as url, admin.client() as elastic:
        before = _created(elastic)
        result = cli(
            *("run", "--target", "fleet-server", "--fleet-server-url", url, "--elasticsearch-url", admin.url),
            *("--profile", PROFILE, "--only", "fleet.*", "--transport", "http"),
            timeout=120,
        )
        assert result.returncode == 0, result.stdout[-3000:] + result.stderr
        chapter = [line for line in result.stdout.splitlines() if " fleet.document." in line]
        assert len(chapter) == sum(one.chapter == "fleet_documents" for one in load_catalogue().values())
        assert all(line.startswith("passed") for line in chapter)
        assert _created(elastic) == before


def _created(elastic: Any) -> object:
    credentials = elastic.security.get_service_credentials(namespace="elastic", service="fleet-server")
    keys = elastic.security.get_api_key(owner=False, active_only=True)["api_keys"]
    names = sorted(key["name"] for key in keys if key["name"].startswith("opamp-conformance"))
    counts = [elastic.options(ignore_status=404).count(index=index).get("count", 0) for index in (KEYS, POLICIES)]
    return sorted(credentials["tokens"]), names, counts


@needs_elasticsearch
def test_wrong_elasticsearch_credentials_are_an_error(cli: Cli, admin: ElasticsearchAccess, tmp_path: Path) -> None:
    with fleet_server(admin, tmp_path) as url:
        wrong = f"{admin.url.partition('://')[0]}://elastic:not-the-password@{admin.url.rpartition('@')[2]}"
        result = cli("run", "--target", "fleet-server", "--fleet-server-url", url, "--elasticsearch-url", wrong)
        assert result.returncode == 2
        assert "401" in one_line(result)
        assert "not-the-password" not in result.stdout + result.stderr


@needs_elasticsearch
def test_a_failed_preparation_leaves_nothing_behind(
    admin: ElasticsearchAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opamp_conformance.targets.fleet_server import preparation  # noqa: PLC0415

    monkeypatch.setattr(preparation, "KEYS", "Not An Index")
    with admin.client() as elastic:
        before = _created(elastic)
        with pytest.raises(InconclusiveError, match="prepare"), prepared(admin, "in-vain"):
            pass
        assert _created(elastic) == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--target", "fleet-server", "--fleet-server-url", "http://127.0.0.1:1"], "--elasticsearch-url"),
        (["--target", "fleet-server", "--elasticsearch-url", "http://127.0.0.1:1"], "--elasticsearch-url"),
        (
            ["--target", "fleet-server", "--fleet-server-url", "nowhere", "--elasticsearch-url", "http://127.0.0.1:1"],
            "--fleet-server-url",
        ),
        (["--url", "http://127.0.0.1:1", "--keep"], "fleet-server"),
        (["--target", "fleet-server", "--header", "a: b"], "--url"),
    ],
)
def test_invalid_options(cli: Cli, arguments: list[str], expected: str) -> None:
    result = cli("run", *arguments)
    assert result.returncode == 2
    assert expected in one_line(result)


# ---- containers


@pytest.fixture(scope="module")
def engine() -> Any:
    engine = container_engine(ELASTICSEARCH_IMAGE)
    build_fleet_server(engine)
    yield engine
    engine.close()


@pytest.fixture(autouse=True)
def nothing_is_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "engine" in request.fixturenames:
        engine = request.getfixturevalue("engine")
        left = _leftovers(engine)
        for thing in left:
            with suppress(docker.errors.DockerException):
                thing.remove(**({"force": True, "v": True} if hasattr(thing, "logs") else {}))
        assert left == []


def _leftovers(engine: Any) -> list[Any]:
    filters = {"label": LABEL}
    return [
        *engine.containers.list(all=True, ignore_removed=True, filters=filters),
        *engine.networks.list(filters=filters),
    ]


CONTAINERS = ["run", "--target", "fleet-server", "--elastic-agent-image", STAND_IN_IMAGE, "--reaper-image", "none"]
SHORT_RUN = ["--profile", str(PROFILE), "--transport", "http", "--only", "fleet.*"]


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "opamp_conformance", *CONTAINERS, *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=interruptible
    )


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.docker
def test_a_run_in_containers_removes_leftovers_of_a_killed_run_and_can_keep_its_own(cli: Cli, engine: Any) -> None:
    killed = start()
    wait_until(lambda: len(_leftovers(engine)) >= 2)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    left = {thing.name for thing in _leftovers(engine)}
    assert len(left) >= 2

    result = cli(*CONTAINERS, *SHORT_RUN, "--keep", timeout=240)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr
    removed = [line for line in result.stderr.splitlines() if "removing" in line]
    assert all(any(name in line for line in removed) for name in left)
    assert re.search("Elasticsearch .*ready", result.stderr)
    assert re.search("Fleet Server .*ready", result.stderr)
    assert len([line for line in result.stdout.splitlines() if line.startswith("passed")]) > 80

    removals = re.findall("docker (?:network )?rm .*", result.stderr)
    assert len(removals) == 3
    for removal in removals:
        subprocess.run(removal.split(), check=True, capture_output=True)


@pytest.mark.docker
def test_an_interrupted_start_leaves_nothing_behind(engine: Any) -> None:
    process = start()
    wait_until(lambda: any(hasattr(thing, "logs") for thing in _leftovers(engine)))
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=600)
    assert process.returncode == 2, output
    assert "interrupted" in output[1]


@pytest.mark.docker
def test_a_container_that_ends_shows_the_end_of_its_log(cli: Cli, engine: Any) -> None:
    result = cli(*CONTAINERS, "--elasticsearch-image", ENDING_IMAGE, timeout=120)
    assert result.returncode == 2
    assert "log" in result.stderr
    assert "nonesuch" in result.stderr


@pytest.mark.docker
def test_an_image_that_cannot_be_pulled_is_an_error(cli: Cli, engine: Any) -> None:
    result = cli(*CONTAINERS, "--elasticsearch-image", "127.0.0.1:1/nothing:here", timeout=120)
    assert result.returncode == 2
    assert "127.0.0.1:1/nothing:here" in result.stderr.splitlines()[-1]


def test_a_missing_container_engine_is_an_error(cli: Cli) -> None:
    result = cli("run", "--target", "fleet-server", env={"DOCKER_HOST": "unix:///nowhere.sock"})
    assert result.returncode == 2
    assert "container engine" in one_line(result)
