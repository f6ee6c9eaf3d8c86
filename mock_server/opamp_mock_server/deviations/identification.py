"""Deviations from Identification: wrong instance_uids in replies, and a wrong new_instance_uid."""

import asyncio
import contextlib
import uuid
from collections.abc import MutableMapping
from typing import ClassVar
from weakref import WeakKeyDictionary

from google.protobuf.message import DecodeError

from opamp_mock_server.core.agent_state import AgentRecord, DesiredState
from opamp_mock_server.core.core import Core, Outcome
from opamp_mock_server.deviations.first_agent_only import FirstAgentOnlyConnection
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.transports.websocket import (
    Socket,
    UndecodableMessageError,
    WebSocketConnection,
    WebSocketEndpoint,
)
from opamp_mock_server.transports.websocket_protocol import WebSocketProtocol
from opamp_proto import INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb

_MOMENT_SECONDS = 0.05
"""Long enough for a second message that was sent without waiting to arrive."""


@breaks("identification.s2a-matches", also=["fleet.disconnect.echo", "identification.multiplex"])
class ReplyWithOtherInstanceUid(Core):
    """Replies without a new_instance_uid carry the instance_uid of another agent."""

    def reply(self, message: pb.AgentToServer) -> pb.ServerToAgent:
        reply = super().reply(message)
        if not self.asks_for_instance_uid(message):
            reply.instance_uid = _another(message.instance_uid)
        return reply

    def bad_request(self, instance_uid: bytes, problem: str) -> pb.ServerToAgent:
        return super().bad_request(_another(instance_uid), problem)


@breaks("identification.s2a-matches:on-errors", also=["fleet.disconnect.echo"])
class ErrorWithOtherInstanceUid(Core):
    """Error replies carry the instance_uid of another agent."""

    def bad_request(self, instance_uid: bytes, problem: str) -> pb.ServerToAgent:
        return super().bad_request(_another(instance_uid), problem)


@breaks("identification.s2a-matches:pushes", also=["identification.multiplex"])
class PushWithOtherInstanceUid(Core):
    """Unsolicited messages carry the instance_uid of another agent."""

    def push(self, known: AgentRecord, desired: DesiredState) -> Outcome | None:
        outcome = super().push(known, desired)
        if outcome is not None:
            outcome.reply.instance_uid = _another(known.instance_uid)
        return outcome


