"""How deviations of the agent are declared, and how an agent gets them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_agent.errors import SettingsError

C = TypeVar("C", bound=type[Behaviour])


@dataclass(frozen=True, slots=True)
class Deviation:
    """One way to break one requirement. ``also`` are others that are broken with it; ``needs`` is a transport."""

    id: str
    change: type[Behaviour]
    also: tuple[str, ...] = ()
    needs: str = ""

    @property
    def breaks(self) -> tuple[str, ...]:
        """The ids of the requirements that it breaks."""
        return (self.id.partition(":")[0], *self.also)

    @property
    def summary(self) -> str:
        return (self.change.__doc__ or "").strip()


DEVIATIONS: dict[str, Deviation] = {}
"""All deviations by id, chapter by chapter."""


def breaks(deviation: str, *, also: Sequence[str] = (), needs: str = "") -> Callable[[C], C]:
    """Declare a subclass of Behaviour as a deviation."""

    def declare(change: C) -> C:
        DEVIATIONS[deviation] = Deviation(deviation, change, tuple(also), needs)
        return change

    return declare


def behaviour_with(deviations: Sequence[str]) -> Behaviour:
    """Return the behaviour with some deviations; raises SettingsError for an unknown one."""
    unknown = [deviation for deviation in deviations if deviation not in DEVIATIONS]
    if unknown:
        raise SettingsError(f"the agent has no deviation {unknown[0]!r}")
    changes = tuple(DEVIATIONS[deviation].change for deviation in deviations)
    behaviour: Behaviour = type("Behaviour", changes or (Behaviour,), {})()
    return behaviour
