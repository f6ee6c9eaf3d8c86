"""How deviations are declared, found and put to work."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

C = TypeVar("C", bound=type)
T = TypeVar("T")


class CannotDeviate(Exception):
    """A deviation changes a part that the server does not have."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """One way to break one requirement. ``also`` are requirements that say the same in another contract."""

    id: str
    also: tuple[str, ...]
    change: type

    @property
    def breaks(self) -> tuple[str, ...]:
        """The requirements that are broken."""
        return (self.id.partition(":")[0], *self.also)

    @property
    def needs_elasticsearch(self) -> bool:
        """Whether it can be seen only where the server keeps agents in Elasticsearch."""
        return self.id.startswith("fleet.document.")

    @property
    def summary(self) -> str:
        return (self.change.__doc__ or "").strip()


DEVIATIONS: dict[str, Deviation] = {}
"""All deviations by id, in the order of their chapters."""


def breaks(deviation: str, *, also: Sequence[str] = ()) -> Callable[[C], C]:
    """Declare a subclass of a part of the server as a deviation."""

    def declare(change: C) -> C:
        DEVIATIONS[deviation] = Deviation(deviation, tuple(also), change)
        return change

    return declare


def assemble(parts: tuple[type[Any], ...], deviations: Sequence[Deviation]) -> tuple[type[Any], ...]:
    """Return the parts of a server with the deviations that concern each; raises CannotDeviate.

    A deviation concerns a class if it changes that class or one it is built on.
    """
    changeable = {base for part in parts for base in part.__mro__}
    for deviation in deviations:
        if not set(deviation.change.__bases__) & changeable:
            raise CannotDeviate(f"{deviation.id} changes what this server does not promise")
    return tuple(_with(part, deviations) for part in parts)


def _with(base: type[T], deviations: Sequence[Deviation]) -> type[T]:
    changes = [deviation.change for deviation in deviations if set(deviation.change.__bases__) & set(base.__mro__)]
    return type(base.__name__, (*changes, base), {}) if changes else base
