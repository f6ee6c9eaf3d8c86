"""Text for people: suggestions for wrong words, and text that is safe to print."""

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that suggests the known word closest to ``word``; empty if none is close."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def printable(text: str) -> str:
    """Escape the characters that a terminal, or the log of a CI server, obeys instead of showing."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text).replace("##[", "## [")
