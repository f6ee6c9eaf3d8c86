"""Enrollments and check-ins per second of the mock server on Elasticsearch, compared with bulk requests.

    ELASTICSEARCH_URL=… python benchmarks/elasticsearch_store.py [SECONDS]

Needs wrk. Elasticsearch, the servers and the load generator share the machine's cores; rows are of one run.
"""

import asyncio
import contextlib
import os
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import uvloop
from elasticsearch import AsyncElasticsearch, Elasticsearch

from opamp_conformance.client.agent import Agent
from opamp_mock_server import ElasticsearchSettings as Store
from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.stores.fleet_documents import MAPPINGS, FleetDocuments
from opamp_proto import CONTENT_TYPE
from opamp_proto import opamp_pb2 as pb

HERE = Path(__file__).parent
URL = os.environ["ELASTICSEARCH_URL"]
CONNECTIONS = 256
CHUNK = 500
HEAD = f"POST /v1/opamp HTTP/1.1\r\nHost: x\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: %d\r\n\r\n".encode()
SIZES = (1_000, 10_000, 100_000)


def report() -> bytes:
    """Return the part of a full status report after sequence_num."""
    message = Agent("benchmark").full_status()
    message.ClearField("instance_uid")
    message.ClearField("sequence_num")
    return message.SerializeToString()


def check_in() -> bytes:
    message = Agent("benchmark").check_in()
    message.ClearField("instance_uid")
    message.ClearField("sequence_num")
    return message.SerializeToString()


