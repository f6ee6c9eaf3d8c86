"""What ``watch`` costs between agents and a server, compared with HAProxy as a bare TCP proxy, as ratios of one run.

    python benchmarks/watch.py [SECONDS] [ROUNDS]

Needs Linux with two cores, haproxy and taskset. The proxy has the first core for itself; the mock server and
websocket_client.py share the second one. Rounds are interleaved, and the table has medians: processor time of the proxy
for each message, and its memory for each of a thousand open WebSockets.
"""

import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).parent
TALKERS, IDLE = 32, 1000
OURS, BARE = "watch", "HAProxy, TCP only"
CONFIGURATION = """
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend agents
    bind 127.0.0.1:{port}
    default_backend servers
backend servers
    server one {server}
"""


@contextlib.contextmanager
def running(core: int, *command: object) -> Iterator[subprocess.Popen[str]]:
    words = ["taskset", "-c", str(core), *map(str, command)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip().rpartition(" ")[2]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@contextlib.contextmanager
def proxy(name: str, server: str) -> Iterator[tuple[int, str, int]]:
    """Start a proxy in front of a server; yields its process id, host and port."""
    with tempfile.TemporaryDirectory() as folder:
        if name == OURS:
            command: Sequence[object] = (
                *(sys.executable, "-m", "opamp_conformance", "watch", "--upstream", f"http://{server}", "--port", "0"),
            )
            with running(0, *command) as process:
                parts = urlsplit(first_line(process))
                yield process.pid, parts.hostname or "", parts.port or 0
            return
        port, file = free_port(), Path(folder, "haproxy.cfg")
        file.write_text(CONFIGURATION.format(port=port, server=server), encoding="ascii")
        with running(0, shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", file) as process:
            time.sleep(1)
            yield process.pid, "127.0.0.1", port


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cost_of_a_message(pid: int, url: str, seconds: int) -> tuple[float, float]:
    """Return the microseconds of the proxy for a message and its answer, and the messages per second."""
    command = ["taskset", "-c", "1", sys.executable, str(HERE / "websocket_client.py"), url, str(TALKERS), str(seconds)]
    before = processor_seconds(pid)
    rate = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    messages = rate * seconds * 1.25  # With those to warm up.
    return (processor_seconds(pid) - before) / messages * 1e6, rate


def cost_of_a_connection(pid: int, host: str, port: int) -> float:
    """Return the kilobytes of the proxy for an open WebSocket."""
    opening = (
        f"GET /v1/opamp HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ).encode()
    before = resident_bytes(pid)
    with contextlib.ExitStack() as stack:
        for _ in range(IDLE):
            connection = stack.enter_context(socket.create_connection((host, port), timeout=10))
            connection.sendall(opening)
            assert connection.recv(1000).startswith(b"HTTP/1.1 101 ")
        return (resident_bytes(pid) - before) / IDLE / 1024


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    for tool in ("haproxy", "taskset"):
        if shutil.which(tool) is None and not Path("/usr/sbin", tool).exists():
            sys.exit(f"{tool} is not installed")
    costs: dict[str, list[tuple[float, float, float]]] = {BARE: [], OURS: []}
    with running(1, sys.executable, "-m", "opamp_conformance", "serve", "--port", "0") as server:
        behind = urlsplit(first_line(server)).netloc
        for _ in range(rounds):
            for name, measured in costs.items():
                with proxy(name, behind) as (pid, host, port):
                    memory = cost_of_a_connection(pid, host, port)
                    measured.append((*cost_of_a_message(pid, f"http://{host}:{port}/v1/opamp", seconds), memory))
    print("| proxy | processor per message | | messages/s | memory per WebSocket |\n|---|---|---|---|---|")
    bare = statistics.median(cost for cost, _, _ in costs[BARE])
    for name, measured in costs.items():
        cost, rate, memory = (statistics.median(values) for values in zip(*measured, strict=True))
        print(f"| {name} | {cost:.1f} µs | {cost / bare:.1f} × | {rate:,.0f} | {memory:.1f} KB |")


if __name__ == "__main__":
    main()
