"""Removes credentials from everything that is printed or written."""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote

from opamp_conformance.text import printable, shortened

REDACTED: Final = "<redacted>"

# Shorter values are not secrets, and to redact them would also remove ordinary words and digits.
_SHORTEST_VALUE: Final = 4
_SHORTEST_PIECE: Final = 6
# Shorter secrets are redacted only as whole words: other words and bytes may happen to contain them.
_SHORTEST_ANYWHERE: Final = 8
_LONGEST_FORM: Final = 6
"""A form of a secret has at most this many times its characters: JSON writes some characters as six."""
_FIRST_OWN: Final = (0, 2, 3)
"""The first character of base64 that shows only the secret, if the secret is the byte 0, 1 or 2 of three."""
_SCHEMES: Final = ("basic", "bearer", "digest", "apikey", "token", "negotiate", "dpop", "oauth", "hoba", "gnap")
"""Names of authentication schemes, which stand before the credentials and are no secrets (RFC 9110, section 11.1)."""


class Redactor:
    """Replaces the header values of the target, and the secrets in them, also in base64 and hexadecimal form."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._names = {name.lower() for name in headers} | {"authorization", "cookie", "set-cookie"}
        secrets = sorted({secret for value in headers.values() for secret in _secrets(value)}, key=len, reverse=True)
        self._text = _any_of(form for secret in secrets for form in _forms(secret))
        self._longest = max((len(secret) for secret in secrets), default=0) * _LONGEST_FORM
        self._data = None if self._text is None else re.compile(self._text.pattern.encode(), re.IGNORECASE)

    def text(self, text: str) -> str:
        return text if self._text is None else self._text.sub(REDACTED, text)

    def data(self, data: bytes) -> bytes:
        """Redact secrets in the bytes of a peer. The length stays the same, so that they can still be decoded."""
        return data if self._data is None else self._data.sub(lambda found: b"*" * len(found[0]), data)

    def start(self, data: bytes, size: int) -> bytes:
        """Do what ``data`` does for the first bytes of a peer, without looking at all of a large body."""
        return self.data(data[: size + self._longest])[:size]

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {
            printable(self.text(name)): REDACTED
            if name.lower() in self._names
            else printable(shortened(self.text(value)))
            for name, value in headers.items()
        }


def _secrets(value: str) -> Iterator[str]:
    """Return the parts of a header value that may be secrets: all of it, its words, and what its base64 contains."""
    if len(value) >= _SHORTEST_VALUE:
        yield value
    words = value.split()
    for word in words[1:] if words and words[0].lower() in _SCHEMES else words:
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
    """Yield the forms in which a secret may be part of other data."""
    data = secret.encode()
    yield secret
    yield data.hex()
    yield quote(secret, safe="")
    yield json.dumps(secret)[1:-1]
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for offset, first in enumerate(_FIRST_OWN):
            # Of the characters at both ends, some bits belong to the bytes around the secret.
            encoded = encode(bytes(offset) + data).decode()
            yield encoded[first : (offset + len(data)) * 8 // 6]


def _any_of(texts: Iterator[str]) -> re.Pattern[str] | None:
    alternatives = [_anywhere_or_as_word(text) for text in texts]
    return re.compile("|".join(alternatives), re.IGNORECASE) if alternatives else None


def _anywhere_or_as_word(text: str) -> str:
    escaped = re.escape(text)
    return escaped if len(text) >= _SHORTEST_ANYWHERE else f"(?<![0-9A-Za-z]){escaped}(?![0-9A-Za-z])"
