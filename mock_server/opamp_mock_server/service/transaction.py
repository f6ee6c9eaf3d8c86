"""One message as a transaction: read the record of the agent, decide, and commit the changes.

The decision may be based on a record that only this process remembers. If another writer was faster, the commit
fails, and the transaction starts again with the current record.
"""

import asyncio
import contextlib
from typing import Final, NamedTuple

from opamp_mock_server.core.agent_state import AgentRecord, DesiredState
from opamp_mock_server.core.core import Core, Outcome
from opamp_mock_server.limits.concurrency import ConcurrencyLimit
from opamp_mock_server.service.connections import Connection, Connections
from opamp_mock_server.stores.store import Backend, ConflictError, DesiredStates, Store, StoreUnavailableError
from opamp_proto import opamp_pb2 as pb

ATTEMPTS: Final = 8
"""How often a transaction is tried before the agent is asked to come back later."""


class Decision(NamedTuple):
    """The decision of the core, and the desired state that it is based on."""

    outcome: Outcome
    desired: DesiredState | None
    is_enrollment: bool


class Transaction:
    """Answers one message from an agent, from a WebSocket if a connection is given."""

    def __init__(
        self,
        core: Core,
        backend: Backend,
        connections: Connections,
        concurrency: ConcurrencyLimit,
        message: pb.AgentToServer,
        policy_id: str,
        connection: Connection | None,
    ) -> None:
        self._core = core
        self._store = backend.store
        self._desired_states = backend.desired_states
        self._peers = backend.peers
        self._connections = connections
        self._concurrency = concurrency
        self._message = message
        self._policy_id = policy_id
        self._connection = connection
        self._known, self._is_certain = self._store.cached(message.instance_uid)
        self._is_counted = False

    async def run(self) -> Decision:
        """Commit a decision and return it. Raises StoreUnavailableError, StoreRefusedError or OverloadedError."""
        if not (self._known or self._is_certain or self._is_probably_new()):
            await self._read()
        for _ in range(ATTEMPTS):
            decision = await self._decide()
            if self._may_commit(decision) and await self._commit(decision):
                return decision
            await self._read()
        raise StoreUnavailableError("too many write the record of one agent at once")

    def _is_probably_new(self) -> bool:
        """Return whether reading can be skipped: an unknown agent with a description is usually new.

        If it is not new, the commit fails.
        """
        return self._store.checks_versions and self._message.HasField("agent_description")

    async def _read(self) -> None:
        self._known, self._is_certain = await self._store.get(self._message.instance_uid), True

    async def _decide(self) -> Decision:
        instance_uid = self._message.instance_uid
        desired = await self._desired_states.get(instance_uid)
        is_elsewhere = self._connection is not None and await self._is_connected_elsewhere(self._connection)
        outcome = self._core.answer(
            self._known, self._message, desired, policy_id=self._policy_id, is_connected_elsewhere=is_elsewhere
        )
        is_enrollment = bool(outcome.put) and (self._known is None or outcome.put[0].instance_uid != instance_uid)
        return Decision(outcome, desired, is_enrollment)

    async def _is_connected_elsewhere(self, connection: Connection) -> bool:
        """Return whether the agent has another WebSocket; asking a peer takes time, so the record is read again."""
        instance_uid, known = self._message.instance_uid, self._known
        other = self._connections.of(instance_uid)
        if other is not None:
            return other is not connection
        if known is None or known.instance in ("", self._peers.name):
            return False
        is_alive = await self._peers.is_alive(known.instance)
        self._known = await self._store.get(instance_uid)
        return is_alive and self._known is not None and self._known.instance == known.instance

    def _may_commit(self, decision: Decision) -> bool:
        """Return whether the decision is based on a certain record, or its commit will show that it was current."""
        if decision.is_enrollment and self._concurrency.limits_enrollments and not self._is_counted:
            if not self._is_certain:
                return False  # An agent that is known after all must not be counted as an enrollment.
            self._concurrency.count_enrollment()
            self._is_counted = True
        instance_uid = self._message.instance_uid
        return self._is_certain or any(record.instance_uid == instance_uid for record in decision.outcome.put)

    async def _commit(self, decision: Decision) -> bool:
        """Write what changes; return False if another writer was faster."""
        outcome, instance_uid = decision.outcome, self._message.instance_uid
        try:
            await write_records(self._store, outcome, self._policy_id, self._peers.name if self._connection else "")
        except ConflictError:
            return False
        except (StoreUnavailableError, asyncio.CancelledError):
            self._discard_new_records(outcome)
            raise
        if self._connection is not None:
            self._bind_agents(outcome, self._connection)
        await save_remaining(self._desired_states, instance_uid, decision.desired, outcome.desired)
        return True

    def _discard_new_records(self, outcome: Outcome) -> None:
        """Discard the records of instance_uids that no agent will receive, because the reply will be an error."""
        for record in outcome.put:
            if record.instance_uid != self._message.instance_uid:
                self._store.delete_later(record.instance_uid)

    def _bind_agents(self, outcome: Outcome, connection: Connection) -> None:
        """Remember which agents use the connection now."""
        for record in outcome.put:
            if record.connected:
                self._connections.bind(record.instance_uid, connection)
            elif self._connections.of(record.instance_uid) is connection:
                self._connections.release(record.instance_uid)


async def write_records(store: Store, outcome: Outcome, policy_id: str, instance: str) -> None:
    """Write the records of an outcome.

    The record under an old instance_uid comes first: if it is in conflict, nothing else has been written.
    """
    if outcome.old_record is not None:
        await store.put(outcome.old_record)
    for record in outcome.put:
        await store.put(_owned(record, policy_id, instance))
    for deleted in outcome.delete:
        await store.delete(deleted)


def _owned(record: AgentRecord, policy_id: str, instance: str) -> AgentRecord:
    if record.policy_id == policy_id and record.instance == instance:
        return record
    return record._replace(policy_id=policy_id, instance=instance)


async def save_remaining(
    desired_states: DesiredStates, instance_uid: bytes, before: DesiredState | None, remaining: DesiredState | None
) -> None:
    """Save the part of a desired state that is still to be done, if it has changed."""
    if remaining is not None and remaining != before:
        # If it was changed meanwhile, or cannot be written, it stays: a message twice is better than none.
        with contextlib.suppress(ConflictError, StoreUnavailableError):
            await desired_states.put(instance_uid, remaining)
