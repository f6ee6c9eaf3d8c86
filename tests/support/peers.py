"""Programs of other projects, built once from their registries and kept in ``.cache``.

``python -m support.peers`` builds those that ordinary runs of the tests need.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PEERS = ROOT / "tests" / "peers"
CACHE = ROOT / ".cache" / "peers"


def need(*tools: str) -> None:
    """Skip, saying so, where a tool is missing."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def build_once(name: str, sources: Sequence[Path], build: Callable[[Path], None]) -> Path:
    """Return a folder that ``build`` has filled. It is built again when a source changes.

    If another process builds it already, wait for that.
    """
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    folder = CACHE / f"{name}-{digest}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            work = Path(tempfile.mkdtemp(dir=CACHE))
            build(work)
            work.rename(folder)
    return folder


def run(command: Sequence[object], cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a program to its end; its output, both streams in order, is in the failure if it fails."""
    result = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, f"{command}: {result.stdout}"
    return result.stdout


@contextlib.contextmanager
def running(command: Sequence[object], env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run a program until the end of the block."""
    process = subprocess.Popen(
        [str(word) for word in command], env={**os.environ, **(env or {})}, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(10)


@contextlib.contextmanager
def serving(command: Sequence[object]) -> Iterator[str]:
    """Run a server that prints its URL when it listens."""
    with running(command) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


def node_programs() -> Path:
    """Return the folder with the Node programs and what they need."""
    need("node", "npm")
    source = PEERS / "node"

    def build(folder: Path) -> None:
        for path in source.iterdir():
            shutil.copy(path, folder)
        run(["npm", "ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"], cwd=folder)

    return build_once("node", sorted(path for path in source.iterdir() if path.is_file()), build)


def go_programs() -> Path:
    """Return the folder with the binaries ``server`` and ``client``."""
    need("go")
    source = PEERS / "go"
    sources = sorted(path for path in source.rglob("*") if path.is_file())
    return build_once("go", sources, lambda folder: _go_build(source, folder))


def _go_build(source: Path, folder: Path) -> None:
    run(["go", "build", "-o", f"{folder}/", "./..."], cwd=source)


def java_libraries() -> Path:
    """Return the folder with the libraries that Java programs need."""
    need("java", "mvn")
    source = PEERS / "java" / "pom.xml"

    def build(folder: Path) -> None:
        copy = ["mvn", "-q", "-B", "-f", source, "dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
        run(copy)

    return build_once("java", [source], build)


def collector() -> Path:
    """Return a Collector with the opamp extension."""
    need("go")
    manifest = PEERS / "collector" / "builder.yaml"

    def build(folder: Path) -> None:
        builder = "go.opentelemetry.io/collector/cmd/builder@v0.149.0"
        run(["go", "install", builder], env={"GOBIN": str(folder)})
        shutil.copy(manifest, folder)
        run([folder / "builder", "--config", "builder.yaml"], cwd=folder)

    return build_once("collector", [manifest], build) / "build" / "otelcol-opamp"


if __name__ == "__main__":
    for program in (go_programs, node_programs, java_libraries):
        with contextlib.suppress(pytest.skip.Exception):
            program()
