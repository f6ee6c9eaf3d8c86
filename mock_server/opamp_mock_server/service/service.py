"""The service: decodes a message, lets the core answer it, stores what changed, and then encodes the reply."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Final

from google.protobuf.message import DecodeError

from opamp_mock_server.core.agent_state import DEFAULT_POLICY, NOTHING_DESIRED, DesiredState
from opamp_mock_server.core.core import Core
from opamp_mock_server.limits.concurrency import ConcurrencyLimit, Priority
from opamp_mock_server.limits.limits import OverloadedError, retry_after
from opamp_mock_server.limits.pending_bytes import FREE_BYTES, PendingBytes
from opamp_mock_server.metrics import Metrics
from opamp_mock_server.service.connections import Connection, Connections
from opamp_mock_server.service.log_line import LogLine, summary
from opamp_mock_server.service.scripted_answers import ScriptedAnswer, ScriptedAnswers, WithheldReplyError
from opamp_mock_server.service.transaction import ATTEMPTS, Transaction, save_remaining, write_records
from opamp_mock_server.stores.store import Backend, ConflictError, StoreRefusedError, StoreUnavailableError
from opamp_proto import opamp_pb2 as pb

_log = logging.getLogger("opamp_mock_server.messages")


@dataclass(frozen=True, slots=True)
class Delays:
    """Artificial delays in seconds, as on a server that writes to a database."""

    enrollment: float = 0
    check_in: float = 0


_SCRIPTED_MESSAGE: Final = "a scripted message"
_SECONDS: Final = 1.8
"""The time limit for a store that is not in memory, so that an agent gets its reply within two seconds."""


Observer = Callable[[pb.AgentToServer | None, pb.ServerToAgent], None]
"""Gets each message and its reply. It may keep both, but must not change them.

