"""The command line in a process that is forked from one that has imported it: imports take most of the time of a start."""

import io
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from opamp_conformance.__main__ import main

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__, "support.preloaded"])


def run_forked(words: Sequence[str], env: Mapping[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; raises TimeoutExpired. Imports do not see its variables."""
    with tempfile.TemporaryDirectory() as folder:
        output = tuple(Path(folder, name) for name in ("out", "err"))
        process = _PROCESSES.Process(target=_main, args=(words, dict(env), output))
        process.start()
        process.join(timeout)
        if process.is_alive():
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(list(words), timeout)
        out, err = (path.read_text(encoding="utf-8") for path in output)
        return subprocess.CompletedProcess(list(words), process.exitcode or 0, out, err)


def _main(words: Sequence[str], env: Mapping[str, str], output: tuple[Path, Path]) -> None:
    os.environ.clear()
    os.environ.update(env)
    for number, path in enumerate(output, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), number)
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.BufferedWriter(io.FileIO(number, "wb")), encoding="utf-8") for number in (1, 2)
    )
    sys.argv = ["opamp-conformance", *words]
    main()
