"""The tester's agent: it composes AgentToServer messages and owns its sequence numbers."""

import platform
from typing import Final

import uuid6

from opamp_proto import anyvalue_pb2
from opamp_proto import opamp_pb2 as pb

REQUEST_INSTANCE_UID: Final = int(pb.AgentToServerFlags_RequestInstanceUid)
"""The flag by which an agent asks for a new instance_uid (AgentToServer.flags)."""
UNKNOWN_FLAG: Final = 0x2
"""A bit of AgentToServer.flags that v0.18.0 does not define."""

SERVICE_NAME: Final = "opamp-conformance"
"""The service.name by which the suite's agents can be told from others on a shared server."""

_CAPABILITIES: Final = int(pb.AgentCapabilities_ReportsStatus | pb.AgentCapabilities_ReportsHealth)


class Agent:
    """An agent as the specification wants it; knows nothing of transports.

    ``run`` names the run it belongs to. Sequence numbers start at 1 and count every message composed.
    """

    def __init__(self, run: str, instance_uid: bytes | None = None) -> None:
        self.run = run
        self.instance_uid = instance_uid if instance_uid is not None else uuid6.uuid7().bytes
        self.sequence_num = 0

    def clone(self) -> "Agent":
        """Return a twin, as of a cloned machine: the same instance_uid, and counting on by itself."""
        twin = Agent(self.run, self.instance_uid)
        twin.sequence_num = self.sequence_num
        return twin

    def adopt(self, new_instance_uid: bytes) -> None:
        """Use an instance_uid from the server from now on (ServerToAgent.agent_identification)."""
        self.instance_uid = new_instance_uid

    def check_in(self, *, flags: int = 0) -> pb.AgentToServer:
        """Compose a message that reports no change (Agent Status Compression)."""
        self.sequence_num += 1
        return pb.AgentToServer(
            instance_uid=self.instance_uid,
            sequence_num=self.sequence_num,
            capabilities=_CAPABILITIES,
            flags=flags,
        )

    def full_status(self, *, flags: int = 0) -> pb.AgentToServer:
        """Compose a status report that leaves nothing out (Status Reporting)."""
        message = self.check_in(flags=flags)
        description = message.agent_description
        description.identifying_attributes.extend(
            [_attribute("service.name", SERVICE_NAME), _attribute("service.instance.id", self.run)]
        )
        description.non_identifying_attributes.append(_attribute("os.type", platform.system().lower()))
        message.health.healthy = True
        message.health.status = "StatusOK"
        return message

    def disconnect(self, *, flags: int = 0, full_report: bool = False) -> pb.AgentToServer:
        """Compose the last message of a session (AgentToServer.agent_disconnect)."""
        message = self.full_status(flags=flags) if full_report else self.check_in(flags=flags)
        message.agent_disconnect.SetInParent()
        return message

    def count_from(self, sequence_num: int) -> None:
        """Give the next message this sequence number, as after a restart."""
        self.sequence_num = sequence_num - 1

    def lose(self, messages: int) -> None:
        """Count messages that never reach the server."""
        self.sequence_num += messages


def _attribute(key: str, value: str) -> anyvalue_pb2.KeyValue:
    return anyvalue_pb2.KeyValue(key=key, value=anyvalue_pb2.AnyValue(string_value=value))
