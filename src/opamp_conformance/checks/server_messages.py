"""The checks of every ServerToAgent: one check for each requirement, applied to each message that arrives."""

import time
from typing import Final
from uuid import UUID

from opamp_conformance.checks.offers import OFFER_CHECKS, Check
from opamp_conformance.errors import Violation
from opamp_conformance.wire.exchange import error_name
from opamp_proto import INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb

_UUID_VERSION: Final = 7
_YEAR: Final = 365 * 24 * 60 * 60
# A clock may be wrong by some years, but a time in another unit than milliseconds is wrong by more.
_MOST_YEARS: Final = 10

DEFINED_SERVER_CAPABILITIES: Final = sum(pb.ServerCapabilities.values())
"""All bits of ServerCapabilities that the specification defines."""

_USED_WITH: Final = {
    "remote_config": pb.ServerCapabilities_OffersRemoteConfig,
    "packages_available": pb.ServerCapabilities_OffersPackages,
    "connection_settings": pb.ServerCapabilities_OffersConnectionSettings
    | pb.ServerCapabilities_AcceptsConnectionSettingsRequest,
}
"""The capabilities of which a server announces one if it uses a field (ServerCapabilities)."""


def _length_of_new_instance_uid(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Violation | None:
    length = len(reply.agent_identification.new_instance_uid)
    if length in (0, INSTANCE_UID_BYTES):
        return None
    return Violation(f"a new_instance_uid of {INSTANCE_UID_BYTES} bytes", f"{length} bytes")


def _version_of_new_instance_uid(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Violation | None:
    announced = reply.agent_identification.new_instance_uid
    if len(announced) != INSTANCE_UID_BYTES:
        return None
    if UUID(bytes=announced).version != _UUID_VERSION:
        return Violation("a UUID version 7 as new_instance_uid", announced.hex())
    # It begins with the time in milliseconds since 1970 (RFC 9562, section 5.7).
    years = (int.from_bytes(announced[:6], "big") / 1000 - time.time()) / _YEAR
    if abs(years) <= _MOST_YEARS:
        return None
    expected = "a UUID version 7 with the present time as new_instance_uid"
    return Violation(expected, f"{announced.hex()}, {years:+.0f} years")


def _echo(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Violation | None:
    # A reply that is addressed to what it announces breaks one promise; a scenario says so, and no other finding does.
    announced = reply.agent_identification.new_instance_uid
    if sent is None or reply.instance_uid == sent.instance_uid or (announced and reply.instance_uid == announced):
        return None
    # An error about a malformed instance_uid may leave it out (docs/ambiguities.md).
    if reply.HasField("error_response") and not reply.instance_uid and len(sent.instance_uid) != INSTANCE_UID_BYTES:
        return None
    return Violation(f"the instance_uid {sent.instance_uid.hex() or '(none)'}", reply.instance_uid.hex() or "none")


def _error_alone(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Violation | None:
    # The first message of a server has capabilities, also if it is an error (docs/ambiguities.md).
    allowed = ("instance_uid", "error_response", "capabilities")
    extra = [field.name for field, _ in reply.ListFields() if field.name not in allowed]
    if not reply.HasField("error_response") or not extra:
        return None
    return Violation("an error_response with no other field than instance_uid", f"also {', '.join(extra)}")


def _retry_info(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Violation | None:
    error = reply.error_response
    if not error.HasField("retry_info") or error.type == pb.ServerErrorResponseType_Unavailable:
        return None
    return Violation("retry_info only with Unavailable", f"retry_info with {error_name(error.type)}")


def _defined_capabilities(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Violation | None:
    undefined = reply.capabilities & ~DEFINED_SERVER_CAPABILITIES
    if not undefined:
        return None
    return Violation("only defined capability bits", f"{reply.capabilities:#x}, of which {undefined:#x} is not defined")


def _command_alone(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Violation | None:
    allowed = ("instance_uid", "capabilities", "command")
    extra = [field.name for field, _ in reply.ListFields() if field.name not in allowed]
    if not reply.HasField("command") or not extra:
        return None
    return Violation("a command with no other field than instance_uid and capabilities", f"also {', '.join(extra)}")


def _error_message(sent: pb.AgentToServer | None, reply: pb.ServerToAgent) -> Violation | None:
    error = reply.error_response
    is_bad_request = reply.HasField("error_response") and error.type == pb.ServerErrorResponseType_BadRequest
    if not is_bad_request or error.error_message.strip():
        return None
    return Violation("an error_message with a BadRequest", "none")


CHECKS: Final[dict[str, Check]] = {
    "identification.new-instance-uid.length": _length_of_new_instance_uid,
    "identification.new-instance-uid.uuidv7": _version_of_new_instance_uid,
    "identification.s2a-matches": _echo,
    "error.excludes-other-fields": _error_alone,
    "error.retry-info-only-unavailable": _retry_info,
    "capabilities.server.undefined-bits-zero": _defined_capabilities,
    "bad-request.message": _error_message,
    "command.alone": _command_alone,
    **OFFER_CHECKS,
}
"""The checks by requirement. Each gets the message that was sent, None if it was not a message, and the reply."""

TRUTHFUL: Final = "capabilities.server.bits-truthful"
"""The one requirement whose check needs more than one reply: the capabilities that the server has announced."""


def undeclared_use(announced: int, reply: pb.ServerToAgent) -> Violation | None:
    """Return the violation of a server that uses a capability it has not ``announced`` (a bit set)."""
    used = [name for name, bit in _USED_WITH.items() if reply.HasField(name) and not announced & bit]
    return Violation("no use of a capability that the server has not announced", ", ".join(used)) if used else None
