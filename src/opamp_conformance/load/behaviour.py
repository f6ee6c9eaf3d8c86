"""The behaviour of the agents of a fleet."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.reading import read_toml


@dataclass(frozen=True)
class Behaviour:
    """The actions of agents, and their shares, which are between 0 and 1.

    ``asks`` is the share of agents that ask for an instance_uid when they enroll; the others use their own. Without
    ``polls``, an agent is done once it is enrolled, and the test ends with the last agent.

    These are shares of the check-ins: ``changes`` report another health or configuration, ``restarts`` are full reports
    of restarted agents, and in ``churn`` the agent disconnects and enrolls again with the flag. ``duplicates`` is the
    share of the enrollments that is sent twice, as by an agent that missed the answer. Every ``outage_every``
    intervals, the whole fleet loses its connections and comes back at once.
    """

    asks: float = 0.0
    polls: bool = True
    changes: float = 0.0
    restarts: float = 0.0
    churn: float = 0.0
    duplicates: float = 0.0
    outage_every: float = 0.0

    @classmethod
    def read(cls, path: Path) -> "Behaviour":
        """Read the shares of a TOML file; raises InconclusiveError."""
        given = read_toml(path)
        known = {field.name for field in fields(cls)} - {"polls"}
        for name, value in given.items():
            if name not in known:
                raise InconclusiveError(
                    f"the mix {path} has the unknown key {name!r}; it knows {', '.join(sorted(known))}"
                )
            _check(path, name, value)
        return cls(**given)


def _check(path: Path, name: str, value: Any) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    most = float("inf") if name == "outage_every" else 1
    if not is_number or not 0 <= value <= most:
        what = "a number of intervals" if name == "outage_every" else "a share between 0 and 1"
        raise InconclusiveError(f"the mix {path} has {name} = {value!r}, which is not {what}")
