"""One message, whole: decode it, answer it by the core, keep what changed, and only then encode the reply."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Final

from google.protobuf.message import DecodeError

from opamp_mock_server.connections import Connection, Connections
from opamp_mock_server.core import Core, Outcome
from opamp_mock_server.lines import Line, said
from opamp_mock_server.metrics import Metrics
from opamp_mock_server.overload import Gate, Lane, Overloaded, retry_after
from opamp_mock_server.records import DEFAULT_POLICY, NO_PLAN, AgentRecord, Plan
from opamp_mock_server.stores import Backend, Conflict, StoreRefused, StoreUnavailable
from opamp_proto import opamp_pb2 as pb

_log = logging.getLogger("opamp_mock_server.messages")


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds that a message takes, as on a server that writes to a database."""

    enrollment: float = 0
    check_in: float = 0


_ATTEMPTS: Final = 8
"""How often a message is decided on anew because somebody else has written meanwhile."""
_SECONDS: Final = 1.8
"""How long all that may take where it is not done in memory, so that an agent is answered within two seconds."""


Observer = Callable[[pb.AgentToServer | None, pb.ServerToAgent], None]
"""Is told of a message and its answer; both are its to keep, and not to change.

There is no message where the server speaks unasked, and where what came cannot be decoded.
"""


