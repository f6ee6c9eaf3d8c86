"""The mock server in the hands of a test of an agent: what the agent said, and what it is to be told.

To pytest it comes as the fixtures ``opamp_server`` and ``opamp_session_server``.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from google.protobuf.message import Message

from opamp_mock_server.deviations import DEVIATIONS
from opamp_mock_server.records import AgentRecord, Plan
from opamp_mock_server.server import MockServer
from opamp_mock_server.settings import Settings
from opamp_mock_server.stores.memory import MemoryStore
from opamp_proto import opamp_pb2 as pb

Matcher = Callable[[pb.AgentToServer], object]
"""Tells whether a message is the one that is waited for."""


@dataclass(frozen=True)
class Exchanged:
    """A message and its answer; ``at`` is in seconds of time.monotonic().

    There is no message where the server spoke unasked, and where what came could not be decoded.
    """

    at: float
    message: pb.AgentToServer | None
    reply: pb.ServerToAgent


@dataclass(frozen=True)
class KnownAgent:
    """What the server knows of an agent; ``status`` has the last known value of each part that it reports."""

    instance_uid: bytes
    sequence_num: int
    connected: bool
    capabilities: int
    status: pb.AgentToServer


class OpampServer:
    """A mock server that keeps agents in memory. Everything here may be called from any thread.

    In a coroutine use ``await server.arrival(...)`` in place of ``expect``, which would keep the loop from its work.
    """

    def __init__(self, server: MockServer) -> None:
        self._server = server
        self._exchanged: list[Exchanged] = []
        self._looked_at = 0
        self._has_come = threading.Condition()
        server.observe(self._note)

    @property
    def url(self) -> str:
        """Where agents speak plain HTTP."""
        return self._server.url

    @property
    def websocket_url(self) -> str:
        """Where agents open WebSockets."""
        return "ws" + self._server.url.removeprefix("http")

    @property
    def exchanged(self) -> Sequence[Exchanged]:
        """Everything that was said so far, in its order."""
        with self._has_come:
            return tuple(self._exchanged)

    @property
    def messages(self) -> Sequence[pb.AgentToServer]:
        """All messages that were answered so far."""
        return [exchanged.message for exchanged in self.exchanged if exchanged.message is not None]

    @property
    def agents(self) -> Mapping[bytes, KnownAgent]:
        """The enrolled agents by instance_uid."""
        store = self._server.service.store
        assert isinstance(store, MemoryStore)
        return {record.instance_uid: _known(record) for record in store.all()}

    # ---- waiting

    def expect(self, matching: Matcher | None = None, *, within: float = 5.0, **fields: object) -> pb.AgentToServer:
        """Return the next message that matches, wait for it if it has not come; raises AssertionError.

        ``fields`` have values that fields of the message are to have, or True for any value: ``health=True``,
        ``sequence_num=2``. Messages are looked at once: the next call goes on behind the one that is returned.
        """
        deadline = time.monotonic() + within
        with self._has_come:
            while True:
                found = self._next(matching, fields)
                if found is not None:
                    return found
                if not self._has_come.wait(deadline - time.monotonic()):
                    raise AssertionError(self._missed(within, fields))

    async def arrival(
        self, matching: Matcher | None = None, *, within: float = 5.0, **fields: object
    ) -> pb.AgentToServer:
        """Do what expect() does, in a coroutine."""
        return await asyncio.to_thread(self.expect, matching, within=within, **fields)

    # ---- what agents are to be told

    def offer_config(self, files: Mapping[str, str | bytes], agent: bytes | None = None) -> None:
        """Offer a remote configuration, files by name, to an agent, or to all that are enrolled."""
        offered = pb.AgentConfigMap()
        for name, content in files.items():
            offered.config_map[name].body = content.encode() if isinstance(content, str) else content
        self._want(agent, lambda plan: replace(plan, remote_config=offered))

    def offer_connection_settings(self, settings: pb.ConnectionSettingsOffers, agent: bytes | None = None) -> None:
        """Offer connection settings; their hash is the server's."""
        self._want(agent, lambda plan: replace(plan, connection_settings=settings))

    def restart(self, agent: bytes | None = None) -> None:
        """Command a restart (ServerToAgentCommand)."""
        self._want(agent, lambda plan: replace(plan, restart=True))

    # ---- misbehaviour

    def deviate(self, *deviations: str) -> None:
        """Break these requirements from now on, and no others; without any, none. Raises KeyError or CannotDeviate."""
        self._server.deviate([DEVIATIONS[deviation] for deviation in deviations])

    @contextmanager
    def deviating(self, *deviations: str) -> Iterator[None]:
        """Break requirements in the ``with`` block."""
        self.deviate(*deviations)
        try:
            yield
        finally:
            self.deviate()

    def drop_connections(self) -> None:
        """Break every connection off, without a word."""
        self._server.drop_connections()

    def forget(self) -> None:
        """Forget every agent, what is wanted for any, and every message."""
        self._server.call(self._server.service.forget_all())
        with self._has_come:
            self._exchanged.clear()
            self._looked_at = 0

    def _want(self, agent: bytes | None, change: Callable[[Plan], Plan]) -> None:
        agents = list(self.agents) if agent is None else [agent]
        if not agents:
            raise ValueError("no agent is enrolled yet: expect() its first message before, or name the agent")
        for instance_uid in agents:
            self._server.call(self._server.service.want(instance_uid, change))

    def _note(self, message: pb.AgentToServer | None, reply: pb.ServerToAgent) -> None:
        with self._has_come:
            self._exchanged.append(Exchanged(time.monotonic(), message, reply))
            self._has_come.notify_all()

    def _next(self, matching: Matcher | None, fields: Mapping[str, object]) -> pb.AgentToServer | None:
        for number in range(self._looked_at, len(self._exchanged)):
            message = self._exchanged[number].message
            if message is not None and _has(message, fields) and (matching is None or matching(message)):
                self._looked_at = number + 1
                return message
        return None

    def _missed(self, within: float, fields: Mapping[str, object]) -> str:
        wanted = f" with {', '.join(f'{name}={value!r}' for name, value in fields.items())}" if fields else ""
        messages = [exchanged.message for exchanged in self._exchanged[self._looked_at :]]
        came = [_described(message) for message in messages if message is not None]
        return f"no such message{wanted} came within {within:g} seconds; these came: {'; '.join(came) or 'none'}"


@contextmanager
def started(settings: Settings = Settings()) -> Iterator[OpampServer]:
    """Start a mock server on a free port of this machine for the ``with`` block."""
    with MockServer(settings) as server:
        yield OpampServer(server)


def _known(record: AgentRecord) -> KnownAgent:
    status = pb.AgentToServer.FromString(record.reported)
    return KnownAgent(record.instance_uid, record.sequence_num, record.connected, record.capabilities, status)


def _has(message: pb.AgentToServer, fields: Mapping[str, object]) -> bool:
    return all(_is(getattr(message, name), value, message, name) for name, value in fields.items())


def _is(actual: object, wanted: object, message: pb.AgentToServer, name: str) -> bool:
    if wanted is True:
        return message.HasField(name) if isinstance(actual, Message) else bool(actual)
    return bool(actual == wanted)


def _described(message: pb.AgentToServer) -> str:
    fields = [field.name for field, _ in message.ListFields() if field.name not in ("instance_uid", "sequence_num")]
    return f"#{message.sequence_num} of {message.instance_uid.hex()} with {', '.join(fields) or 'nothing'}"
