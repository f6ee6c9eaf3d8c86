"""Faults for tests of a fleet: a proxy with faults on demand, processes to kill, and agents that retry."""

import asyncio
import contextlib
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Final

import aiohttp
from google.protobuf.message import DecodeError

from opamp_conformance.client.agent import REQUEST_INSTANCE_UID, Agent
from opamp_proto import CONTENT_TYPE
from opamp_proto import opamp_pb2 as pb
from support.command_line import interruptible

_OWN_PORTS: Final = range(20_000, 30_000)
"""The system does not give these to listeners that ask for any port, such as those of tests in parallel."""


def free_port() -> int:
    """Return a port that nothing listens on."""
    while True:
        port = random.SystemRandom().choice(_OWN_PORTS)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


class Fault(Enum):
    """What a proxy does to connections."""

    NONE = auto()
    REFUSED = auto()
    """All connections are closed at once, open and new ones."""
    SILENT = auto()
    """No data passes any more, and no connection is closed."""
    SLOW = auto()
    """Every response is three seconds late."""
    LATE = auto()
    """Every response is a little more than a second late: in time for one request, but not for two."""
    BUSY = auto()
    """Every request is answered with 429, as if a queue were full."""


CONNECTIONS = 128
"""How many messages of a fleet are in progress at once."""

_LATENESS = {Fault.SLOW: 3.0, Fault.LATE: 1.05}
_BUSY = (
    b"HTTP/1.1 429 Too Many Requests\r\nX-elastic-product: Elasticsearch\r\nContent-Type: application/json\r\n"
    b"Content-Length: 69\r\nConnection: close\r\n\r\n"
    b'{"error":{"type":"es_rejected_execution_exception"},"status":429    }'
)


