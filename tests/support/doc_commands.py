"""Runs the commands of the documentation, page by page, with the stand-in programs of doc_programs.py."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from support.fault_injection import free_port
from support.peers import ROOT

_PROGRAMS = ("opamp-conformance", "pip", "python3", "pytest", "locust", "curl", "tox", "docker")
_SECONDS = 600
_BLOCK = re.compile(r"^```(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SERVING = re.compile(r"^(opamp-conformance serve [^&\n]*?)( &)?$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block of a page."""

    kind: str
    text: str


def blocks(page: Path, *kinds: str) -> list[Block]:
    found = [Block(*match.groups()) for match in _BLOCK.finditer(page.read_text(encoding="utf-8"))]
    return [block for block in found if block.kind in kinds]


def play(page: Path, home: Path, env: Mapping[str, str], seconds: float = _SECONDS) -> str:
    """Run all commands of a page in a folder, one after the other; return their output."""
    programs = home.parent / "bin"
    programs.mkdir()
    for name in _PROGRAMS:
        (programs / name).write_text(
            f'#!/bin/sh\nPYTHONPATH={ROOT / "tests"} exec {sys.executable} -m support.doc_programs {name} "$@"\n'
        )
        (programs / name).chmod(0o755)
    script = "\n".join(_typed(block) for block in blocks(page, "console"))
    with subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", f"trap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n{script}"],
        cwd=home,
        env={
            **os.environ,
            **env,
            "HOME": str(home),
            "PATH": f"{programs}:{os.environ['PATH']}",
            "DOCS": str(home.parent),
            "DOCS_PATH": os.environ["PATH"],
            "DOCS_PORT": str(free_port()),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise AssertionError(f"still at it after {seconds} s: {process.communicate()[0][-5000:]}") from None
    assert process.returncode == 0, output[-5000:]
    return output


def _typed(block: Block) -> str:
    """Turn a block into the input of a user, who waits until a server is ready before the next command."""
    ready = r'\1 & until curl -so healthz "http://127.0.0.1:$DOCS_PORT/healthz" || ! kill -0 $!; do sleep 0.1; done; kill -0 $!'
    is_ended = _SERVING.search(block.text) and not any(match[2] for match in _SERVING.finditer(block.text))
    return _SERVING.sub(ready, block.text) + ("kill $(jobs -p) 2> /dev/null || true; wait\n" if is_ended else "")


def shown(page: Path) -> list[str]:
    """Return the lines that a page shows as the output of its commands, in their normal() form."""
    patterns, after_command = [], False
    for block in blocks(page, "console", "text"):
        if block.kind == "text" and after_command:
            lines = [normal(line.strip()) for line in block.text.splitlines() if line.strip()]
            patterns += [".*".join(map(re.escape, line.split("…"))) for line in lines]
        after_command = block.kind == "console"
    return patterns


def normal(output: str) -> str:
    """Replace all numbers, and times with units, by a placeholder."""
    return re.sub(r"\d[\d.,]*( (ms|s)\b)?", "N", output)


def which(program: str) -> str:
    """Return the path of the real program, although a stand-in has its name."""
    return shutil.which(program, path=os.environ.get("DOCS_PATH")) or program
