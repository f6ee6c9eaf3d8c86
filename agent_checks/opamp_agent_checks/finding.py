"""What an agent broke, by requirement."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from opamp_agent_checks.requirements import link_of
from opamp_agent_checks.traffic import Received

MAX_SAMPLES: Final = 3
"""How many messages a finding keeps."""


class Severity(StrEnum):
    """What a finding means for a verdict, by the mildest reading of the specification (docs/ambiguities.md)."""

    FAILURE = "failure"
    WARNING = "warning"


@dataclass
class AgentFinding:
    """A breach of one requirement by one agent, seen ``count`` times; ``samples`` are its first messages.

    ``provoked_by`` names what the server did wrong on purpose at that time, and is empty if it did nothing wrong.
    """

    requirement: str
    severity: Severity
    instance_uid: bytes
    expected: str
    actual: str
    provoked_by: str = ""
    count: int = 0
    samples: list[Received] = field(default_factory=list)

    @property
    def link(self) -> str:
        """The URL of the requirement in the specification."""
        return link_of(self.requirement)

    def __str__(self) -> str:
        provoked = f" (provoked by {self.provoked_by})" if self.provoked_by else ""
        agent = self.instance_uid.hex() or "an unknown agent"
        return (
            f"{self.severity}: {self.requirement}, agent {agent}: expected {self.expected}; got {self.actual}{provoked}"
        )


@dataclass(frozen=True, slots=True)
class Breach:
    """One observation that breaks a requirement."""

    requirement: str
    severity: Severity
    expected: str
    actual: str


def failure(requirement: str, expected: str, actual: str) -> Breach:
    return Breach(requirement, Severity.FAILURE, expected, actual)


def warning(requirement: str, expected: str, actual: str) -> Breach:
    return Breach(requirement, Severity.WARNING, expected, actual)
