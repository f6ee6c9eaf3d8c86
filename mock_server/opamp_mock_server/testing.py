"""The mock server for tests of agents: it returns the messages of the agent, and sends those that a test demands.

pytest has it as the fixtures ``opamp_server`` and ``opamp_session_server``.
"""

import asyncio
import dataclasses
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from google.protobuf.message import Message

from opamp_agent_checks import AgentFinding
from opamp_mock_server.core.agent_state import NOTHING_DESIRED, AgentRecord, DesiredState, Fault, Package
from opamp_mock_server.deviations import DEVIATIONS
from opamp_mock_server.errors import MockServerError
from opamp_mock_server.server import MockServer
from opamp_mock_server.service.needed_capabilities import lacking
from opamp_mock_server.service.scripted_answers import ScriptedAnswer
from opamp_mock_server.service.transport_log import TransportEvent
from opamp_mock_server.settings import Settings
from opamp_mock_server.stores.memory import MemoryStore
from opamp_proto import opamp_pb2 as pb

_FAULTS = ", ".join(repr(fault.value) for fault in Fault)

Matcher = Callable[[pb.AgentToServer], object]
"""Returns whether a message is the expected one."""


class UnknownNameError(MockServerError, ValueError):
    """There is no field, deviation or setting of this name; the message has the nearest one."""


class IncapableAgentError(MockServerError):
    """An agent does not announce the capability for an offer or a command, so that the server would not send it."""


@dataclass(frozen=True)
class Exchanged:
    """A message and its reply. ``at`` is in seconds of time.monotonic().

    ``message`` is None if the reply was unsolicited, or if the message could not be decoded.
    """

    at: float
    message: pb.AgentToServer | None
    reply: pb.ServerToAgent


@dataclass(frozen=True)
class KnownAgent:
    """The record of an agent. ``status`` has the last known value of each part that it reports."""

    instance_uid: bytes
    sequence_num: int
    connected: bool
    capabilities: int
    status: pb.AgentToServer


