"""The versions of the specification that the suite knows."""

from enum import StrEnum
from typing import Final


class SpecVersion(StrEnum):
    """A version of the specification, from the oldest to the newest."""

    V0_18 = "0.18"
    V0_19 = "0.19"
    V0_20 = "0.20"

    @property
    def tag(self) -> str:
        """The tag of its release."""
        return f"v{self}.0"

    @property
    def proto(self) -> str:
        """The path of its messages in the repository of the specification."""
        return "proto/opamp.proto" if self is SpecVersion.V0_18 else "proto/opamp/v1/opamp.proto"

    def is_before(self, other: "SpecVersion") -> bool:
        return _ORDER.index(self) < _ORDER.index(other)


_ORDER: Final = tuple(SpecVersion)

OLDEST: Final = _ORDER[0]
NEWEST: Final = _ORDER[-1]
DEFAULT_VERSION: Final = SpecVersion.V0_18
"""The newest version whose released text the ledger was compared with as a whole."""
