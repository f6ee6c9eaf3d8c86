"""One message, whole: decode it, answer it by the core, keep what changed, and only then encode the reply."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from opamp_mock_server.connections import Connection, Connections
from opamp_mock_server.core import Core, Outcome
from opamp_mock_server.plans import Plans
from opamp_mock_server.records import NO_PLAN, Plan
from opamp_mock_server.store import Store
from opamp_proto import opamp_pb2 as pb

_log = logging.getLogger("opamp_mock_server.messages")


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds that a message takes, as on a server that writes to a database."""

    enrollment: float = 0
    check_in: float = 0


class Service:
    """What every transport hands its messages to, and the control plane its wishes."""

    def __init__(self, core: Core, store: Store, plans: Plans, connections: Connections, delays: Delays) -> None:
        self.core = core
        self.store = store
        self.plans = plans
        self.connections = connections
        self._delays = delays if delays != Delays() else None

    async def answer(self, data: bytes, connection: Connection | None = None) -> bytes:
        """Answer the bytes of an AgentToServer, from a WebSocket if one is given, with those of a ServerToAgent."""
        try:
            message = pb.AgentToServer.FromString(data)
        except DecodeError:
            return self.malformed("the message cannot be decoded as an AgentToServer")
        instance_uid = message.instance_uid
        known = await self.store.get(instance_uid)
        if self._delays is not None:
            is_new = known is None or self.core.asks_for_instance_uid(message)
            await asyncio.sleep(self._delays.enrollment if is_new else self._delays.check_in)
            known = await self.store.get(instance_uid)  # Much may have happened meanwhile.
        plan = self.plans.get(instance_uid)
        lives_on = self.connections.of(instance_uid) if connection is not None else None
        lives_elsewhere = lives_on is not None and lives_on is not connection
        outcome = self.core.answer(known, message, plan, lives_elsewhere=lives_elsewhere)
        await self._keep(outcome, plan, instance_uid)
        if connection is not None:
            self._settle(outcome, connection)
        if _log.isEnabledFor(logging.INFO):
            _log.info("%s", _Line(message, outcome.reply))
        return outcome.reply.SerializeToString()

    def malformed(self, problem: str) -> bytes:
        """Make the reply to something of which not even an instance_uid can be read."""
        if _log.isEnabledFor(logging.INFO):
            _log.info("an undecodable message -> BadRequest: %s", problem)
        return self.core.bad_request(b"", problem).SerializeToString()

    async def ended(self, connection: Connection) -> None:
        """Forget the agents of a connection that is gone (AgentDisconnect)."""
        for instance_uid in self.connections.agents_on(connection):
            self.connections.release(instance_uid)
            known = await self.store.get(instance_uid)
            if known is not None:
                await self.store.put(self.core.left(known))

    async def want(self, instance_uid: bytes, change: Callable[[Plan], Plan]) -> None:
        """Change what an agent is to have; tell it at once if it has a WebSocket, else when it asks next."""
        self.plans.put(instance_uid, change(self.plans.get(instance_uid) or NO_PLAN))
        connection = self.connections.of(instance_uid)
        if connection is not None:
            await self._push(instance_uid, connection)

    async def _push(self, instance_uid: bytes, connection: Connection) -> None:
        while (plan := self.plans.get(instance_uid)) is not None:
            known = await self.store.get(instance_uid)
            outcome = None if known is None else self.core.push(known, plan)
            if outcome is None:
                return
            await self._keep(outcome, plan, instance_uid)
            if _log.isEnabledFor(logging.INFO):
                _log.info("%s <- %s", instance_uid.hex(), _said(outcome.reply))
            await connection.send(outcome.reply.SerializeToString())

    async def _keep(self, outcome: Outcome, plan: Plan | None, instance_uid: bytes) -> None:
        for record in outcome.put:
            await self.store.put(record)
        for deleted in outcome.delete:
            await self.store.delete(deleted)
        if outcome.plan is not plan and outcome.plan is not None:
            self.plans.put(instance_uid, outcome.plan)

    def _settle(self, outcome: Outcome, connection: Connection) -> None:
        """Take note of who lives on a connection now."""
        for record in outcome.put:
            if record.connected:
                self.connections.bind(record.instance_uid, connection)
            elif self.connections.of(record.instance_uid) is connection:
                self.connections.release(record.instance_uid)


class _Line:
    """A message and its reply as one line for people."""

    def __init__(self, message: pb.AgentToServer, reply: pb.ServerToAgent) -> None:
        self._message = message
        self._reply = reply

    def __str__(self) -> str:
        sent = [field.name for field, _ in self._message.ListFields() if field.name not in _IN_PREFIX]
        return (
            f"{self._message.instance_uid.hex() or 'no instance_uid'} #{self._message.sequence_num} "
            f"{' '.join(sent) or 'nothing new'} -> {_said(self._reply)}"
        )


def _said(reply: pb.ServerToAgent) -> str:
    if reply.HasField("error_response"):
        error = reply.error_response
        return f"{pb.ServerErrorResponseType.Name(error.type).rpartition('_')[2]}: {error.error_message}"
    said = [field.name for field, _ in reply.ListFields() if field.name != "instance_uid"]
    if reply.HasField("agent_identification"):
        new_instance_uid = reply.agent_identification.new_instance_uid.hex()
        said = [f"new_instance_uid={new_instance_uid}" if name == "agent_identification" else name for name in said]
    return " ".join(said) or "acknowledged"


_IN_PREFIX = {"instance_uid", "sequence_num"}
