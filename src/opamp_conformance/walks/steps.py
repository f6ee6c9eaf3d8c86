"""The steps of a walk: what an agent does next, as data and in words."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.text import did_you_mean

SEED: Final = 1
"""The seed of the walks that belong to each run, so that each run goes the same ones."""
AGENTS: Final = 3
"""How many agents take part. The second one uses a WebSocket, and the third one shares it."""


class Action(StrEnum):
    """What an agent can do; the values are the words for it."""

    REPORT = "reports its full status"
    CHECK_IN = "checks in"
    REPORT_DESCRIPTION = "reports only its description"
    REPORT_HEALTH = "reports only its health"
    REPORT_UNHEALTHY = "reports that it is unhealthy"
    REPORT_ATTRIBUTES = "reports attributes of each kind"
    REPORT_NESTED = "reports nested health"
    REPORT_COMPONENTS = "reports nested components"
    REPORT_COMPONENTS_HASH = "reports only the hash of its components"
    REPORT_NEWER_FIELDS = "reports fields of a newer protocol"
    REPORT_NEWER_VALUE = "reports a status of a newer protocol"
    REPORT_NEWER_BITS = "reports a capability of a newer protocol"
    REPORT_MUCH = "reports a large configuration"
    REPORT_CUSTOM = "reports the server's custom capabilities as its own"
    REPORT_NO_CUSTOM = "reports that it has no custom capabilities"
    SEND_CUSTOM = "sends a custom message"
    SET_UNKNOWN_FLAG = "checks in with an unknown flag"
    POLL = "sends only its instance_uid"
    REQUEST_CERTIFICATE = "requests a certificate"
    REQUEST_BADLY = "requests a certificate with bytes that are no request"
    REQUEST_FORGED = "requests a certificate with a forged request"
    REQUEST_FOR_ANOTHER = "requests a certificate for another agent"
    REQUEST_NOTHING = "requests no settings at all"
    ASK = "asks for a new instance_uid"
    ASK_IN_CHECK_IN = "asks for a new instance_uid in a check-in"
    ADOPT = "adopts its new instance_uid"
    APPLY = "applies what it was offered"
    FAIL_TO_APPLY = "fails to apply what it was offered"
    BEGIN_TO_APPLY = "begins to apply what it was offered"
    FAIL_WITH_OTHERS = "fails to apply other offers"
    BEGIN_WITH_OTHERS = "begins to apply other offers"
    FORGET_OFFERS = "forgets what it was offered"
    WITHDRAW = "withdraws what it accepts"
    ACCEPT_ONLY_CONFIG = "accepts only remote configuration"
    ACCEPT_ONLY_PACKAGES = "accepts only packages"
    REPORT_ONLY_METRICS = "reports own metrics, and accepts no other offers"
    REPORT_NO_TELEMETRY = "reports no own telemetry, and accepts all other offers"
    REPORT_LESS = "accepts offers, but no longer reports their status"
    GIVE_BACK = "accepts everything again"
    LOSE = "loses a message"
    LOSE_MANY = "loses 4294967296 messages"
    REPORT_OTHER_HASHES = "reports other hashes than it was offered"
    CHANGE_HASHES = "checks in with other hashes than it was offered"
    APPLY_IN_CHECK_IN = "checks in with the hashes of what it was offered"
    REPEAT = "repeats a sequence number"
    RESTART = "starts again"
    DISCONNECT = "disconnects"
    DISCONNECT_DESCRIBED = "disconnects with a full report"
    DISCONNECT_WITH_FLAG = "disconnects and asks for a new instance_uid"
    CLOSE = "closes its connection"
    BREAK = "loses its connection"
    CHANGE_TRANSPORT = "changes its transport"
    CLONE = "is cloned, and the clone reports"
    CHECK_IN_WITH_OTHERS = "checks in slowly, and others report meanwhile"
    CHECK_IN_IN_A_ROW = "checks in 3 times without waiting"
    PING = "pings the server"
    SEND_GARBAGE = "sends bytes that are not a message"
    SEND_SHORT_UID = "sends a message with a short instance_uid"
    SEND_LONG_UID = "sends a message with a long instance_uid"
    SEND_CUT_SHORT = "sends a message that is cut short"
    SEND_BROKEN_GZIP = "sends broken gzip"
    SEND_UNKNOWN_ENCODING = "reports in an unknown encoding"
    SEND_JSON = "reports with the content type of JSON"
    SEND_GET = "sends a GET"
    ACCEPT_GZIP = "checks in and accepts gzip"
    ACCEPT_SEVERAL_CODINGS = "checks in and accepts several content codings"
    SEND_UPPER_CASE = "reports with the content type in upper case"
    SEND_NAMED_GZIP = "reports in gzip that has a file name"
    CLOSE_AFTERWARDS = "checks in and closes the connection after the answer"
    SEND_MEMBERS = "reports in gzip of 3 members"
    SEND_WEBSOCKET_HEADER = "reports with a header of WebSocket"
    OFFER_SUBPROTOCOL = "opens a WebSocket with a subprotocol and reports"
    SEND_TEXT = "sends a text"
    SEND_HEADER_ONLY = "sends only a header"
    SEND_LONG_HEADER = "reports after a header of two bytes"
    SEND_OTHER_HEADER = "reports after the header 1"


class Form(StrEnum):
    """How a message travels; the values are the words for it."""

    PLAIN = ""
    GZIP = " in gzip"
    CHUNKS = " in chunks"
    GZIP_CHUNKS = " in gzip and in chunks"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a walk. ``agent`` counts from 1. Gzip is for plain HTTP; over WebSocket, chunks are fragments."""

    agent: int
    action: Action
    form: Form = Form.PLAIN

    def __str__(self) -> str:
        return f"agent {self.agent} {self.action}{self.form}"


Walk = tuple[Step, ...]

_FORMS: Final = "|".join(sorted(Form, key=len, reverse=True))
_LINE: Final = re.compile(rf"agent (\d+) (.+?)({_FORMS})")


def read_walk(lines: Iterable[str]) -> Walk:
    """Read steps in words, one a line, without empty lines and comments; raises InconclusiveError."""
    stripped = (line.strip() for line in lines)
    return tuple(_read_step(line) for line in stripped if line and not line.startswith("#"))


def _read_step(line: str) -> Step:
    match = _LINE.fullmatch(line)
    if match is None or not 1 <= int(match[1]) <= AGENTS:
        raise InconclusiveError(f"{line!r} is not a step: write 'agent N …', with N from 1 to {AGENTS}")
    try:
        return Step(int(match[1]), Action(match[2]), Form(match[3]))
    except ValueError:
        raise InconclusiveError(f"{match[2]!r} is not a step{did_you_mean(match[2], map(str, Action))}") from None