class OpampServer:
    """A mock server that keeps agents in memory. Everything here may be called from any thread.

    In a coroutine, use ``await server.arrival(...)`` instead of ``expect``, which would block the loop.
    """

    def __init__(self, server: MockServer) -> None:
        self._server = server
        self._exchanged: list[Exchanged] = []
        self._looked_at = 0
        self._has_come = threading.Condition()
        server.observe(self._note)

    @property
    def url(self) -> str:
        """The URL for plain HTTP."""
        return self._server.url

    @property
    def websocket_url(self) -> str:
        """The URL for WebSockets."""
        return "ws" + self._server.url.removeprefix("http")

    @property
    def exchanged(self) -> Sequence[Exchanged]:
        """All messages and replies so far, in order."""
        with self._has_come:
            return tuple(self._exchanged)

    @property
    def messages(self) -> Sequence[pb.AgentToServer]:
        """All messages from agents so far, in order."""
        return [exchanged.message for exchanged in self.exchanged if exchanged.message is not None]

    @property
    def findings(self) -> Sequence[AgentFinding]:
        """What agents broke so far, without what the server has provoked; strings of them are readable."""
        judge = self._server.judge
        return [] if judge is None else [one for one in judge.findings if not one.provoked_by]

    @property
    def transport(self) -> Sequence[TransportEvent]:
        """What was opened, received, sent, refused and closed, in order: the last 2,000 events."""
        return self._server.transport

    @property
    def agents(self) -> Mapping[bytes, KnownAgent]:
        """The enrolled agents by instance_uid."""
        store = self._server.service.store
        assert isinstance(store, MemoryStore)
        return {record.instance_uid: _known(record) for record in store.all()}

    # ---- waiting

    def expect(self, matching: Matcher | None = None, *, within: float = 5.0, **fields: object) -> pb.AgentToServer:
        """Return the next message that matches; wait for it for ``within`` seconds.

        Raises AssertionError if none comes, and UnknownNameError for a field that AgentToServer does not have.

        ``fields`` are the expected values of fields of the message, or True for any value: ``health=True``,
        ``sequence_num=2``. Each message is returned once: the next call continues after it.
        """
        for name in fields:
            _require_known(name, pb.AgentToServer.DESCRIPTOR.fields_by_name, "field of AgentToServer")
        found: pb.AgentToServer | None = None

        def has_come() -> bool:
            nonlocal found
            found = self._next(matching, fields)
            return found is not None

        with self._has_come:
            # The condition has a clock of its own, which tests that replace the time leave alone.
            self._has_come.wait_for(has_come, within)
            if found is None:
                raise AssertionError(self._missed(within, fields))
            return found

    async def arrival(
        self, matching: Matcher | None = None, *, within: float = 5.0, **fields: object
    ) -> pb.AgentToServer:
        """Do what expect() does, in a coroutine."""
        return await asyncio.to_thread(self.expect, matching, within=within, **fields)

    # ---- offers and commands

    def offer_config(self, files: Mapping[str, str | bytes], agent: bytes | None = None) -> None:
        """Offer a remote configuration (files by name) to an agent, or to all enrolled agents.

        This and the other offers, and commands, raise IncapableAgentError for an agent that cannot take them.
        """
        offered = pb.AgentConfigMap()
        for name, content in files.items():
            offered.config_map[name].body = content.encode() if isinstance(content, str) else content
        self._want(agent, lambda desired: replace(desired, remote_config=offered))

    def offer_connection_settings(self, settings: pb.ConnectionSettingsOffers, agent: bytes | None = None) -> None:
        """Offer connection settings. The server sets their hash."""
        self._want(agent, lambda desired: replace(desired, connection_settings=settings))

    def offer_packages(self, packages: Mapping[str, Package], agent: bytes | None = None) -> None:
        """Offer packages, by name; the agent downloads them from this server."""
        self._want(agent, lambda desired: replace(desired, packages=packages))

    def send_custom_message(self, message: pb.CustomMessage, agent: bytes | None = None) -> None:
        """Send a custom message once, if the agent announces its capability."""
        self._want(agent, lambda desired: replace(desired, custom_messages=(*desired.custom_messages, message)))

    def fail_next(self, kind: str, agent: bytes | None = None) -> None:
        """Do not process the next message: as a server that is "overloaded", or that is "failing".

        Raises UnknownNameError.
        """
        if kind not in [fault.value for fault in Fault]:
            raise UnknownNameError(f"a fault is one of {_FAULTS}, not {kind!r}")
        self._want(agent, lambda desired: replace(desired, fault=Fault(kind)))

    def restart(self, agent: bytes | None = None) -> None:
        """Command a restart (ServerToAgentCommand)."""
        self._want(agent, lambda desired: replace(desired, restart=True))

    def send(self, message: pb.ServerToAgent, agent: bytes | None = None) -> None:
        """Send any message: at once over a WebSocket, otherwise with the next reply."""
        for instance_uid in self._named(agent):
            self._server.call(self._server.service.send(instance_uid, message))

    # ---- deviations and failures

    def answer_next(self, answer: ScriptedAnswer, *, times: int = 1, agent: bytes | None = None) -> None:
        """Let the next messages get this answer, and do not process them.

        ``ScriptedAnswer(message=…)``, ``(data=…)``, ``(status=429, retry_after=30)``; ``ScriptedAnswer()`` is silence.
        """

        async def enqueue() -> None:
            for instance_uid in agents:
                self._server.service.scripted.enqueue(instance_uid, answer, times)

        agents = self._named(agent)
        self._server.call(enqueue())

    def deviate(self, *deviations: str) -> None:
        """Activate these deviations, and no others. Raises UnknownNameError or DeviationError."""
        for deviation in deviations:
            _require_known(deviation, DEVIATIONS, "deviation")
        self._server.deviate([DEVIATIONS[deviation] for deviation in deviations])

    @contextmanager
    def deviating(self, *deviations: str) -> Iterator[None]:
        """Activate deviations in the ``with`` block."""
        self.deviate(*deviations)
        try:
            yield
        finally:
            self.deviate()

    def close_connection(self, agent: bytes) -> None:
        """Close the WebSocket of an agent with a Close frame; raises ValueError if it has none."""
        if not self._server.call(self._server.service.close_connection(agent)):
            raise ValueError(f"the agent {agent.hex()} has no WebSocket")

    def drop_connections(self) -> None:
        """Abort all connections, without a Close frame."""
        self._server.drop_connections()

    def forget(self) -> None:
        """Delete all agents, all desired states, all messages, findings and events of the transport."""
        self._server.call(self._server.service.clear())
        with self._has_come:
            self._exchanged.clear()
            self._looked_at = 0
        self._server.forget_traffic()

    def _want(self, agent: bytes | None, change: Callable[[DesiredState], DesiredState]) -> None:
        for instance_uid in self._named(agent):
            known = self.agents.get(instance_uid)
            missing = [] if known is None else lacking(known.capabilities, change(NOTHING_DESIRED))
            if missing:
                raise IncapableAgentError(f"the agent {instance_uid.hex()} does not announce {', '.join(missing)}")
            self._server.call(self._server.service.change_desired(instance_uid, change))

    def _named(self, agent: bytes | None) -> Sequence[bytes]:
        """Return one agent, or all enrolled agents; raises ValueError if there is none."""
        agents = list(self.agents) if agent is None else [agent]
        if not agents:
            raise ValueError("no agent is enrolled yet: call expect() for its first message, or name the agent")
        return agents

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
    with MockServer(replace(settings, judges_agents=True)) as server:
        yield OpampServer(server)


def settings_of(fields: Mapping[str, Any]) -> Settings:
    """Return settings with some fields; raises UnknownNameError for another one."""
    for name in fields:
        _require_known(name, [field.name for field in dataclasses.fields(Settings)], "field of Settings")
    return Settings(**fields)


def _require_known(name: str, known: Iterable[str], kind: str) -> None:
    names = list(known)
    if name not in names:
        near = get_close_matches(name, names, n=1)
        raise UnknownNameError(f"there is no {kind} {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))


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
