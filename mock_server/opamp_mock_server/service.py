"""One message, whole: decode it, answer it by the core, keep what changed, and only then encode the reply."""

import logging

from google.protobuf.message import DecodeError

from opamp_mock_server.core import Core
from opamp_mock_server.store import Store
from opamp_proto import opamp_pb2 as pb

_log = logging.getLogger("opamp_mock_server.messages")


class Service:
    """What every transport hands its messages to."""

    def __init__(self, core: Core, store: Store) -> None:
        self._core = core
        self._store = store

    async def answer(self, data: bytes) -> bytes:
        """Answer the bytes of an AgentToServer with those of a ServerToAgent."""
        try:
            message = pb.AgentToServer.FromString(data)
        except DecodeError:
            return self.malformed("the message cannot be decoded as an AgentToServer")
        store = self._store
        outcome = self._core.answer(await store.get(message.instance_uid), message)
        for record in outcome.put:
            await store.put(record)
        for instance_uid in outcome.delete:
            await store.delete(instance_uid)
        if _log.isEnabledFor(logging.INFO):
            _log.info("%s", _Line(message, outcome.reply))
        return outcome.reply.SerializeToString()

    def malformed(self, problem: str) -> bytes:
        """Make the reply to something of which not even an instance_uid can be read."""
        if _log.isEnabledFor(logging.INFO):
            _log.info("an undecodable message -> BadRequest: %s", problem)
        return self._core.bad_request(b"", problem).SerializeToString()


class _Line:
    """A message and its reply as one line for people."""

    def __init__(self, message: pb.AgentToServer, reply: pb.ServerToAgent) -> None:
        self._message = message
        self._reply = reply

    def __str__(self) -> str:
        sent = [field.name for field, _ in self._message.ListFields() if field.name not in _IN_PREFIX]
        got = [field.name for field, _ in self._reply.ListFields() if field.name != "instance_uid"]
        if self._reply.HasField("error_response"):
            error = self._reply.error_response
            got = [f"{pb.ServerErrorResponseType.Name(error.type).rpartition('_')[2]}: {error.error_message}"]
        elif self._reply.HasField("agent_identification"):
            new_instance_uid = self._reply.agent_identification.new_instance_uid.hex()
            got = [f"new_instance_uid={new_instance_uid}" if g == "agent_identification" else g for g in got]
        return (
            f"{self._message.instance_uid.hex() or 'no instance_uid'} #{self._message.sequence_num} "
            f"{' '.join(sent) or 'nothing new'} -> {' '.join(got) or 'acknowledged'}"
        )


_IN_PREFIX = {"instance_uid", "sequence_num"}
