"""Keeps credentials out of everything that is printed or written."""

from collections.abc import Mapping
from typing import Final

REDACTED: Final = "<redacted>"

# Shorter pieces are no secrets, and would blot out ordinary words.
_SHORTEST_SECRET: Final = 6


class Redactor:
    """Replaces the values of the target's headers, and the parts of them that are the secret proper."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._names = {name.lower() for name in headers} | {"authorization", "cookie", "set-cookie"}
        secrets = {piece for value in headers.values() for piece in (value, *value.split())}
        self._secrets = sorted((s for s in secrets if len(s) >= _SHORTEST_SECRET), key=len, reverse=True)

    def text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return text

    def data(self, data: bytes) -> bytes:
        """Blot out secrets that a peer sends back in its bytes; lengths stay, so that they still decode."""
        for secret in self._secrets:
            data = data.replace(secret.encode(), b"*" * len(secret.encode()))
        return data

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {name: REDACTED if name.lower() in self._names else self.text(value) for name, value in headers.items()}
