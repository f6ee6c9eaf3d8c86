"""A budget for large messages that have not been answered yet, so that many of them cannot exhaust the memory."""

from collections import Counter
from typing import Final

FREE_BYTES: Final = 64 * 1024
"""Messages up to this size are ordinary: they are not counted, because other limits bound their number."""


class PendingBytes:
    """Counts the bytes of large messages over all connections: those that arrive, and those that are being answered."""

    def __init__(self, most: int, shed: Counter[str]) -> None:
        self._most = most
        self._shed = shed
        self._held = 0

    def hold(self, size: int) -> bool:
        """Take a part of the budget; returns whether there was enough."""
        if self._held + size > self._most:
            self._shed["pending_bytes"] += 1
            return False
        self._held += size
        return True

    def release(self, size: int) -> None:
        """Give a part of the budget back."""
        self._held -= size
