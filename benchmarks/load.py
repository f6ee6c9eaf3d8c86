"""The load generator on one core, the mock server on the other: the cost of a message, and the size of the fleet.

    python benchmarks/load.py [cost|storm|fleet|sizes ...]

Needs Linux with two cores and the extra `load`. Without arguments it measures everything, in about 12 minutes.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from opamp_conformance import resources

HERE = Path(__file__).parent
ROUNDS = 3
SERVE = [sys.executable, "-m", "opamp_conformance", "serve", "--port", "0"]


def pinned(core: int, *command: object) -> list[str]:
    return ["taskset", "-c", str(core), *map(str, command)]


@contextmanager
def serving(*command: object) -> Iterator[tuple[str, int]]:
    """Run a server on the first core; yield its URL and process id."""
    process = subprocess.Popen(pinned(0, *(command or SERVE)), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip().rpartition(" ")[2], process.pid
    finally:
        process.terminate()
        process.wait(20)


def resident(pid: int) -> int:
    """Return the bytes of memory that a process has."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def locust(file: Path, url: str, *arguments: object) -> tuple[dict[str, Any], int]:
    """Run Locust on the second core; return its JSON output, and its maximum of memory."""
    command = [sys.executable, "-m", "locust", "-f", file, "--headless", "--only-summary", "--skip-log-setup"]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out")
        is_ours = file.parent == resources.folder("loadtests")
        told = ["--summary-json", out] if is_ours else ["--json-file", out]
        words = pinned(1, *command, "--host", url, *told, *arguments)
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        most = 0
        while process.poll() is None:
            most = max(most, resident(process.pid))
            time.sleep(0.2)
        [path] = Path(folder).iterdir()
        return json.loads(path.read_text(encoding="utf-8")), most


def play(scenario: str, url: str, *arguments: object) -> tuple[dict[str, Any], int]:
    return locust(resources.folder("loadtests") / f"{scenario}.py", url, *arguments)


def cost() -> None:
    """Measure messages per second on one core, and compare with a user of Locust that sends fixed bytes."""
    rates: dict[str, list[float]] = {"FastHttpUser, fixed bytes": [], "OpAMP, enrollments": [], "OpAMP, check-ins": []}
    for _ in range(ROUNDS):
        with serving() as (url, _pid):
            stats, _most = locust(HERE / "fast_http_user.py", url, "-u", 32, "-r", 32, "-t", "6s")
            [row] = stats
            rates["FastHttpUser, fixed bytes"].append(row["num_requests"] / 6)
        with serving() as (url, _pid):
            results, _most = play("enrollment", url, "--agents", 60_000)
            rates["OpAMP, enrollments"].append(results["measures"]["rate"])
        with serving() as (url, _pid):
            arguments = ("--agents", 3_000, "--ramp", "0s", "--interval", "100ms", "-t", "6s")
            results, _most = play("steady", url, *arguments)
            busiest = sorted(second["messages"] for second in results["seconds"])[1:-1]
            rates["OpAMP, check-ins"].append(statistics.median(busiest))
    bare = statistics.median(rates["FastHttpUser, fixed bytes"])
    print("| user | messages/s | of FastHttpUser | rounds |\n|---|---|---|---|")
    for name, measured in rates.items():
        median = statistics.median(measured)
        print(f"| {name} | {median:,.0f} | {median / bare:.2f} × | {', '.join(f'{rate:,.0f}' for rate in measured)} |")


def storm() -> None:
    """Measure 100,000 agents that enroll at once."""
    print("| round | enrolled in | enrollments/s | p99 | violations | failures |\n|---|---|---|---|---|---|")
    for number in range(1, ROUNDS + 1):
        with serving() as (url, _pid):
            results, _most = play("enrollment", url, "--agents", 100_000)
        told = results["measures"]
        print(
            f"| {number} | {told['enrolled_in']:.1f} s | {told['enrollment_rate']:,.0f} | {told['p99'] * 1000:.0f} ms "
            f"| {told['violations']:.0f} | {told['failures']:.0f} |"
        )


def fleet() -> None:
    """Find the largest fleet at an interval of 30 seconds whose messages are less than half a second late."""
    print("| agents | messages/s | lateness p99 | latency p50, p99 | failures | held |\n|---|---|---|---|---|---|")
    agents = 200_000
    while True:
        with serving() as (url, _pid):
            results, _most = play("steady", url, "--agents", agents, "--interval", "30s", "-t", "75s")
        told = results["measures"]
        rate = statistics.median([second["messages"] for second in results["seconds"]][35:-2])
        is_held = told["lateness_p99"] <= 0.5 and told["failures"] == 0
        print(
            f"| {agents:,} | {rate:,.0f} | {told['lateness_p99'] * 1000:,.0f} ms | {told['p50'] * 1000:.1f} ms, "
            f"{told['p99'] * 1000:.0f} ms | {told['failures']:.0f} | {'yes' if is_held else 'no'} |",
            flush=True,
        )
        if not is_held:
            return
        agents += 100_000


def sizes() -> None:
    """Measure latency and memory by the size of the fleet. Memory is what each agent adds to the process."""
    print("| agents | latency p50, p99 | memory per agent: server | load generator |\n|---|---|---|---|")
    with serving() as (url, pid):
        empty_server = resident(pid)
        _results, empty_load = play("steady", url, "--agents", 1, "--interval", "1s", "-t", "5s")
    for agents in (1_000, 10_000, 100_000):
        with serving() as (url, pid):
            # The same rate for each size: half of what the largest fleet needs at 30 seconds.
            interval = agents / 2_000
            arguments = ("--agents", agents, "--interval", f"{interval}s", "--ramp", "15s")
            results, most = play("steady", url, *arguments, "-t", "40s")
            told, served = results["measures"], resident(pid)
        print(
            f"| {agents:,} | {told['p50'] * 1000:.2f} ms, {told['p99'] * 1000:.2f} ms "
            f"| {(served - empty_server) / agents:,.0f} bytes | {(most - empty_load) / agents:,.0f} bytes |",
            flush=True,
        )


if __name__ == "__main__":
    for part in sys.argv[1:] or ("cost", "storm", "fleet", "sizes"):
        measure = {"cost": cost, "storm": storm, "fleet": fleet, "sizes": sizes}[part]
        print(f"\n{(measure.__doc__ or '').splitlines()[0]}\n")
        measure()
