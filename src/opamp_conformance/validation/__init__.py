"""What every reply must keep to, whatever the scenario: checked on each one that arrives.

A breach is laid at the target's door as a finding on its requirement, booked once a run; it does not fail
the scenario that happened to see it. A message of ours that breaks the specification is a HarnessFault.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from opamp_conformance.errors import Breach, HarnessFault
from opamp_conformance.exchange import Exchange
from opamp_conformance.transports.http import Request
from opamp_conformance.validation.offers import OFFER_CHECKS
from opamp_proto import INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb

DEFINED_SERVER_CAPABILITIES: Final = sum(pb.ServerCapabilities.values())
"""All bits of ServerCapabilities that v0.18.0 defines."""
MAX_SAMPLES: Final = 3
"""How many exchanges a finding keeps."""

_USED_WITH: Final = {
    "remote_config": pb.ServerCapabilities_OffersRemoteConfig,
    "packages_available": pb.ServerCapabilities_OffersPackages,
    "connection_settings": pb.ServerCapabilities_OffersConnectionSettings,
}


def _length_of_new_instance_uid(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Breach | None:
    length = len(reply.agent_identification.new_instance_uid)
    if length in (0, INSTANCE_UID_BYTES):
        return None
    return Breach(f"a new_instance_uid of {INSTANCE_UID_BYTES} bytes", f"{length} bytes")


def _echo(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Breach | None:
    # A reply that announces a new instance_uid may be read as addressed to either, and an error about a
    # malformed instance_uid may leave it out (docs/ambiguities.md).
    announced = reply.agent_identification.new_instance_uid
    if sent is None or reply.instance_uid == sent.instance_uid or (announced and reply.instance_uid == announced):
        return None
    if reply.HasField("error_response") and not reply.instance_uid and len(sent.instance_uid) != INSTANCE_UID_BYTES:
        return None
    return Breach(f"the instance_uid {sent.instance_uid.hex() or '(none)'}", reply.instance_uid.hex() or "none")


def _error_alone(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Breach | None:
    # The first message of a server has capabilities, also if it is an error (docs/ambiguities.md).
    allowed = ("instance_uid", "error_response", "capabilities")
    beside = [field.name for field, _ in reply.ListFields() if field.name not in allowed]
    if not reply.HasField("error_response") or not beside:
        return None
    return Breach("an error_response with no field beside it but instance_uid", f"also {', '.join(beside)}")


def _retry_info(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Breach | None:
    error = reply.error_response
    if not error.HasField("retry_info") or error.type == pb.ServerErrorResponseType_Unavailable:
        return None
    return Breach("retry_info with Unavailable only", f"retry_info with {name_of_error(error.type)}")


def _defined_capabilities(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Breach | None:
    undefined = reply.capabilities & ~DEFINED_SERVER_CAPABILITIES
    if not undefined:
        return None
    return Breach("no capability bits but the defined ones", f"{reply.capabilities:#x}, of which {undefined:#x} is not")


def _command_alone(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Breach | None:
    beside = [
        name.name for name, _ in reply.ListFields() if name.name not in ("instance_uid", "capabilities", "command")
    ]
    if not reply.HasField("command") or not beside:
        return None
    return Breach("a command with nothing beside it but instance_uid and capabilities", f"also {', '.join(beside)}")


CHECKS: Final[dict[str, Callable[[pb.AgentToServer | None, pb.ServerToAgent], Breach | None]]] = {
    "identification.new-instance-uid.length": _length_of_new_instance_uid,
    "identification.s2a-matches": _echo,
    "error.excludes-other-fields": _error_alone,
    "error.retry-info-only-unavailable": _retry_info,
    "capabilities.server.undefined-bits-zero": _defined_capabilities,
    "command.alone": _command_alone,
    **OFFER_CHECKS,
}
"""One check a requirement; each is given the message sent, None if it was no message, and the reply."""

TRUTHFUL: Final = "capabilities.server.bits-truthful"
"""The one check that needs to know more than one reply: what the server has said of itself."""


def undeclared_use(announced: int, reply: pb.ServerToAgent) -> Breach | None:
    """Return the breach of a server that uses what is not among its ``announced`` capabilities."""
    used = [name for name, bit in _USED_WITH.items() if reply.HasField(name) and not announced & bit]
    return Breach("no use of capabilities that the server lacks", ", ".join(used)) if used else None


@dataclass
class Finding:
    """A breach of one requirement, seen ``count`` times; ``samples`` are the first ones."""

    requirement: str
    breach: Breach
    count: int = 0
    samples: list[Exchange] = field(default_factory=list)


class Findings:
    """The findings of a run."""

    def __init__(self) -> None:
        self._findings: dict[str, Finding] = {}
        self._announced = 0

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._findings.values())

    def inspect(self, exchange: Exchange) -> None:
        """Check one reply; what is no ServerToAgent at all is for the scenario to judge."""
        if isinstance(exchange.message, Breach):
            return
        sent = exchange.request.message
        is_encoded = isinstance(exchange.request, Request) and "Content-Encoding" in exchange.request.headers
        if exchange.message.HasField("error_response") and is_encoded:
            sent = None  # A server that cannot decompress a message cannot know whose it is.
        for requirement, check in CHECKS.items():
            self._book(requirement, check(sent, exchange.message), exchange)
        self._announced |= exchange.message.capabilities
        if self._announced:
            self._book(TRUTHFUL, undeclared_use(self._announced, exchange.message), exchange)

    def _book(self, requirement: str, breach: Breach | None, exchange: Exchange) -> None:
        if breach is None:
            return
        finding = self._findings.setdefault(requirement, Finding(requirement, breach))
        finding.count += 1
        if finding.count <= MAX_SAMPLES:
            finding.samples.append(exchange)


def check_own(message: pb.AgentToServer) -> None:
    """Raise HarnessFault if a message that is meant to be well-formed is not one an agent may send."""
    if len(message.instance_uid) != INSTANCE_UID_BYTES:
        raise HarnessFault(f"the tester's agent has an instance_uid of {len(message.instance_uid)} bytes")
    if not message.capabilities & pb.AgentCapabilities_ReportsStatus:
        raise HarnessFault("the tester's agent does not report its capabilities")


def name_of_error(kind: int) -> str:
    """Name a ServerErrorResponseType as people do: BadRequest."""
    value = pb.ServerErrorResponseType.DESCRIPTOR.values_by_number.get(kind)
    return f"type {kind}" if value is None else value.name.rpartition("_")[2]
