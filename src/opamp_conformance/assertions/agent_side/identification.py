"""The instance_uid of an agent (AgentToServer.instance_uid, AgentIdentification)."""

import uuid

from opamp_conformance.assertions.common import require
from opamp_conformance.errors import NotApplicableError
from opamp_proto import INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb

_UUID_VERSION = 7


def has_uid(message: pb.AgentToServer, uid: bytes) -> None:
    """Assert that a message has this instance_uid of 16 bytes (AgentToServer.instance_uid)."""
    require(message.instance_uid == uid, f"the instance_uid {uid.hex()}", message.instance_uid.hex() or "none")


def lacks_uid(message: pb.AgentToServer, uid: bytes) -> None:
    """Assert that an agent has another instance_uid: its own one, or a fresh one after a start."""
    require(message.instance_uid != uid, f"another instance_uid than {uid.hex()}", "that one")


def has_own_uid(message: pb.AgentToServer) -> None:
    """Assert that an agent that does not ask the server for an instance_uid has one."""
    if message.flags & pb.AgentToServerFlags_RequestInstanceUid:
        raise NotApplicableError("the agent asks the server for an instance_uid")
    require(message.instance_uid, "an instance_uid", "none")


def is_uuid_7(message: pb.AgentToServer) -> None:
    """Assert that an agent's own instance_uid is a UUID of version 7 (AgentToServer.instance_uid)."""
    has_own_uid(message)
    came = message.instance_uid
    version = uuid.UUID(bytes=came).version if len(came) == 16 else None
    require(version == _UUID_VERSION, "a UUID of the version 7", f"{came.hex()}, of the version {version}")


def differ(one: pb.AgentToServer, other: pb.AgentToServer) -> None:
    """Assert that two agents have different instance_uids (AgentToServer.instance_uid)."""
    expected = "two agents with different instance_uids"
    require(one.instance_uid != other.instance_uid, expected, f"both have {one.instance_uid.hex()}")


def asks_for_uid(message: pb.AgentToServer) -> None:
    """Assert that a message asks for an instance_uid (AgentToServerFlags.RequestInstanceUid)."""
    flags = message.flags
    require(flags & pb.AgentToServerFlags_RequestInstanceUid, "the flag RequestInstanceUid", f"the flags {flags:#x}")


def does_not_ask_for_uid(message: pb.AgentToServer) -> None:
    """Assert that a message does not ask for an instance_uid (AgentToServerFlags.RequestInstanceUid)."""
    asks = message.flags & pb.AgentToServerFlags_RequestInstanceUid
    require(not asks, "no flag RequestInstanceUid beside the given instance_uid", f"the flags {message.flags:#x}")


def has_uid_of_16_bytes(message: pb.AgentToServer) -> None:
    """Assert that the instance_uid of a message has 16 bytes (AgentToServer.instance_uid)."""
    length = len(message.instance_uid)
    require(length == INSTANCE_UID_BYTES, "an instance_uid of 16 bytes", f"{length} bytes")
