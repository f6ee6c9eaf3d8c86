"""The messages of the Open Agent Management Protocol, v0.20.0, for Python.

``opamp_pb2`` and ``anyvalue_pb2`` are generated from the ``.proto`` files beside them (CONTRIBUTING.md);
they use a protobuf package of their own, so that they can
live in one process with any other OpAMP module.
"""

from typing import Final

INSTANCE_UID_BYTES: Final = 16
"""The length of every instance_uid (AgentToServer.instance_uid)."""

CONTENT_TYPE: Final = "application/x-protobuf"
"""The content type of a message over plain HTTP (Plain HTTP Transport)."""


def uuid_text(instance_uid: bytes) -> str:
    """Return an instance_uid as a UUID in its text form (RFC 4122, section 3); one of another length, as it comes."""
    digits = instance_uid.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def varint(number: int) -> bytes:
    """Encode a number from 0 as protobuf does, and as the header of a WebSocket message is."""
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])
