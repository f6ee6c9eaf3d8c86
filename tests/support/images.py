"""Container images with programs of this machine, because there may be no registry to pull images from."""

import gc
import io
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import docker
import docker.errors
import pytest
import requests

from support.peers import PEERS, ROOT

ELASTICSEARCH_IMAGE = "OPAMP_ELASTICSEARCH_IMAGE"
"""The variable that names an image of Elasticsearch."""
STAND_IN_IMAGE = "opamp-test/fleet-server:stand-in"
ENDING_IMAGE = "opamp-test/fleet-server:ending"
"""The same image, but its command ends at once. It stands in for an Elasticsearch that cannot start."""
STAND_IN = "usr/share/elastic-agent/data/elastic-agent-0.0.0-standin/components/fleet-server"

_LEFT_OUT = re.compile(
    r"(^|/)(__pycache__|test|tests|idlelib|lib2to3|ensurepip|tkinter|turtledemo|pip|mypy|mypyc|ruff|grpc|grpc_tools|"
    r"locust|gevent|hypothesis|setuptools|sphinx|babel|docutils|furo|schemathesis|jsonschema_rs|selenium|site-packages|config-3[^/]*)(/|$)|\.(a|pyc)$"
)


def container_engine(*variables: str) -> Any:
    """Return a client of the container engine; skip with a reason if it does not answer, or if images are missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # Without an engine, docker leaves its socket open.
        engine = _connected()
        gc.collect()
    if engine is None:
        pytest.skip("needs a container engine, and none answers")
    missing = [name for name in variables if name not in os.environ]
    if missing:
        pytest.skip(f"needs images: set {', '.join(missing)}")
    return engine


def _connected() -> Any:
    try:
        engine = docker.from_env()
        engine.ping()
    except (docker.errors.DockerException, requests.exceptions.RequestException):
        return None
    return engine


def build_fleet_server(engine: Any) -> None:
    """Build images with a stand-in at the path of Fleet Server in the image of Elastic Agent."""
    prefix = Path(sys.base_prefix)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = Path(sysconfig.get_path("purelib"))
    interpreter = (prefix / "bin" / version).resolve()
    programs = [interpreter, Path("/bin/sh"), Path("/bin/ls")]
    with io.BytesIO() as data:
        with tarfile.open(fileobj=data, mode="w") as tar:
            tar.add(interpreter, "python/bin/python3")
            for path in ("/bin/sh", "/bin/ls"):
                tar.add(Path(path).resolve(), path)
            _add(tar, prefix / "lib" / version, f"python/lib/{version}")
            _add(tar, packages, f"python/lib/{version}/site-packages")
            for package in ("mock_server/opamp_mock_server", "agent_checks/opamp_agent_checks", "proto/opamp_proto"):
                _add(tar, ROOT / package, f"python/lib/{version}/site-packages/{Path(package).name}")
            modules = [*(prefix / "lib" / version).glob("lib-dynload/*.so"), *packages.rglob("*.so")]
            for library in sorted(_libraries([*programs, *modules])):
                tar.add(os.path.realpath(library), library)
            tar.add(PEERS / "fleet_server" / "fleet-server", STAND_IN)
            folder = tarfile.TarInfo("tmp")
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(folder)
        for tag, changes in ((STAND_IN_IMAGE, None), (ENDING_IMAGE, ['CMD ["/bin/ls", "nonesuch"]'])):
            repository, _, name = tag.partition(":")
            engine.api.import_image_from_data(data.getvalue(), repository=repository, tag=name, changes=changes)


def _add(tar: tarfile.TarFile, source: Path, name: str) -> None:
    def kept(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        return None if _LEFT_OUT.search(entry.name.removeprefix(name)) else entry

    tar.add(source, name, filter=kept)


def _libraries(programs: Iterable[Path]) -> Iterator[str]:
    """Yield the shared libraries that programs load, with the paths where they expect them."""
    listed = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=False).stdout
    own = sysconfig.get_path("purelib")
    for path in set(re.findall(r"(/\S+\.so\S*)", listed)):
        if not path.startswith(own) and not path.endswith(":"):
            yield path
