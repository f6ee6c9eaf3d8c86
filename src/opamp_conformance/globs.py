"""Globs of users over ids and texts, as in a shell. All of them are bounded: patterns may come from elsewhere."""

import fnmatch
import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final

from opamp_conformance.errors import InconclusiveError

MOST_PATTERNS: Final = 1_000
"""So many patterns can be given at once: each of them is compared with every id."""
_MOST_CHARACTERS: Final = 300
"""The longest pattern: ids are shorter, and the cost of a pattern grows faster than its length."""


def require_bounded(patterns: Collection[str]) -> None:
    """Raise InconclusiveError for a pattern that is too long, and for too many patterns."""
    if len(patterns) > MOST_PATTERNS:
        raise InconclusiveError(f"{len(patterns)} patterns are too many: at most {MOST_PATTERNS} can be given")
    for pattern in patterns:
        if len(pattern) > _MOST_CHARACTERS:
            raise InconclusiveError(f"a pattern of {len(pattern)} characters is too long: at most {_MOST_CHARACTERS}")


def matches(pattern: str, text: str) -> bool:
    """Return whether a whole text matches a pattern, in the same case. Raises InconclusiveError."""
    return _compiled(pattern).match(text) is not None


# The library's own cache is smaller than the number of patterns, so it would compile each of them for each id.
@lru_cache(2 * MOST_PATTERNS)
def _compiled(pattern: str) -> re.Pattern[str]:
    require_bounded((pattern,))
    return re.compile(fnmatch.translate(pattern))