@breaks(
    "identification.request-uid.answered", also=["fleet.request-uid.unknown-agent", "fleet.request-uid.known-agent"]
)
class FlagIgnored(Core):
    """RequestInstanceUid is ignored, except in a message with agent_disconnect."""

    def answer_instance_uid_request(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        return self.enroll(message) if known is None else self.check_in(known, message)


@breaks("identification.new-instance-uid.length")
class ShortNewInstanceUid(Core):
    """new_instance_uid has 15 bytes instead of 16."""

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        return super().new_instance_uid(message)[:15]


@breaks("identification.new-instance-uid.length:text")
class TextualNewInstanceUid(Core):
    """new_instance_uid is the text form of a UUID, which has 36 bytes."""

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        return str(uuid.UUID(bytes=super().new_instance_uid(message))).encode()


@breaks("identification.new-instance-uid.uuidv7", also=["fleet.new-uid.uuidv7"])
class NewInstanceUidVersion4(Core):
    """new_instance_uid is a UUID of version 4, although it begins with a timestamp."""

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        uid = bytearray(super().new_instance_uid(message))
        uid[6] = 0x40 | uid[6] & 0x0F
        return bytes(uid)


@breaks("identification.new-instance-uid.uuidv7:variant", also=["fleet.new-uid.uuidv7"])
class NewInstanceUidWrongVariant(Core):
    """new_instance_uid has the variant bits of another kind of UUID."""

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        uid = bytearray(super().new_instance_uid(message))
        uid[8] |= 0xC0
        return bytes(uid)


def _another(instance_uid: bytes) -> bytes:
    return bytes([instance_uid[0] ^ 0xFF]) + instance_uid[1:] if instance_uid else b"another agent"


class _AnotherAgentAnswered(WebSocketEndpoint):
    """Remembers one agent for each WebSocket, and lets a deviation address replies to it."""

    _agents: ClassVar[MutableMapping[WebSocketConnection, bytes]]

    def remembers(self, message: pb.AgentToServer, connection: WebSocketConnection) -> bool:
        """Return whether to remember the sender of a message."""
        raise NotImplementedError

    def is_misled(self, message: pb.AgentToServer) -> bool:
        """Return whether the reply to a message is addressed to the agent that is remembered."""
        raise NotImplementedError

    async def attend(self, message: bytes | str, connection: WebSocketConnection) -> None:
        try:
            data = self.decode(message)
            decoded = pb.AgentToServer.FromString(data)
        except (UndecodableMessageError, DecodeError):
            await super().attend(message, connection)
            return
        if self.remembers(decoded, connection):
            self._agents[connection] = decoded.instance_uid
        reply = pb.ServerToAgent.FromString(await self._service.answer(data, connection))
        if self.is_misled(decoded):
            reply.instance_uid = self._agents.get(connection, reply.instance_uid)
        await connection.send(reply.SerializeToString())


@breaks("identification.multiplex", also=["identification.s2a-matches"])
class OneAgentPerConnection(_AnotherAgentAnswered, WebSocketEndpoint):
    """Replies to reports with a description carry the instance_uid of the first agent on the WebSocket."""

    _agents: ClassVar[MutableMapping[WebSocketConnection, bytes]] = WeakKeyDictionary()

    def remembers(self, message: pb.AgentToServer, connection: WebSocketConnection) -> bool:
        return connection not in self._agents

    def is_misled(self, message: pb.AgentToServer) -> bool:
        return message.HasField("agent_description")


@breaks("identification.multiplex:heartbeat", also=["identification.s2a-matches"])
class LastSpeakerAnswered(_AnotherAgentAnswered, WebSocketEndpoint):
    """Replies to messages without capabilities carry the instance_uid of the agent that described itself last."""

    _agents: ClassVar[MutableMapping[WebSocketConnection, bytes]] = WeakKeyDictionary()

    def remembers(self, message: pb.AgentToServer, connection: WebSocketConnection) -> bool:
        return message.HasField("agent_description")

    def is_misled(self, message: pb.AgentToServer) -> bool:
        return not message.capabilities


@breaks("identification.multiplex:pushes")
class PushToLastSpeaker(Core):
    """Unsolicited messages carry the instance_uid of the agent that reported last."""

    _last = b""

    def record(self, known: AgentRecord | None, message: pb.AgentToServer) -> AgentRecord:
        self._last = message.instance_uid
        return super().record(known, message)

    def push(self, known: AgentRecord, desired: DesiredState) -> Outcome | None:
        outcome = super().push(known, desired)
        if outcome is not None:
            outcome.reply.instance_uid = self._last
        return outcome


@breaks("identification.any-uid", also=["identification.request-uid.answered"])
class OnlyUuidsAccepted(Core):
    """An instance_uid that is not a UUID of version 7 is rejected as malformed."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        is_short = len(message.instance_uid) != INSTANCE_UID_BYTES
        if is_short or uuid.UUID(bytes=message.instance_uid).version == 7:
            return super().malformed(message)
        return "instance_uid is not a UUID of version 7"


class _RemembersNewUids(Core):
    """Remembers the instance_uids that the server has given."""

    _assigned: frozenset[bytes] = frozenset()

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        uid = super().new_instance_uid(message)
        self._assigned |= {uid}
        return uid


@breaks(
    "identification.new-uid-is-served",
    also=[
        "csr.uid-change-server-ready",
        "fleet.check-in",
        "fleet.request-uid.known-agent",
        "identification.request-uid.answered",
    ],
)
class NewInstanceUidUnknown(_RemembersNewUids, Core):
    """A message under a new_instance_uid that the server has given is rejected as malformed."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        is_assigned = message.instance_uid in self._assigned and not message.HasField("agent_disconnect")
        return "the agent is not known" if is_assigned else super().malformed(message)


@breaks("identification.request-uid.answered:once", also=["fleet.request-uid.known-agent"])
class RenamedOnlyOnce(_RemembersNewUids, Core):
    """An agent that has a new_instance_uid from the server gets no other one."""

    def answer_instance_uid_request(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        if known is not None and known.instance_uid in self._assigned:
            return self.check_in(known, message)
        return super().answer_instance_uid_request(known, message)


class _FirstConfigurationConnection(FirstAgentOnlyConnection):
    field = "remote_config"


class _FirstSettingsConnection(FirstAgentOnlyConnection):
    field = "connection_settings"


class _FirstPackagesConnection(FirstAgentOnlyConnection):
    field = "packages_available"


@breaks("remote-config.server-compares-hash:shared")
class ConfigurationForFirstAgentOnly(WebSocketEndpoint):
    """Of the agents of a WebSocket, only the first one has a configuration in its first answer."""

    def connection(self, socket: Socket) -> WebSocketConnection:
        return _FirstConfigurationConnection(socket)


@breaks("own-telemetry.offer-on-first:shared")
class SettingsForFirstAgentOnly(WebSocketEndpoint):
    """Of the agents of a WebSocket, only the first one has connection settings in its first answer."""

    def connection(self, socket: Socket) -> WebSocketConnection:
        return _FirstSettingsConnection(socket)


@breaks("package-status.server-compares-hash:shared")
class PackagesForFirstAgentOnly(WebSocketEndpoint):
    """Of the agents of a WebSocket, only the first one has packages in its first answer."""

    def connection(self, socket: Socket) -> WebSocketConnection:
        return _FirstPackagesConnection(socket)


@breaks("identification.multiplex:without-waiting", also=["identification.s2a-matches"])
class AnswersToLatestAgent(WebSocketProtocol):
    """An answer takes a moment, and has the instance_uid of the message that has arrived last on the WebSocket."""

    _latest: bytes = b""

    def receive(self, data: bytes) -> None:
        with contextlib.suppress(DecodeError):
            self._latest = pb.AgentToServer.FromString(data[1:]).instance_uid
        super().receive(data)

    async def send(self, message: bytes | str) -> None:
        if self._is_busy and isinstance(message, bytes) and self._latest:
            await asyncio.sleep(_MOMENT_SECONDS)
            reply = pb.ServerToAgent.FromString(message[1:])
            reply.instance_uid = self._latest
            message = message[:1] + reply.SerializeToString()
        await super().send(message)