class Service:
    """What every transport hands its messages to, and the control plane its wishes."""

    def __init__(
        self, core: Core, backend: Backend, connections: Connections, delays: Delays, gate: Gate, metrics: Metrics
    ) -> None:
        self.core = core
        self.store = backend.store
        self.plans = backend.plans
        self.neighbours = backend.neighbours
        self.connections = connections
        self._delays = delays if delays != Delays() else None
        self._gate = gate
        self._metrics = metrics
        self.observers: list[Observer] = []

    async def answer(
        self, data: bytes, connection: Connection | None = None, *, policy_id: str = DEFAULT_POLICY
    ) -> bytes:
        """Answer the bytes of an AgentToServer, from a WebSocket if one is given, with those of a ServerToAgent.

        ``policy_id`` is that of the sender's enrollment key; a WebSocket brings its own. Raises Overloaded.
        """
        began = perf_counter()
        try:
            message = pb.AgentToServer.FromString(data)
        except DecodeError:
            return self.malformed("the message cannot be decoded as an AgentToServer")
        is_new = False
        try:
            if connection is None:
                reply, is_new = await self._answer(message, policy_id, None)
            else:
                async with connection.lock:
                    reply, is_new = await self._answer(message, connection.policy_id, connection)
        except StoreUnavailable:
            reply = self.core.unavailable(message.instance_uid, retry_after())
        except StoreRefused:
            reply = self.core.failure(message.instance_uid)
        self._metrics.answered("enrollment" if is_new else _kind(message, reply), perf_counter() - began)
        if _log.isEnabledFor(logging.INFO):
            _log.info("%s", Line(message, reply))
        return self._told(message, reply)

    def malformed(self, problem: str) -> bytes:
        """Make the reply to something of which not even an instance_uid can be read."""
        if _log.isEnabledFor(logging.INFO):
            _log.info("an undecodable message -> BadRequest: %s", problem)
        self._metrics.answered("refused", 0)
        return self._told(None, self.core.bad_request(b"", problem))

    def overloaded(self, data: bytes, overloaded: Overloaded) -> bytes:
        """Make the reply to a message that is not taken now, where there is no HTTP status to say so (Throttling)."""
        try:
            message = pb.AgentToServer.FromString(data)
        except DecodeError:
            return self.malformed("the message cannot be decoded as an AgentToServer")
        self._metrics.answered("unavailable", 0)
        return self._told(message, self.core.unavailable(message.instance_uid, overloaded.retry_after))

    async def ended(self, connection: Connection) -> None:
        """Forget the agents of a connection that is gone (AgentDisconnect)."""
        for instance_uid in self.connections.agents_on(connection):
            self.connections.release(instance_uid)
            # If that fails, it is found out with the agent's next message.
            with contextlib.suppress(StoreUnavailable, StoreRefused):
                await self._note_departure(instance_uid)

    async def forget_all(self) -> None:
        """Forget every agent, and what is wanted for any; raises StoreUnavailable."""
        await self.plans.clear()
        await self.store.clear()

    async def want(self, instance_uid: bytes, change: Callable[[Plan], Plan]) -> None:
        """Change what an agent is to have; tell it at once if it has a WebSocket, else when it asks next.

        Raises StoreUnavailable.
        """
        while True:
            plan = await self.plans.get(instance_uid)
            try:
                await self.plans.put(instance_uid, change(plan or NO_PLAN))
                break
            except Conflict:
                continue
        await self.tell(instance_uid)

    async def tell(self, instance_uid: bytes) -> None:
        """Do what is wanted for an agent, if its WebSocket is open to this instance."""
        connection = self.connections.of(instance_uid)
        if connection is not None:
            async with connection.lock:
                await self._push(instance_uid, connection)

    async def hang_up(self, instance_uid: bytes) -> bool:
        """End an agent's WebSocket, whichever instance it is open to; tell whether there is one."""
        connection = self.connections.of(instance_uid)
        if connection is not None:
            await connection.close()
            return True
        known = await self.store.get(instance_uid)
        if known is None or not known.instance or not await self.neighbours.is_alive(known.instance):
            return False
        await self.want(instance_uid, lambda plan: replace(plan, hang_up=True))
        return True

    def _told(self, message: pb.AgentToServer | None, reply: pb.ServerToAgent) -> bytes:
        """Tell the observers what is about to be said, and encode it."""
        for observe in self.observers:
            observe(message, reply)
        return reply.SerializeToString()

    async def _answer(
        self, message: pb.AgentToServer, policy_id: str, connection: Connection | None
    ) -> tuple[pb.ServerToAgent, bool]:
        """Answer within the time there is, and tell whether an agent was enrolled.

        Raises StoreUnavailable, StoreRefused or Overloaded.
        """
        is_in_memory = not self.neighbours.name
        if is_in_memory and self._delays is None:
            return await self._decide(message, policy_id, connection)
        lane = self._lane(message)
        async with self._gate.passing(lane):
            if self._delays is not None:
                is_new = lane is Lane.ENROLLMENT
                await asyncio.sleep(self._delays.enrollment if is_new else self._delays.check_in)
            if is_in_memory:
                return await self._decide(message, policy_id, connection)
            try:
                async with asyncio.timeout(_SECONDS):
                    return await self._decide(message, policy_id, connection)
            except TimeoutError as error:
                raise StoreUnavailable("it takes too long") from error

    def _lane(self, message: pb.AgentToServer) -> Lane:
        """Tell what a message is by what is known without asking anybody."""
        if self.core.asks_for_instance_uid(message):
            return Lane.ENROLLMENT
        known, is_certain = self.store.recall(message.instance_uid)
        is_new = known is None and (is_certain or message.HasField("agent_description"))
        return Lane.ENROLLMENT if is_new else Lane.CHECK_IN

    async def _decide(
        self, message: pb.AgentToServer, policy_id: str, connection: Connection | None
    ) -> tuple[pb.ServerToAgent, bool]:
        """Decide, and keep what was decided; again, if it was decided on what is not so any more."""
        is_counted = False
        instance_uid = message.instance_uid
        known, is_certain = self.store.recall(instance_uid)
        # A stranger who describes itself is new, as a rule; if not, the store will say so.
        is_new = self.store.checks_versions and message.HasField("agent_description")
        if known is None and not is_certain and not is_new:
            known, is_certain = await self.store.get(instance_uid), True
        for _ in range(_ATTEMPTS):
            plan = await self.plans.get(instance_uid)
            lives_elsewhere = False
            if connection is not None:
                known, lives_elsewhere = await self._elsewhere(known, instance_uid, connection)
            outcome = self.core.answer(known, message, plan, policy_id=policy_id, lives_elsewhere=lives_elsewhere)
            is_new = bool(outcome.put) and (known is None or outcome.put[0].instance_uid != instance_uid)
            if is_new and self._gate.limits_enrollments and not is_counted:
                if not is_certain:
                    known, is_certain = await self.store.get(instance_uid), True
                    continue  # One that is known after all is no enrollment.
                self._gate.count_enrollment()
                is_counted = True
            if is_certain or any(record.instance_uid == instance_uid for record in outcome.put):
                try:
                    await self._keep(outcome, policy_id, self.neighbours.name if connection is not None else "")
                except Conflict:
                    pass
                except (StoreUnavailable, asyncio.CancelledError):
                    self._disown(outcome, instance_uid)
                    raise
                else:
                    if connection is not None:
                        self._settle(outcome, connection)
                    await self._fulfilled(instance_uid, plan, outcome.plan)
                    return outcome.reply, is_new
            known, is_certain = await self.store.get(instance_uid), True
        raise StoreUnavailable("too many write the record of one agent at once")

    async def _elsewhere(
        self, known: AgentRecord | None, instance_uid: bytes, connection: Connection
    ) -> tuple[AgentRecord | None, bool]:
        """Tell whether an agent lives on another WebSocket, and what is known of it after that was found out."""
        lives_on = self.connections.of(instance_uid)
        if lives_on is not None:
            return known, lives_on is not connection
        if known is None or known.instance in ("", self.neighbours.name):
            return known, False
        is_alive = await self.neighbours.is_alive(known.instance)
        since = await self.store.get(instance_uid)
        return since, is_alive and since is not None and since.instance == known.instance

    async def _keep(self, outcome: Outcome, policy_id: str, instance: str) -> None:
        """Put what changes. What an agent leaves behind comes first: then nothing was decided if it conflicts."""
        if outcome.left_behind is not None:
            await self.store.put(outcome.left_behind)
        for record in outcome.put:
            if record.policy_id != policy_id or record.instance != instance:
                await self.store.put(record._replace(policy_id=policy_id, instance=instance))
            else:
                await self.store.put(record)
        for deleted in outcome.delete:
            await self.store.delete(deleted)

    def _disown(self, outcome: Outcome, instance_uid: bytes) -> None:
        """Give up the new records of which nobody will be told, as the reply is another now."""
        for record in outcome.put:
            if record.instance_uid != instance_uid:
                self.store.disown(record.instance_uid)

    async def _fulfilled(self, instance_uid: bytes, plan: Plan | None, left: Plan | None) -> None:
        """Take note of what is left to be done of a plan."""
        if left is not None and left != plan:
            # A plan that was changed meanwhile, or cannot be written, stays: rather is something said twice than never.
            with contextlib.suppress(Conflict, StoreUnavailable):
                await self.plans.put(instance_uid, left)

    async def _push(self, instance_uid: bytes, connection: Connection) -> None:
        while (plan := await self.plans.get(instance_uid)) is not None:
            if plan.hang_up:
                await self._fulfilled(instance_uid, plan, replace(plan, hang_up=False))
                await connection.close()
                return
            known = await self.store.get(instance_uid)
            outcome = None if known is None else self.core.push(known, plan)
            if known is None or outcome is None:
                return
            try:
                await self._keep(outcome, known.policy_id, known.instance)
            except Conflict:
                continue
            await self._fulfilled(instance_uid, plan, outcome.plan)
            if _log.isEnabledFor(logging.INFO):
                _log.info("%s <- %s", instance_uid.hex(), said(outcome.reply))
            await connection.send(self._told(None, outcome.reply))

    async def _note_departure(self, instance_uid: bytes) -> None:
        for _ in range(_ATTEMPTS):
            known = await self.store.get(instance_uid)
            is_back = self.connections.of(instance_uid) is not None
            if known is None or is_back or known.instance != self.neighbours.name:
                return
            try:
                await self.store.put(self.core.left(known)._replace(instance=""))
            except Conflict:
                continue
            return

    def _settle(self, outcome: Outcome, connection: Connection) -> None:
        """Take note of who lives on a connection now."""
        for record in outcome.put:
            if record.connected:
                self.connections.bind(record.instance_uid, connection)
            elif self.connections.of(record.instance_uid) is connection:
                self.connections.release(record.instance_uid)


def _kind(message: pb.AgentToServer, reply: pb.ServerToAgent) -> str:
    """Name what a message was that enrolled nobody."""
    if reply.HasField("error_response"):
        return _KINDS_OF_ERRORS.get(reply.error_response.type, "failed")
    return "disconnect" if message.HasField("agent_disconnect") else "check_in"


_KINDS_OF_ERRORS: Final = {
    pb.ServerErrorResponseType_BadRequest: "refused",
    pb.ServerErrorResponseType_Unavailable: "unavailable",
}
