"""Removes credentials from everything that is printed or written."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Final

from opamp_conformance.text import printable

REDACTED: Final = "<redacted>"

# Shorter values are not secrets, and to redact them would also remove ordinary words and digits.
_SHORTEST_VALUE: Final = 4
_SHORTEST_PIECE: Final = 6
# Shorter secrets are redacted only as whole words: other words and bytes may happen to contain them.
_SHORTEST_ANYWHERE: Final = 8
_SCHEMES: Final = ("basic", "bearer", "digest", "apikey", "token", "negotiate", "dpop", "oauth", "hoba", "gnap")
"""Names of authentication schemes, which stand before the credentials and are no secrets (RFC 9110, section 11.1)."""


class Redactor:
    """Replaces the header values of the target, and the secrets in them, also in base64 and hexadecimal form."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._names = {name.lower() for name in headers} | {"authorization", "cookie", "set-cookie"}
        secrets = sorted({secret for value in headers.values() for secret in _secrets(value)}, key=len, reverse=True)
        self._text = _any_of(form for secret in secrets for form in _forms(secret))
        self._data = None if self._text is None else re.compile(self._text.pattern.encode(), re.IGNORECASE)

    def text(self, text: str) -> str:
        return text if self._text is None else self._text.sub(REDACTED, text)

    def data(self, data: bytes) -> bytes:
        """Redact secrets in the bytes of a peer. The length stays the same, so that they can still be decoded."""
        return data if self._data is None else self._data.sub(lambda found: b"*" * len(found[0]), data)

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {
            name: REDACTED if name.lower() in self._names else printable(self.text(value))
            for name, value in headers.items()
        }


def _secrets(value: str) -> Iterator[str]:
    """Return the parts of a header value that may be secrets: all of it, its words, and what its base64 contains."""
    if len(value) >= _SHORTEST_VALUE:
        yield value
    for word in value.split():
        if word.lower() in _SCHEMES:
            continue
        decoded = _decoded(word)
        for piece in (word, decoded, *decoded.split(":")):
            if len(piece) >= _SHORTEST_PIECE:
                yield piece


def _decoded(word: str) -> str:
    try:
        return base64.b64decode(word, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield secret.encode().hex()
    yield base64.b64encode(secret.encode()).decode().rstrip("=")


def _any_of(texts: Iterator[str]) -> re.Pattern[str] | None:
    alternatives = [_anywhere_or_as_word(text) for text in texts]
    return re.compile("|".join(alternatives), re.IGNORECASE) if alternatives else None


def _anywhere_or_as_word(text: str) -> str:
    escaped = re.escape(text)
    return escaped if len(text) >= _SHORTEST_ANYWHERE else f"(?<![0-9A-Za-z]){escaped}(?![0-9A-Za-z])"
