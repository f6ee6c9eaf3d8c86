"""The processor time of short commands, as a multiple of ``python -c pass``: ``start.py``, which needs nothing else.

The rounds are interleaved. The least time of a command is compared, because other programs only add to it.
"""

import resource
import subprocess
import sys

ROUNDS = 10
NOTHING = ("-c", "pass")
COMMANDS = {
    "--version": ("-m", "opamp_conformance", "--version"),
    "--help": ("-m", "opamp_conformance", "--help"),
    "run --help": ("-m", "opamp_conformance", "run", "--help"),
    "list": ("-m", "opamp_conformance", "list"),
}


def seconds(arguments: tuple[str, ...]) -> float:
    """Return the processor time of a Python process and its children, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    least = dict.fromkeys((NOTHING, *COMMANDS.values()), float("inf"))
    for _ in range(ROUNDS):
        for arguments in least:
            least[arguments] = min(least[arguments], seconds(arguments))
    print(f"python -c pass: {least[NOTHING]:.3f} s")
    for name, arguments in COMMANDS.items():
        print(f"{name}: {least[arguments]:.3f} s, {least[arguments] / least[NOTHING]:.1f} x")


if __name__ == "__main__":
    main()
