"""The messages of the Open Agent Management Protocol, v0.18.0, for Python.

``opamp_pb2`` and ``anyvalue_pb2`` are generated from the ``.proto`` files beside them (CONTRIBUTING.md);
they use a protobuf package of their own, so that they can
live in one process with any other OpAMP module.
"""

from typing import Final

SPECIFICATION_VERSION: Final = "v0.18.0"
"""The tag of the OpAMP specification whose messages these are."""

INSTANCE_UID_BYTES: Final = 16
"""The length of every instance_uid (AgentToServer.instance_uid)."""

CONTENT_TYPE: Final = "application/x-protobuf"
"""The content type of a message over plain HTTP (Plain HTTP Transport)."""


def varint(number: int) -> bytes:
    """Encode a number from 0 as protobuf does, and as the header of a WebSocket message is."""
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])
