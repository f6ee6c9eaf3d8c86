"""How deviations are declared, and how they become part of a server."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from opamp_mock_server.errors import MockServerError

C = TypeVar("C", bound=type)
T = TypeVar("T")


class DeviationError(MockServerError):
    """A deviation breaks the rules of deviations, or changes a part that the server does not have."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """One way to break one requirement. ``also`` are equal requirements of another contract."""

    id: str
    also: tuple[str, ...]
    change: type

    @property
    def breaks(self) -> tuple[str, ...]:
        """The ids of the requirements that it breaks."""
        return (self.id.partition(":")[0], *self.also)

    @property
    def needs_elasticsearch(self) -> bool:
        """Whether it is visible only if the server keeps agents in Elasticsearch."""
        return self.id.startswith("fleet.document.")

    @property
    def summary(self) -> str:
        return (self.change.__doc__ or "").strip()


DEVIATIONS: dict[str, Deviation] = {}
"""All deviations by id, chapter by chapter."""


def breaks(deviation: str, *, also: Sequence[str] = ()) -> Callable[[C], C]:
    """Declare a subclass of a part of the server as a deviation. Raises DeviationError.

    A deviation must not have ``__init__`` or slots: a running server changes the class of its parts, so the attributes
    of a part have to stay the same. ``ServerParts.switch`` does that.
    """

    def declare(change: C) -> C:
        if "__init__" in vars(change) or "__slots__" in vars(change):
            raise DeviationError(f"{deviation}: a deviation must not have __init__ or __slots__")
        DEVIATIONS[deviation] = Deviation(deviation, tuple(also), change)
        return change

    return declare


def apply_deviations(parts: tuple[type[Any], ...], deviations: Sequence[Deviation]) -> tuple[type[Any], ...]:
    """Return the parts of a server, each with the deviations that change it. Raises DeviationError.

    A deviation changes a part if its base class is that part, or a base class of that part.
    """
    changeable = {base for part in parts for base in part.__mro__}
    for deviation in deviations:
        if not set(deviation.change.__bases__) & changeable:
            raise DeviationError(f"{deviation.id} changes a part that this server does not have")
    return tuple(_with(part, deviations) for part in parts)


def _with(base: type[T], deviations: Sequence[Deviation]) -> type[T]:
    changes = [deviation.change for deviation in deviations if set(deviation.change.__bases__) & set(base.__mro__)]
    return type(base.__name__, (*changes, base), {}) if changes else base
