"""WebSocket frames of clients that need no parser: a whole binary message in one frame (RFC 6455, section 5.2)."""

from typing import Final

from websockets.frames import Frame

_FINAL_BINARY: Final = 0x82
_MASKED: Final = 0x80
_TWO_BYTES: Final = 126
"""As the length of a frame, this means that the length is in the next two bytes."""
_MASK_BYTES: Final = 4


def whole_message(data: bytes, most: int | None) -> bytes | None:
    """Return the message if the data is one whole frame that has it, of at most ``most`` bytes; None otherwise."""
    if len(data) < 2 or data[0] != _FINAL_BINARY or data[1] < _MASKED:
        return None
    length, mask = data[1] - _MASKED, 2
    if length > _TWO_BYTES:
        return None  # The length is in eight bytes.
    if length == _TWO_BYTES:
        length, mask = int.from_bytes(data[2:4], "big"), 4
    start = mask + _MASK_BYTES
    if length != len(data) - start or (most is not None and length > most):
        return None
    return _unmasked(data[start:], data[mask:start])


def _unmasked(content: bytes, mask: bytes) -> bytes:
    """Return the exclusive or of a content and its mask, as numbers: a loop over the bytes would take much longer."""
    size = len(content)
    key = (mask * (size // _MASK_BYTES + 1))[:size]
    return (int.from_bytes(content, "little") ^ int.from_bytes(key, "little")).to_bytes(size, "little")


def wire_size(frame: Frame) -> int:
    """Return how many bytes a client's frame took, if its length was written in the shortest way."""
    size = len(frame.data)
    length_bytes = 0 if size < _TWO_BYTES else 2 if size < 1 << 16 else 8
    return 2 + length_bytes + _MASK_BYTES + size
