"""What the contract of Fleet Server demands of an answer, beyond the specification: enrollment and its refusals."""

import time
from typing import Final
from uuid import UUID

from opamp_conformance.checks.situation import Rule, Situation
from opamp_conformance.errors import Violation
from opamp_conformance.wire.exchange import error_name
from opamp_proto import INSTANCE_UID_BYTES

_UUID_VERSION: Final = 7
_DAY: Final = 24 * 60 * 60


def _refuses_disconnect_with_flag(at: Situation) -> Violation | None:
    if not at.is_disconnect or not at.asks_for_uid or at.is_bad_request:
        return None
    return Violation("BadRequest for agent_disconnect with RequestInstanceUid", _outcome(at))


def _refuses_disconnect_of_unenrolled(at: Situation) -> Violation | None:
    if not at.is_disconnect or at.is_bad_request or (at.agent is not None and at.agent.is_enrolled is not False):
        return None
    return Violation("BadRequest for agent_disconnect of an agent that is not enrolled", _outcome(at))


def _accepts_disconnect_of_enrolled(at: Situation) -> Violation | None:
    if not at.is_disconnect or at.asks_for_uid or not at.is_error or at.agent is None or not at.agent.is_enrolled:
        return None
    return Violation("no error for agent_disconnect of an enrolled agent", _outcome(at))


def _enrolls_known_anew(at: Situation) -> Violation | None:
    return _enrolls_anew(at) if at.agent is not None else None


def _enrolls_unknown_anew(at: Situation) -> Violation | None:
    return _enrolls_anew(at) if at.agent is None else None


def _enrolls_anew(at: Situation) -> Violation | None:
    if not at.asks_for_uid or at.is_disconnect or (at.announced and not at.is_error):
        return None
    return Violation("a new_instance_uid for an agent that sets RequestInstanceUid", _outcome(at))


def _echoes(at: Situation) -> Violation | None:
    if not at.announced or at.reply.instance_uid == at.sent.instance_uid:
        return None
    return Violation(f"the incoming instance_uid {at.sent.instance_uid.hex()}", at.reply.instance_uid.hex() or "none")


def _gives_another_uid(at: Situation) -> Violation | None:
    if not at.announced or at.announced != at.sent.instance_uid:
        return None
    return Violation("a new_instance_uid that differs from the incoming one", at.announced.hex())


def _gives_another_uid_every_time(at: Situation) -> Violation | None:
    if not at.announced or at.announced_to != at.sent.instance_uid:
        return None
    return Violation("another new_instance_uid for each request", f"{at.announced.hex()} again")


def _gives_each_uid_once(at: Situation) -> Violation | None:
    if not at.announced or at.announced_to in (b"", at.sent.instance_uid):
        return None
    return Violation("another new_instance_uid for each agent", f"{at.announced.hex()} again")


def _gives_uuidv7(at: Situation) -> Violation | None:
    if not at.announced or len(at.announced) != INSTANCE_UID_BYTES:
        return None
    if UUID(bytes=at.announced).version == _UUID_VERSION:
        return None
    return Violation("a UUID version 7 as new_instance_uid", at.announced.hex())


def _gives_uid_of_now(at: Situation) -> Violation | None:
    if len(at.announced) != INSTANCE_UID_BYTES:
        return None
    difference = int.from_bytes(at.announced[:6], "big") / 1000 - time.time()
    if abs(difference) <= _DAY:
        return None
    return Violation("a new_instance_uid whose time is within a day of now", f"{difference:+.0f} seconds from now")


def _takes_check_in(at: Situation) -> Violation | None:
    if not _is_report(at) or at.agent is None or not at.agent.is_enrolled or not at.is_bad_request:
        return None
    return Violation("no BadRequest for a check-in of an enrolled agent", _outcome(at))


def _enrolls_automatically(at: Situation) -> Violation | None:
    if not _is_report(at) or at.agent is not None or not (at.is_bad_request or at.announced):
        return None
    return Violation("an unknown agent enrolled under its own instance_uid", _outcome(at))


def _is_report(at: Situation) -> bool:
    """Return whether a message only reports; the failure of a certificate request is a BadRequest, too."""
    return not at.asks_for_uid and not at.is_disconnect and not at.sent.HasField("connection_settings_request")


def _outcome(at: Situation) -> str:
    if at.is_error:
        return f"{error_name(at.reply.error_response.type)}: {at.reply.error_response.error_message}"
    return f"the new_instance_uid {at.announced.hex()}" if at.announced else "an answer without an error"


FLEET_RULES: Final[tuple[tuple[str, Rule], ...]] = (
    ("fleet.disconnect.with-flag", _refuses_disconnect_with_flag),
    ("fleet.disconnect.unenrolled", _refuses_disconnect_of_unenrolled),
    ("fleet.disconnect.enrolled", _accepts_disconnect_of_enrolled),
    ("fleet.request-uid.known-agent", _enrolls_known_anew),
    ("fleet.request-uid.unknown-agent", _enrolls_unknown_anew),
    ("fleet.request-uid.echo", _echoes),
    ("fleet.new-uid.other-than-incoming", _gives_another_uid),
    ("fleet.request-uid.every-time", _gives_another_uid_every_time),
    ("fleet.new-uid.unique", _gives_each_uid_once),
    ("fleet.new-uid.uuidv7", _gives_uuidv7),
    ("fleet.new-uid.time", _gives_uid_of_now),
    ("fleet.check-in", _takes_check_in),
    ("fleet.auto-enrollment", _enrolls_automatically),
)
"""The rules of the contract, each with its requirement."""