@dataclass
class Site:
    """Some instances on one index, and the agents that are enrolled there."""

    instances: int
    index: str = field(default_factory=lambda: f"benchmark-{secrets.token_hex(4)}")
    prefix: str = field(default_factory=lambda: secrets.token_hex(4))
    enrolled: int = 0

    @contextlib.contextmanager
    def serving(self) -> Iterator["Site"]:
        command = [sys.executable, "-m", "opamp_conformance", "serve", "--port", "0", "--store", "elasticsearch"]
        processes = [
            subprocess.Popen([*command, "--index", self.index], stdout=subprocess.PIPE, text=True)
            for _ in range(self.instances)
        ]
        try:
            self.urls = [
                process.stdout.readline().strip().rpartition(" ")[2] for process in processes if process.stdout
            ]
            yield self
        finally:
            for process in processes:
                process.terminate()
                process.wait(20)
            store = Store(URL, self.index)
            with Elasticsearch(URL) as client:
                names = [store.index, store.desired_state_index, store.instances_index]
                client.indices.delete(index=names, ignore_unavailable=True)
                for name in names:
                    client.options(ignore_status=404).indices.delete_index_template(name=name)

    def rate(self, mode: str, seconds: float) -> float:
        """Run wrk against each instance, as fast as it can; return messages per second."""
        with tempfile.NamedTemporaryFile() as rest:
            rest.write(report() if mode == "enroll" else check_in())
            rest.flush()
            began = self.count()
            processes = [self._wrk(mode, number, url, seconds, rest.name) for number, url in enumerate(self.urls)]
            outputs = [process.communicate()[0] for process in processes]
        for output in outputs:
            failed = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", output)
            assert failed is None, output
        if mode == "enroll":  # Count only documents in the index.
            return (self.count() - began) / seconds
        return sum(float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1]) for output in outputs)  # type: ignore[index]

    def count(self) -> int:
        with Elasticsearch(URL) as client:
            client.indices.refresh(index=self.index)
            self.enrolled = client.count(index=self.index)["count"]
        return self.enrolled

    def _wrk(self, mode: str, number: int, url: str, seconds: float, rest: str) -> "subprocess.Popen[str]":
        connections = CONNECTIONS // len(self.urls)
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "-s", str(HERE / "fleet.lua"), url]
        # Each instance has its own agents, about as many as the others.
        own = self.enrolled // len(self.urls)
        env = {"FLEET_MODE": mode, "FLEET_REST": rest, "FLEET_PREFIX": f"{self.prefix[:7]}{number}"}
        first = own if mode == "enroll" else 0
        agents = max(1, own * 9 // 10)
        env |= {
            "FLEET_FIRST": str(first),
            "FLEET_AGENTS": str(agents),
            "FLEET_SEQUENCE": "1" if mode == "enroll" else "2",
        }
        return subprocess.Popen(command, env={**os.environ, **env}, stdout=subprocess.PIPE, text=True)


async def bulk_rate(seconds: float) -> float:
    """Index the same documents in bulk with the official client; return documents per second."""
    index = f"benchmark-{secrets.token_hex(4)}"
    documents, agent = FleetDocuments(), Agent("benchmark")
    record = AgentRecord(agent.instance_uid, 1, reported=agent.full_status().SerializeToString(), parts=3)
    text = documents.document(record, "2026-01-01T00:00:00Z", documents.description(record))
    chunk = [line for _ in range(CHUNK) for line in ('{"create":{}}', text)]
    async with AsyncElasticsearch(URL) as client:
        await client.indices.create(index=index, mappings=dict(MAPPINGS))
        end, done = time.monotonic() + seconds, 0

        async def work() -> int:
            count = 0
            while time.monotonic() < end:
                await client.bulk(index=index, operations=chunk, filter_path="errors")  # type: ignore[arg-type]
                count += CHUNK
            return count

        done = sum(await asyncio.gather(work(), work()))
        await client.indices.delete(index=index)
    return done / seconds


async def latencies(urls: list[str], rate: float, seconds: float) -> list[float]:
    """Enroll agents at a steady rate, even before the last answer; return the seconds since each was due.

    It uses bare sockets: a larger client would be measured itself.
    """
    waits: list[float] = []
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    for number in range(CONNECTIONS):
        port = urlsplit(urls[number % len(urls)]).port
        idle.append(await asyncio.open_connection("127.0.0.1", port))
    rest = report()

    async def enroll(due: float) -> None:
        while not idle:
            await asyncio.sleep(0.001)
        reader, writer = idle.pop(0)
        body = b"\x0a\x10" + secrets.token_bytes(16) + b"\x10\x01" + rest
        writer.write(HEAD % len(body) + body)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        reply = pb.ServerToAgent.FromString(await reader.readexactly(length))
        waits.append(time.monotonic() - due)
        assert not reply.HasField("error_response"), reply
        idle.append((reader, writer))

    async with asyncio.TaskGroup() as group:
        began = time.monotonic()
        for number in range(int(rate * seconds)):
            due = began + number / rate
            await asyncio.sleep(max(0, due - time.monotonic()))
            group.create_task(enroll(due))
    for _, writer in idle:
        writer.close()
    return waits


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    limits = [asyncio.run(bulk_rate(seconds)) for _ in range(2)]
    rows = []
    for instances in (1, 2):
        with Site(instances).serving() as site:
            site.rate("enroll", 1)  # to warm up
            enrollments = site.rate("enroll", seconds)
            check_ins = site.rate("check-in", seconds)
            waits = uvloop.run(latencies(site.urls, enrollments / 2, seconds))
            rows.append((instances, enrollments, check_ins, percentile(waits, 50), percentile(waits, 99)))
    limits.append(asyncio.run(bulk_rate(seconds)))
    limit = statistics.median(limits)
    each = ", ".join(f"{one:,.0f}" for one in limits)
    print(f"Bulk indexing by the official client: {limit:,.0f} documents/s ({each})\n")
    print("| instances | enrollments/s | of the limit | check-ins/s | of the limit | median and p99 at half load |")
    print("|---|---|---|---|---|---|")
    for instances, enrollments, check_ins, median, p99 in rows:
        print(
            f"| {instances} | {enrollments:,.0f} | {enrollments / limit:.2f} × | {check_ins:,.0f} "
            f"| {check_ins / limit:.2f} × | {median * 1000:.0f} ms, {p99 * 1000:.0f} ms |"
        )
    print("\n| agents enrolled | enrollments/s | check-ins/s |\n|---|---|---|")
    with Site(1).serving() as site:
        for size in SIZES:
            while site.count() < size:
                site.rate("enroll", 2 if size < SIZES[-1] else 5)
            enrolled = site.enrolled
            check_ins = site.rate("check-in", seconds)
            print(f"| {enrolled:,} | {site.rate('enroll', seconds):,.0f} | {check_ins:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
