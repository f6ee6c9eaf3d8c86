"""Log lines about messages: the names of their fields, without the values."""

from typing import Final

from opamp_proto import opamp_pb2 as pb

_IN_PREFIX: Final = ("instance_uid", "sequence_num")


class LogLine:
    """A message and its reply as one line. The text is made only if the line is logged."""

    def __init__(self, message: pb.AgentToServer, reply: pb.ServerToAgent) -> None:
        self._message = message
        self._reply = reply

    def __str__(self) -> str:
        sent = [field.name for field, _ in self._message.ListFields() if field.name not in _IN_PREFIX]
        return (
            f"{self._message.instance_uid.hex() or 'no instance_uid'} #{self._message.sequence_num} "
            f"{' '.join(sent) or 'nothing new'} -> {summary(self._reply)}"
        )


def summary(reply: pb.ServerToAgent) -> str:
    if reply.HasField("error_response"):
        error = reply.error_response
        return f"{pb.ServerErrorResponseType.Name(error.type).rpartition('_')[2]}: {error.error_message}"
    named = {"agent_identification": f"new_instance_uid={reply.agent_identification.new_instance_uid.hex()}"}
    fields = [field.name for field, _ in reply.ListFields() if field.name != "instance_uid"]
    return " ".join(named.get(name, name) for name in fields) or "acknowledged"