class Proxy:
    """A TCP proxy on a free port of this machine, in its own thread. ``fault`` may change at any time."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._open: set[asyncio.StreamWriter] = set()
        self._fault = Fault.NONE
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Proxy":
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    @contextlib.contextmanager
    def having(self, fault: Fault, seconds: float) -> Iterator[None]:
        """Have a fault in the ``with`` block."""
        self._fault = fault
        if fault in (Fault.REFUSED, Fault.BUSY):
            self._loop.call_soon_threadsafe(self._close_all)
        time.sleep(seconds)
        yield
        self._fault = Fault.NONE

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._attend, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        self._loop.run_forever()
        server.close()
        self._close_all()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))  # Transports close with the next turn.
        self._loop.close()

    def _close_all(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if self._fault is Fault.BUSY:
                await reader.read(65536)
                writer.write(_BUSY)
                await writer.drain()
            elif self._fault is not Fault.REFUSED:
                up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
                self._open.add(up_writer)
                await asyncio.gather(
                    self._pass(reader, up_writer, is_back=False), self._pass(up_reader, writer, is_back=True)
                )
        except OSError:
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_back: bool) -> None:
        try:
            while data := await reader.read(65536):
                if is_back:
                    await asyncio.sleep(_LATENESS.get(self._fault, 0))
                while self._fault is Fault.SILENT:
                    await asyncio.sleep(0.05)
                writer.write(data)
                await writer.drain()
        finally:
            self._open.discard(writer)
            writer.close()


@dataclass
class Instance:
    """An instance of the mock server as a process, always on the same port."""

    arguments: list[str]
    port: int = 0

    def start(self) -> None:
        self.port = self.port or free_port()
        where = ["--port", str(self.port), "--contract", "fleet"]
        command = [sys.executable, "-m", "opamp_conformance", "serve", *where, *self.arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=interruptible, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline().startswith("OpAMP mock server"), "the instance does not start"
        self.url = f"http://127.0.0.1:{self.port}/v1/opamp"

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._ended()

    def stop(self) -> None:
        self._process.terminate()
        self._ended()

    def _ended(self) -> None:
        self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()


@dataclass
class ElasticsearchNode:
    """A node of Elasticsearch for one test, by the commands in OPAMP_ELASTICSEARCH_UP and _DOWN. Its data stay."""

    data: Path
    name: str = f"faults-{os.getpid()}"
    port: int = field(default_factory=free_port)
    url: str = ""

    def start(self) -> str:
        """Start it; return its URL."""
        up = shlex.split(os.environ["OPAMP_ELASTICSEARCH_UP"])
        command = [*up, "--name", self.name, "--port", str(self.port), "--data", str(self.data)]
        told = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True).stdout
        self.url = told.strip().partition("=")[2]
        return self.url

    def suspend(self) -> None:
        """Stop its process, so that it keeps its connections and answers nothing. ``kill`` ends it all the same."""
        os.kill(self._pid(), signal.SIGSTOP)

    def _pid(self) -> int:
        from elasticsearch import Elasticsearch  # noqa: PLC0415 (an extra)

        with Elasticsearch(self.url) as client:
            nodes = client.nodes.info(metric="process")["nodes"]
        return int(next(iter(nodes.values()))["process"]["id"])

    def kill(self) -> None:
        subprocess.run(
            [*shlex.split(os.environ["OPAMP_ELASTICSEARCH_DOWN"]), "--name", self.name, "--kill"], check=True
        )


class Fleet:
    """Agents that enroll and then check in repeatedly, at any instance, and always retry."""

    def __init__(self, agents: int, urls: list[str], *, enrolling_seconds: float) -> None:
        self._urls = urls
        self._enrolling_seconds = enrolling_seconds
        self.agents = [Agent(f"agent-{number}") for number in range(agents)]
        self._is_over = False
        self.acknowledged: dict[str, bytes] = {}
        """The instance_uid under which each agent is enrolled, by service.instance.id."""
        self.changed: list[str] = []
        """Agents that got another instance_uid after they were enrolled."""
        self.messages = self.failures = 0
        self.longest_outage = 0.0
        self.recovered: set[str] = set()

    def __enter__(self) -> "Fleet":
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> None:
        """Let every agent check in once more, and end."""
        self._is_over = True
        self._thread.join(60)

    def wait_until_enrolled(self, count: int, seconds: float = 180) -> None:
        end = time.monotonic() + seconds
        while len(self.acknowledged) < count:
            assert time.monotonic() < end, f"{len(self.acknowledged)} agents of {count} are enrolled"
            time.sleep(0.05)

    async def _run(self) -> None:
        connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as self._session:
            await asyncio.gather(*(self._live(number, agent) for number, agent in enumerate(self.agents)))

    async def _live(self, number: int, agent: Agent) -> None:
        await asyncio.sleep(random.random() * self._enrolling_seconds)
        # Every second agent requests an instance_uid, like a cloned machine.
        flags = REQUEST_INSTANCE_UID if number % 2 else 0
        reply = await self._insist(agent, flags=flags)
        agent.instance_uid = reply.agent_identification.new_instance_uid or agent.instance_uid
        self.acknowledged[agent.name] = agent.instance_uid
        while not self._is_over:
            await asyncio.sleep(random.uniform(1, 3))
            reply = await self._insist(agent)
            if reply.HasField("agent_identification"):
                self.changed.append(agent.name)
        await self._insist(agent)
        self.recovered.add(agent.name)

    async def _insist(self, agent: Agent, flags: int = 0) -> pb.ServerToAgent:
        """Report until the server accepts it, with shorter waits than the protocol requires."""
        began = time.monotonic()
        while True:
            message = agent.full_status(flags=flags)
            reply = await self._send(message.SerializeToString())
            self.messages += 1
            if reply is not None and not reply.HasField("error_response"):
                self.longest_outage = max(self.longest_outage, time.monotonic() - began)
                return reply
            self.failures += 1
            await asyncio.sleep(random.uniform(0.5, 1.5))

    async def _send(self, body: bytes) -> pb.ServerToAgent | None:
        url = random.choice(self._urls)
        try:
            async with self._session.post(url, data=body, headers={"Content-Type": CONTENT_TYPE}) as response:
                return pb.ServerToAgent.FromString(await response.read()) if response.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, DecodeError):
            return None
