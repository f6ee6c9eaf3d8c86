"""What passed between an agent and the scripted server, in the form for people."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from opamp_agent_checks import HttpRequestFacts, Received
from opamp_conformance.redaction import Redactor
from opamp_conformance.results.events import TranscriptEntry
from opamp_conformance.results.masked_files import without_files
from opamp_conformance.results.transcript import MAX_SHOWN_BYTES, message_lines, shown_bytes
from opamp_conformance.scripted_server.records import (
    ConnectionEnded,
    MessageReceived,
    Opened,
    OtherRequest,
    Record,
    ReplySent,
)
from opamp_conformance.text import printable_lines
from opamp_conformance.wire.transport import Transport
from opamp_conformance.wire.websocket import HEADER

_MOST_ENTRIES = 40
_START_BYTES = 64
_NOT_KEPT = "not an AgentToServer, or one that is too large to keep; these are its first bytes"


def transcript_of_agent(records: Iterable[Record], redactor: Redactor) -> tuple[TranscriptEntry, ...]:
    """Describe what happened: a message with the reply on its connection, or a reply alone; the last ones only."""
    entries = list(_entries(list(records), redactor))
    return tuple(entries[-_MOST_ENTRIES:])


def transcript_of_messages(messages: Iterable[Received], redactor: Redactor) -> tuple[TranscriptEntry, ...]:
    """Describe messages of an agent, as the checks of agents keep them, without the contents of files."""
    kept = list(messages)
    began = kept[0].at if kept else 0.0
    return tuple(_entry_of_message(one, began, redactor) for one in kept)


def _entry_of_message(one: Received, began: float, redactor: Redactor) -> TranscriptEntry:
    masked = None if one.message is None else without_files(one.message)
    message, data = (one.message, one.data) if masked is None else (masked, masked.SerializeToString())
    if masked is not None and one.http is None:
        data = HEADER + data
    transport = Transport.WEBSOCKET if one.http is None else Transport.HTTP
    headers = {} if one.http is None else _headers(one.http)
    if message is None:  # Nothing can be masked in what cannot be decoded, so only its beginning is shown.
        data = data[:_START_BYTES]
    record = MessageReceived(one.at, one.connection, transport, "", headers, message, data, False)
    entry = replace(_entry(record, None, began, redactor), outcome="")
    return entry if message is not None else replace(entry, request_message=_NOT_KEPT)


def _headers(facts: HttpRequestFacts) -> dict[str, str]:
    named = {"Content-Type": facts.content_type, "OpAMP-Instance-UID": facts.instance_uid}
    return {name: value for name, value in named.items() if value is not None}


def _entries(records: list[Record], redactor: Redactor) -> Iterator[TranscriptEntry]:
    began = records[0].at if records else 0.0
    answered: set[int] = set()
    for number, record in enumerate(records):
        if number in answered:
            continue
        reply = None
        if isinstance(record, MessageReceived):
            for later in range(number + 1, len(records)):
                other = records[later]
                if isinstance(other, ReplySent) and other.connection == record.connection:
                    reply = other
                    answered.add(later)
                    break
        yield _entry(record, reply, began, redactor)


def _entry(record: Record, reply: ReplySent | None, began: float, redactor: Redactor) -> TranscriptEntry:
    sent = reply if reply is not None else record if isinstance(record, ReplySent) else None
    message = None if sent is None else sent.message
    return TranscriptEntry(
        sent_at=round(record.at - began, 6),
        seconds=0.0 if reply is None else round(reply.at - record.at, 6),
        method="HTTP" if isinstance(record, MessageReceived) and record.transport is Transport.HTTP else "WebSocket",
        outcome=_outcome(record, sent),
        request_headers=redactor.headers(record.headers) if isinstance(record, MessageReceived) else {},
        request_bytes=shown_bytes(record.data[:MAX_SHOWN_BYTES], len(record.data))
        if isinstance(record, MessageReceived)
        else "",
        request_message=_request(record, redactor),
        status=None if sent is None else sent.status,
        response_headers={},
        response_bytes="" if sent is None else shown_bytes(sent.data[:MAX_SHOWN_BYTES], len(sent.data)),
        response_message="" if message is None else printable_lines("\n".join(message_lines(message, redactor))),
    )


def _request(record: Record, redactor: Redactor) -> str:
    if not isinstance(record, MessageReceived):
        return ""
    if record.message is None:
        return "not an AgentToServer"
    return printable_lines("\n".join(message_lines(record.message, redactor)))


def _outcome(record: Record, sent: ReplySent | None) -> str:
    """Say in a few words what happened."""
    match record:
        case Opened():
            return f"the agent opens a WebSocket, status {record.status}"
        case ConnectionEnded():
            code = "no Close frame" if record.close_code is None else f"a Close frame with the code {record.close_code}"
            return f"the {'agent' if record.by_agent else 'server'} ends the WebSocket, {code} of the agent"
        case OtherRequest():
            return f"{record.method} {record.path}"
        case ReplySent():
            return "unsolicited"
        case _ if sent is None:
            return "not answered"
        case _:
            return "answered" if sent.status is None else f"status {sent.status}"
