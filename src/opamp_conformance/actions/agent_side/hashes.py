"""Hashes of what the scripted server offers: opaque bytes, which an agent returns as they are."""

import hashlib
from typing import Final

_ODD: Final = b"\0\xff"
"""Bytes that change in an agent that takes a hash for text."""


def hash_of(content: str | bytes) -> bytes:
    """Return 66 bytes, more than most algorithms make; each content has its own."""
    data = content.encode() if isinstance(content, str) else content
    digest = hashlib.sha512(data).digest()
    return digest[:8] + _ODD + digest[8:]