The message is None for an unsolicited reply, and for bytes that cannot be decoded.
"""


class Service:
    """Answers the messages of every transport, and performs the actions of the control plane."""

    def __init__(
        self,
        core: Core,
        backend: Backend,
        connections: Connections,
        delays: Delays,
        concurrency: ConcurrencyLimit,
        metrics: Metrics,
        pending: PendingBytes,
    ) -> None:
        self.core = core
        self.store = backend.store
        self.desired_states = backend.desired_states
        self.connections = connections
        self._backend = backend
        self._delays = delays if delays != Delays() else None
        self._concurrency = concurrency
        self._metrics = metrics
        self._pending = pending
        self.observers: list[Observer] = []
        self.note_provocation: Callable[[bytes, str], None] = lambda instance_uid, by: None
        """Gets the instance_uid of an agent to which a test lets the server do something else than it would."""
        self.scripted = ScriptedAnswers()

    async def answer(
        self, data: bytes, connection: Connection | None = None, *, policy_id: str = DEFAULT_POLICY
    ) -> bytes:
        """Answer a serialized AgentToServer with a serialized ServerToAgent.

        ``connection`` is the WebSocket that the message came from, if any. ``policy_id`` is that of the sender's
        enrollment key; a WebSocket has its own. Raises OverloadedError, or WithheldReplyError if a test wants that.
        """
        if len(data) <= FREE_BYTES:
            return await self._answer_bytes(data, connection, policy_id)
        if not self._pending.hold(len(data)):
            raise OverloadedError("too many large messages")
        try:
            return await self._answer_bytes(data, connection, policy_id)
        finally:
            self._pending.release(len(data))

    async def _answer_bytes(self, data: bytes, connection: Connection | None, policy_id: str) -> bytes:
        began = perf_counter()
        try:
            message = pb.AgentToServer.FromString(data)
        except DecodeError:
            return self.malformed("the message cannot be decoded as an AgentToServer")
        if self.scripted:
            scripted = self.scripted.take(message.instance_uid, is_http=connection is None)
            if scripted is not None:
                return self._as_scripted(message, scripted)
        is_new = False
        try:
            if connection is None:
                reply, is_new = await self._answer(message, policy_id, None)
            else:
                async with connection.lock:
                    reply, is_new = await self._answer(message, connection.policy_id, connection)
        except StoreUnavailableError:
            reply = self.core.unavailable(message.instance_uid, retry_after())
        except StoreRefusedError:
            reply = self.core.failure(message.instance_uid)
        self._metrics.answered("enrollment" if is_new else _kind(message, reply), perf_counter() - began)
        if _log.isEnabledFor(logging.INFO):
            _log.info("%s", LogLine(message, reply))
        addition = self.scripted.addition(message.instance_uid) if self.scripted else None
        if addition is not None:
            reply.MergeFrom(addition)
            self.note_provocation(message.instance_uid, _SCRIPTED_MESSAGE)
        return self._observed(message, reply)

    def _as_scripted(self, message: pb.AgentToServer, scripted: ScriptedAnswer) -> bytes:
        """Answer a message as a test has asked for, without processing it. Raises WithheldReplyError.

        Observers see an empty reply where the answer is no message.
        """
        self.note_provocation(message.instance_uid, "a scripted answer")
        reply = pb.ServerToAgent() if scripted.message is None else scripted.message
        shown = self._observed(message, addressed(reply, message.instance_uid))
        if scripted.data is not None:
            return scripted.data
        if scripted.message is None:
            raise WithheldReplyError(scripted.status, scripted.retry_after)
        return shown

    def malformed(self, problem: str) -> bytes:
        """Return the reply to bytes that cannot be decoded."""
        if _log.isEnabledFor(logging.INFO):
            _log.info("an undecodable message -> BadRequest: %s", problem)
        self._metrics.answered("refused", 0)
        return self._observed(None, self.core.bad_request(b"", problem))

    def overloaded(self, data: bytes, overloaded: OverloadedError) -> bytes:
        """Return the reply to a message above a limit, for a transport that has no HTTP status (Throttling)."""
        try:
            message = pb.AgentToServer.FromString(data)
        except DecodeError:
            return self.malformed("the message cannot be decoded as an AgentToServer")
        self._metrics.answered("unavailable", 0)
        return self._observed(message, self.core.unavailable(message.instance_uid, overloaded.retry_after))

    async def connection_ended(self, connection: Connection) -> None:
        """Mark the agents of a connection as disconnected (AgentDisconnect)."""
        for instance_uid in self.connections.agents_on(connection):
            self.connections.release(instance_uid)
            # If this fails, the agent's next message shows where it is.
            with contextlib.suppress(StoreUnavailableError, StoreRefusedError):
                await self._mark_disconnected(instance_uid)

    async def clear(self) -> None:
        """Delete every agent and every desired state. Raises StoreUnavailableError."""
        self.scripted.clear()
        await self.desired_states.clear()
        await self.store.clear()

    async def change_desired(self, instance_uid: bytes, change: Callable[[DesiredState], DesiredState]) -> None:
        """Change the desired state of an agent. It gets that at once over a WebSocket, otherwise with its next reply.

        Raises StoreUnavailableError.
        """
        while True:
            desired = await self.desired_states.get(instance_uid)
            try:
                await self.desired_states.put(instance_uid, change(desired or NOTHING_DESIRED))
                break
            except ConflictError:
                continue
        await self.push(instance_uid)

    async def push(self, instance_uid: bytes) -> None:
        """Send an agent its desired state, if its WebSocket is open to this instance."""
        connection = self.connections.of(instance_uid)
        if connection is not None:
            async with connection.lock:
                await self._push(instance_uid, connection)

    async def send(self, instance_uid: bytes, message: pb.ServerToAgent) -> None:
        """Send an agent a message: at once over a WebSocket, otherwise with its next reply.

        Raises TooManyScriptsError.
        """
        connection = self.connections.of(instance_uid)
        if connection is None:
            self.scripted.add_fields(instance_uid, message)
            return
        self.note_provocation(instance_uid, _SCRIPTED_MESSAGE)
        async with connection.lock:
            await connection.send(self._observed(None, addressed(message, instance_uid)))

    async def close_connection(self, instance_uid: bytes) -> bool:
        """Close an agent's WebSocket, on whichever instance it is open. Return False if there is none."""
        connection = self.connections.of(instance_uid)
        if connection is not None:
            await connection.close()
            return True
        known = await self.store.get(instance_uid)
        if known is None or not known.instance or not await self._backend.peers.is_alive(known.instance):
            return False
        await self.change_desired(instance_uid, lambda desired: replace(desired, close_connection=True))
        return True

    async def _answer(
        self, message: pb.AgentToServer, policy_id: str, connection: Connection | None
    ) -> tuple[pb.ServerToAgent, bool]:
        """Return the reply, and whether an agent was enrolled. Takes no longer than the time limit.

        Raises StoreUnavailableError, StoreRefusedError or OverloadedError.
        """
        if self._is_in_memory and self._delays is None:
            return await self._commit(message, policy_id, connection)
        priority = self._priority(message)
        async with self._concurrency.slot(priority):
            if self._delays is not None:
                is_new = priority is Priority.ENROLLMENT
                await asyncio.sleep(self._delays.enrollment if is_new else self._delays.check_in)
            if self._is_in_memory:
                return await self._commit(message, policy_id, connection)
            try:
                async with asyncio.timeout(_SECONDS):
                    return await self._commit(message, policy_id, connection)
            except TimeoutError as error:
                raise StoreUnavailableError("it takes too long") from error

    async def _commit(
        self, message: pb.AgentToServer, policy_id: str, connection: Connection | None
    ) -> tuple[pb.ServerToAgent, bool]:
        decision = await Transaction(
            self.core, self._backend, self.connections, self._concurrency, message, policy_id, connection
        ).run()
        desired, remaining = decision.desired, decision.outcome.desired
        if desired is not None and desired.fault is not None and (remaining is None or remaining.fault is None):
            self.note_provocation(message.instance_uid, f"the fault {desired.fault.value}")
        return decision.outcome.reply, decision.is_enrollment

    @property
    def _is_in_memory(self) -> bool:
        return not self._backend.peers.name

    def _priority(self, message: pb.AgentToServer) -> Priority:
        """Guess whether a message enrolls an agent, without asking the store."""
        if self.core.asks_for_instance_uid(message):
            return Priority.ENROLLMENT
        known, is_certain = self.store.cached(message.instance_uid)
        is_new = known is None and (is_certain or message.HasField("agent_description"))
        return Priority.ENROLLMENT if is_new else Priority.CHECK_IN

    def _observed(self, message: pb.AgentToServer | None, reply: pb.ServerToAgent) -> bytes:
        """Encode a reply, after the observers have seen it."""
        for observe in self.observers:
            observe(message, reply)
        return reply.SerializeToString()

    async def _push(self, instance_uid: bytes, connection: Connection) -> None:
        """Send the complete desired state of an agent, as unsolicited messages."""
        while (desired := await self.desired_states.get(instance_uid)) is not None:
            if desired.close_connection:
                remaining = replace(desired, close_connection=False)
                await save_remaining(self.desired_states, instance_uid, desired, remaining)
                await connection.close()
                return
            known = await self.store.get(instance_uid)
            outcome = None if known is None else self.core.push(known, desired)
            if known is None or outcome is None:
                return
            try:
                await write_records(self.store, outcome, known.policy_id, known.instance)
            except ConflictError:
                continue
            await save_remaining(self.desired_states, instance_uid, desired, outcome.desired)
            if _log.isEnabledFor(logging.INFO):
                _log.info("%s <- %s", instance_uid.hex(), summary(outcome.reply))
            await connection.send(self._observed(None, outcome.reply))

    async def _mark_disconnected(self, instance_uid: bytes) -> None:
        for _ in range(ATTEMPTS):
            known = await self.store.get(instance_uid)
            is_back = self.connections.of(instance_uid) is not None
            if known is None or is_back or known.instance != self._backend.peers.name:
                return
            try:
                await self.store.put(self.core.after_connection_end(known)._replace(instance=""))
            except ConflictError:
                continue
            return


def addressed(message: pb.ServerToAgent, instance_uid: bytes) -> pb.ServerToAgent:
    """Return a message with the instance_uid of the agent that it is for, unless it has one."""
    copy = pb.ServerToAgent(instance_uid=instance_uid)
    copy.MergeFrom(message)
    return copy


def _kind(message: pb.AgentToServer, reply: pb.ServerToAgent) -> str:
    """Return the kind of a message that did not enroll an agent, as metrics name it."""
    if reply.HasField("error_response"):
        return _KINDS_OF_ERRORS.get(reply.error_response.type, "failed")
    return "disconnect" if message.HasField("agent_disconnect") else "check_in"


_KINDS_OF_ERRORS: Final = {
    pb.ServerErrorResponseType_BadRequest: "refused",
    pb.ServerErrorResponseType_Unavailable: "unavailable",
}
