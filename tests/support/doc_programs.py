"""Stands in for the programs in the commands of the documentation, so that the commands run here within seconds.

``doc_programs.py PROGRAM ARGUMENT...``: hosts become servers of the test (``DOCS_…`` in the environment, see
test_docs.py), fleets and times become small, and the real program runs.
"""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from support.doc_commands import which

ROOT = Path(__file__).parent.parent.parent
OURS = "opamp-conformance"
SMALLER = {
    "100000": "200",
    "20000": "200",
    "5000": "100",
    "5m": "2s",
    "4": "2",
    "identification": "identification.stable",
    "health.*": "health.last-error",
}
FASTER = {"20s": "10s", "500": "40", "5s": "1s"}
FEW = ["--only", "capabilities.*", "--transport", "http"]


def main() -> None:
    program, *arguments = sys.argv[1:]
    if program == "python3":
        Path("venv").unlink(missing_ok=True)
        Path("venv").symlink_to(os.environ["DOCS"])
    elif program == "pip":
        install(arguments)
    elif program == "pytest" and arguments[0].startswith("tests/"):
        become("pytest", ["-q", "--collect-only", f"--rootdir={ROOT}", str(ROOT / arguments[0]), *arguments[1:]])
    elif program == "pytest":
        become("pytest", [*adapted(arguments), "-q", "-k", "capabilities"])
    elif program == "locust":
        shorter = ["--ramp", "1s"] if "--headless" in arguments else ["--headless", "-t", "2s", "--ramp", "1s"]
        become("locust", [word.replace("loadtests/", f"{ROOT}/loadtests/") for word in adapted(arguments)] + shorter)
    elif program == "curl":
        become("curl", ["--fail", *adapted(arguments)])
    elif program == "docker":
        contain(arguments)
    elif program == OURS:
        perform(arguments)


def perform(arguments: Sequence[str]) -> None:
    """Run our own program. A command that needs more than this machine is only parsed; other tests run it."""
    if "fleet-server" in arguments[:3] or "elasticsearch" in arguments or arguments[:1] == ["watch"]:
        import click  # noqa: PLC0415 - most commands need none of this

        from opamp_conformance.cli import cli  # noqa: PLC0415

        command = cli.get_command(click.Context(cli), arguments[0])
        assert command is not None
        command.make_context(arguments[0], list(arguments[1:]))
        if arguments[0] == "serve":
            become(OURS, ["serve", "--port", os.environ["DOCS_PORT"]])
    elif arguments and arguments[0] == "serve":
        own = [word for word in arguments if word not in ("--port", "4320")]
        become(OURS, [*own, "--port", os.environ["DOCS_PORT"]])
    elif arguments[:2] == ["load", "steady"]:
        become(OURS, [*adapted(arguments), "--ramp", "1s"])
    elif arguments[:1] == ["run"] and arguments[1:] and "--only" not in arguments:
        become(OURS, [*adapted(arguments), *FEW])
    else:
        become(OURS, adapted(arguments))


def adapted(arguments: Sequence[str]) -> list[str]:
    """Replace the servers of the documentation by those of the test."""
    words = " ".join(arguments)
    host = os.environ.get("DOCS_TLS" if "--ca" in words else "DOCS_KEYED" if "--header" in words else "DOCS_PLAIN", "")
    os.environ["OPAMP_AUTHORIZATION"] = "ApiKey docs"
    here = f"http://127.0.0.1:{os.environ['DOCS_PORT']}" if is_serving() else host

    def small(word: str) -> str:
        word = re.sub(r"https://two\.example\.com", os.environ.get("DOCS_OTHER", ""), word)
        word = re.sub(r"https://\w+\.example\.com", host, word)
        return SMALLER.get(word, re.sub(r"http://127\.0\.0\.1:(4320|8080)", here, word))

    return [small(word) for word in arguments]


def contain(arguments: Sequence[str]) -> None:
    """Run containers from the images of the test, with names of their own."""
    own = {
        OURS: os.environ["DOCS_IMAGE"],
        "opamp-mock": f"opamp-mock-{os.environ['DOCS_PORT']}",
        "127.0.0.1:4320:4320": f"127.0.0.1:{os.environ['DOCS_PORT']}:4320",
        "deploy/compose.yaml": str(ROOT / "deploy" / "compose.yaml"),
        ".": str(ROOT),
    }
    words = [own.get(word, FASTER.get(word, word)) for word in arguments]
    if words[0] == "build":
        bases = [f"--build-arg={name}={os.environ[f'OPAMP_{name}_IMAGE']}" for name in ("BASE", "RUNTIME")]
        become("docker", ["build", *bases, *words[1:]])
    elif words[0] != "compose":
        become("docker", [*words, *(FEW if "--html" in words else ())])
    os.environ["OPAMP_IMAGE"], os.environ["OPAMP_PORT"] = own[OURS], os.environ["DOCS_PORT"]
    os.environ["COMPOSE_PROJECT_NAME"] = f"opamp-test-{os.environ['DOCS_PORT']}"
    has_plugin = (
        subprocess.run([which("docker"), "compose", "version"], capture_output=True, check=False).returncode == 0
    )
    become(*(("docker", words) if has_plugin else ("docker-compose", words[1:])))


def is_serving() -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(os.environ["DOCS_PORT"]))) == 0


def install(arguments: Sequence[str]) -> None:
    """Check that the package to install is this project with existing extras, or tox."""
    from importlib.metadata import distribution  # noqa: PLC0415

    from packaging.requirements import Requirement  # noqa: PLC0415

    extras = distribution(OURS).metadata.get_all("Provides-Extra") or []
    for word in arguments[1:]:
        if not word.startswith("-") and word != "tox":
            wanted = Requirement(re.sub(r"^\.", OURS, word))
            assert wanted.name == OURS
            assert wanted.extras <= set(extras), wanted


def become(program: str, arguments: Sequence[str]) -> None:
    sys.stdout.flush()
    if program in ("curl", "docker", "docker-compose"):
        os.execv(which(program), [program, *arguments])
    module = {OURS: "opamp_conformance"}.get(program, program)
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])


if __name__ == "__main__":
    main()
