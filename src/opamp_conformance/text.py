"""Text for people: suggestions for wrong words, and text that is safe to print."""

import difflib
import re
from collections.abc import Iterable
from typing import Final

MAX_SHOWN_CHARACTERS: Final = 1024
"""How much of a text of a server is shown and kept."""
_MOST_CHARACTERS: Final = 200
# Azure Pipelines and TeamCity find such a command anywhere in a line, older GitHub runners, too.
_COMMAND: Final = re.compile(r"##(?=[A-Za-z]*\[)")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that suggests the known word closest to ``word``; empty if none is close."""
    if len(word) > _MOST_CHARACTERS:
        return ""  # No known word is so long, and the comparisons would take minutes.
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def printable(text: str) -> str:
    """Escape what a terminal, or the log of a CI server, obeys instead of showing; the result is one line."""
    text = text if text.isprintable() else "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    text = _COMMAND.sub("# #", text)
    # GitHub finds a command at the beginning of a line, after any spaces.
    return text.replace("::", ": :", 1) if text.lstrip().startswith("::") else text


def printable_lines(text: str) -> str:
    """Escape a text of several lines, each of them by printable()."""
    return "\n".join(printable(line) for line in text.split("\n"))


def shortened(text: str) -> str:
    """Return the beginning of a text, and its length if that is not all of it."""
    if len(text) <= MAX_SHOWN_CHARACTERS:
        return text
    return f"{text[:MAX_SHOWN_CHARACTERS]}… ({len(text)} characters)"


def counted(number: int, thing: str) -> str:
    """Return a number of things, in the plural unless it is one."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
