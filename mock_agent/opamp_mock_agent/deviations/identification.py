"""Deviations of the instance_uid."""

from collections.abc import Sequence

from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_agent.deviations.registry import breaks
from opamp_proto import INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb


@breaks(
    "identification.new-instance-uid.adopt",
    also=(
        *("identification.request-uid.temporary", "identification.new-instance-uid.kept"),
        *("processing.agent-must-process", "csr.uid-change-repeat-flow"),
    ),
)
class KeepsOldUid(Behaviour):
    """The agent ignores a new instance_uid."""

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        message.ClearField("agent_identification")
        return message


@breaks("identification.new-instance-uid.adopt:reconnect", needs="websocket")
class OldUidAfterReconnect(Behaviour):
    """On a new connection, the agent has the instance_uid of its start again."""

    keeps_given_uid_on_reconnect = False


@breaks("identification.new-instance-uid.adopt:any-version")
class AdoptsAsUuid7(Behaviour):
    """The agent makes a UUID of the version 7 of each instance_uid that it is given."""

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        uid = bytearray(message.agent_identification.new_instance_uid)
        if len(uid) == INSTANCE_UID_BYTES:
            uid[6], uid[8] = 0x70 | uid[6] & 0x0F, 0x80 | uid[8] & 0x3F
            message.agent_identification.new_instance_uid = bytes(uid)
        return message


@breaks("identification.instance-uid.length:given", also=("http.instance-uid-header",))
class AdoptsShortUid(Behaviour):
    """The agent adopts an instance_uid of any length."""

    checks_given_uid = False


@breaks("identification.new-instance-uid.adopt:once")
class AdoptsOnce(Behaviour):
    """The agent adopts the first instance_uid that it is given, and no later one."""

    adopts_once = True


@breaks("identification.request-uid.temporary:again")
class AsksForUidAgain(Behaviour):
    """The agent keeps the flag RequestInstanceUid after it was given an instance_uid."""

    asks_for_uid_once = False


@breaks("identification.new-instance-uid.kept")
class ForgetsUid(Behaviour):
    """The agent does not save its instance_uid, so it has another one after a restart."""

    saves_uid = False


@breaks("identification.stable", also=("identification.new-instance-uid.adopt",), needs="websocket")
class NewUidForEachConnection(Behaviour):
    """The agent has another instance_uid on each connection."""

    keeps_uid_on_reconnect = False


@breaks("identification.stable:new-settings")
class NewUidForNewSettings(Behaviour):
    """The agent has another instance_uid when it connects with other settings."""

    keeps_uid_with_new_settings = False


@breaks(
    "identification.self-generate",
    also=(
        *("identification.request-uid.temporary", "identification.every-message.agent", "identification.stable"),
        *("identification.globally-unique", "http.instance-uid-header", "identification.instance-uid.uuidv7"),
        "identification.new-instance-uid.kept",
    ),
)
class NoUid(Behaviour):
    """The agent sends its first message without an instance_uid."""

    def outgoing(self, message: pb.AgentToServer, earlier: Sequence[pb.AgentToServer]) -> pb.AgentToServer:
        if not earlier:
            message.ClearField("instance_uid")
        return message


@breaks("identification.instance-uid.uuidv7")
class Uuid4(Behaviour):
    """The agent makes a UUID of the version 4."""

    def new_instance_uid(self, own: bytes) -> bytes:
        changed = bytearray(own)
        changed[6] = 0x40 | changed[6] & 0x0F
        return bytes(changed)


@breaks("identification.globally-unique", also=("identification.instance-uid.uuidv7",))
class SameUid(Behaviour):
    """Each agent has the same instance_uid."""

    def new_instance_uid(self, own: bytes) -> bytes:
        return bytes.fromhex("01957777777777777777777777777777")[:16]


@breaks(
    "identification.instance-uid.length",
    also=("http.instance-uid-header", "identification.instance-uid.uuidv7", "identification.request-uid.temporary"),
)
class ShortUid(Behaviour):
    """The agent has an instance_uid of 8 bytes."""

    def new_instance_uid(self, own: bytes) -> bytes:
        return own[:8]


@breaks("identification.request-uid.flag")
class NoFlag(Behaviour):
    """The agent never sets RequestInstanceUid."""

    def outgoing(self, message: pb.AgentToServer, earlier: Sequence[pb.AgentToServer]) -> pb.AgentToServer:
        message.flags &= ~pb.AgentToServerFlags_RequestInstanceUid
        return message


@breaks("identification.request-uid.temporary", also=("http.instance-uid-header",))
class NoTemporaryUid(Behaviour):
    """An agent that asks for an instance_uid has none before."""

    def outgoing(self, message: pb.AgentToServer, earlier: Sequence[pb.AgentToServer]) -> pb.AgentToServer:
        if message.flags & pb.AgentToServerFlags_RequestInstanceUid:
            message.ClearField("instance_uid")
        return message


@breaks("identification.new-instance-uid.adopt:beside-flag")
class OldUidInFullReport(Behaviour):
    """The full report that the server asks for beside a new instance_uid has the old one."""

    _last = b""
    _is_asked = False

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        is_asked = bool(message.flags & pb.ServerToAgentFlags_ReportFullState)
        self._is_asked |= is_asked and message.HasField("agent_identification")
        return message

    def outgoing(self, message: pb.AgentToServer, earlier: Sequence[pb.AgentToServer]) -> pb.AgentToServer:
        if self._is_asked and message.HasField("agent_description"):
            message.instance_uid, self._is_asked = self._last, False
        self._last = message.instance_uid
        return message
