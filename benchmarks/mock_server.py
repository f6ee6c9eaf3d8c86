"""Messages per second of the mock server on one core, compared with other servers, as ratios within one run.

    python benchmarks/mock_server.py [SECONDS] [ROUNDS] [--json FILE]

Needs Linux with two cores, wrk, and for the peers node, npm and go. Servers run on the first core, clients on the
second: wrk over plain HTTP with a full status of 454 bytes, and websocket_client.py. Rounds are interleaved, and the
tables have medians. compare.py compares two such files.
"""

import argparse
import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from compare import per_round, save
from opamp_conformance.client.agent import Agent
from opamp_proto import anyvalue_pb2 as any_pb

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))
from support.peers import go_programs, node_programs  # noqa: E402 - built as the tests build them

REPORT_BYTES = 454
CONNECTIONS = 32
OURS = "mock server"
LIBRARY = "opamp-go 0.23.0, bare library server"
SPEAKS_WEBSOCKET = (OURS, LIBRARY)


def report() -> bytes:
    """Return a full status report of REPORT_BYTES."""
    message = Agent("benchmark").full_status()
    attributes = message.agent_description.non_identifying_attributes
    filler = any_pb.KeyValue(key="description", value=any_pb.AnyValue(string_value=""))
    attributes.append(filler)
    while (missing := REPORT_BYTES - message.ByteSize()) > 0:
        attributes[-1].value.string_value += "x" * max(1, missing - 8)
    return message.SerializeToString()


def servers() -> dict[str, Sequence[object]]:
    """Return the command of each server; each prints its URL last on the first line."""
    return {
        OURS: [sys.executable, "-m", "opamp_conformance", "serve", "--port", "0"],
        "bare handler on uvicorn": [sys.executable, HERE / "bare.py"],
        "@elastic/mockopampserver 0.5.0": ["node", node_programs() / "server.js"],
        LIBRARY: [go_programs() / "server"],
    }


@contextlib.contextmanager
def serving(command: Sequence[object]) -> Iterator[str]:
    process = subprocess.Popen(["taskset", "-c", "0", *map(str, command)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip().rpartition(" ")[2]
    finally:
        process.terminate()
        process.wait(10)


def rate(url: str, seconds: int, body: Path) -> float:
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", HERE / "report.lua", url]
    env = {**os.environ, "OPAMP_REPORT": str(body)}
    output = subprocess.run([str(word) for word in command], env=env, check=True, capture_output=True, text=True).stdout
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", output)
    assert failed is None, output
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert found is not None, output
    return float(found[1])


def websocket_rate(url: str, seconds: int) -> float:
    client = [sys.executable, HERE / "websocket_client.py", url, CONNECTIONS, seconds]
    command = ["taskset", "-c", "1", *map(str, client)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def table(rates: dict[str, list[float]]) -> None:
    ours = statistics.median(rates[OURS])
    print("| server | messages/s | mock server is | rounds |\n|---|---|---|---|")
    for name, measured in rates.items():
        median = statistics.median(measured)
        shown = ", ".join(f"{value:,.0f}" for value in measured)
        print(f"| {name} | {median:,.0f} | {ours / median:.2f} × | {shown} |")


def suite_seconds() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "opamp_conformance", "run"], check=True, capture_output=True)
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("seconds", type=int, nargs="?", default=5)
    parser.add_argument("rounds", type=int, nargs="?", default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    seconds, rounds = given.seconds, given.rounds
    for tool in ("wrk", "taskset"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is not installed")
    with tempfile.NamedTemporaryFile() as body:
        body.write(report())
        body.flush()
        http: dict[str, list[float]] = {name: [] for name in servers()}
        websocket: dict[str, list[float]] = {name: [] for name in SPEAKS_WEBSOCKET}
        for _ in range(rounds):
            for name, command in servers().items():
                with serving(command) as url:
                    rate(url, 1, Path(body.name))  # to warm up
                    http[name].append(rate(url, seconds, Path(body.name)))
                    if name in SPEAKS_WEBSOCKET:
                        websocket[name].append(websocket_rate(url, seconds))
    if given.json is not None:
        ratios = {
            f"{transport} against {peer}": per_round(rates[OURS], measured)
            for transport, rates in (("HTTP", http), ("WebSocket", websocket))
            for peer, measured in rates.items()
            if peer != OURS
        }
        save(given.json, "mock_server", ratios)
    print("Plain HTTP\n")
    table(http)
    print("\nWebSocket\n")
    table(websocket)
    print(f"\nthe whole suite on the mock server, process start included: {suite_seconds():.1f} s")


if __name__ == "__main__":
    main()
