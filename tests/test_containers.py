"""The image of the project and Docker Compose in a real container engine, as docs/containers.md describes them."""

import os
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker.errors
import pytest

from support.doc_commands import play
from support.images import ELASTICSEARCH_IMAGE, container_engine
from support.matrix import is_nightly
from support.peers import ROOT, need

IMAGE = "opamp-test/opamp-conformance:local"
COMPOSE = "## A fleet on one machine"
"""The part of the page that takes longest."""
IMAGES = ("OPAMP_BASE_IMAGE", "OPAMP_RUNTIME_IMAGE", "OPAMP_HAPROXY_IMAGE", ELASTICSEARCH_IMAGE)

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def engine() -> Any:
    return container_engine(*IMAGES)


@contextmanager
def removing_leftovers(engine: Any) -> Iterator[None]:
    """Remove the containers and networks that the block created and did not remove."""
    before = {thing.id for thing in (*engine.containers.list(all=True, ignore_removed=True), *engine.networks.list())}
    try:
        yield
    finally:
        created = [
            each
            for each in engine.containers.list(all=True, ignore_removed=True)
            if each.name.startswith(("opamp-test-", "opamp-mock-"))
        ]
        for each in created:
            if each.id not in before:
                each.remove(force=True, v=True)
        for each in engine.networks.list():
            if each.id not in before and each.name.startswith("opamp-test-"):
                each.remove()


def test_the_commands_of_docs_containers(engine: Any, tmp_path: Path) -> None:
    """These commands build the image that the other tests use. With OPAMP_NIGHTLY=1, also those of Compose run."""
    need("docker", "bash", "curl")
    home, page = tmp_path / "home", tmp_path / "containers.md"
    home.mkdir()
    one_container, compose, fleet = (ROOT / "docs" / page.name).read_text(encoding="utf-8").partition(COMPOSE)
    assert "docker compose" in fleet
    page.write_text(one_container + (compose + fleet if is_nightly() else ""), encoding="utf-8")
    with removing_leftovers(engine):
        output = play(page, home, {"DOCS_IMAGE": IMAGE}, seconds=600)
    assert output.count("\nconformant: ") == 3
    assert ("40 of 40 agents" in output) == is_nightly()
    assert (home / "reports" / "run.html").stat().st_uid == os.getuid()


def test_the_image_is_small_and_has_no_shell_and_no_pip(engine: Any) -> None:
    image = engine.images.get(IMAGE)
    assert image.attrs["Size"] < 250e6
    assert image.attrs["Config"]["User"] == "65532:65532"
    for program in ("/bin/sh", "/opt/opamp-conformance/bin/pip"):
        with pytest.raises(docker.errors.APIError, match="no such file"):
            engine.containers.run(IMAGE, entrypoint=program, remove=True)


@contextmanager
def container(engine: Any, *command: str, **options: Any) -> Iterator[Any]:
    running = engine.containers.run(IMAGE, list(command), detach=True, **options)
    try:
        yield running
    finally:
        running.remove(force=True, v=True)


def test_a_server_becomes_healthy_and_stops_on_request(engine: Any) -> None:
    health_check = engine.images.get(IMAGE).attrs["Config"]["Healthcheck"] | {"Interval": 10**9}  # Nanoseconds.
    options = {"ports": {"4320/tcp": ("127.0.0.1", None)}, "read_only": True, "cap_drop": ["ALL"]}
    with container(engine, "serve", "--host", "0.0.0.0", healthcheck=health_check, **options) as server:
        deadline = time.monotonic() + 30
        while server.attrs["State"].get("Health", {}).get("Status") != "healthy":
            assert time.monotonic() < deadline, server.attrs["State"]
            time.sleep(0.2)
            server.reload()
        port = server.attrs["NetworkSettings"]["Ports"]["4320/tcp"][0]["HostPort"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as response:
            assert response.read() == b"serving\n"
        server.stop(timeout=20)
        assert server.wait()["StatusCode"] == 0
        assert "OpAMP mock server at http://0.0.0.0:4320/v1/opamp" in server.logs().decode()
