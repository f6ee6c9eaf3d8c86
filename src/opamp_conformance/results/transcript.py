"""Exchanges in a form for people: decoded messages and bytes, without secrets."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from google.protobuf.message import Message

from opamp_conformance.redaction import REDACTED, Redactor
from opamp_conformance.results.events import TranscriptEntry
from opamp_conformance.text import printable_lines, shortened
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import HttpRequest, HttpResponse
from opamp_conformance.wire.websocket import ReceivedMessage
from opamp_proto import opamp_pb2 as pb
from opamp_proto.anyvalue_pb2 import KeyValue

_SECRET: Final = {f"{pb.DESCRIPTOR.package}.TLSCertificate.private_key", f"{pb.DESCRIPTOR.package}.Header.value"}

MAX_SHOWN_BYTES: Final = 1024
"""How many bytes of a body are shown."""


def transcript_of(exchanges: Sequence[Exchange], redactor: Redactor) -> tuple[TranscriptEntry, ...]:
    """Describe exchanges, without secrets in headers, texts and bytes."""
    return tuple(_entry(exchange, redactor) for exchange in exchanges)


def _entry(exchange: Exchange, redactor: Redactor) -> TranscriptEntry:
    request, response, message = exchange.request, exchange.response, exchange.message
    sent = "not an AgentToServer" if request.message is None else "\n".join(message_lines(request.message, redactor))
    if message is not None:
        received = "\n".join(message_lines(message, redactor))
    else:
        received = shortened(redactor.text(exchange.problem.actual if exchange.problem else ""))
    return TranscriptEntry(
        sent_at=round(exchange.sent_at, 6),
        seconds=round(exchange.seconds, 6),
        method=request.method if isinstance(request, HttpRequest) else "WebSocket",
        outcome=_outcome(exchange),
        request_headers=redactor.headers(request.headers or {}),
        request_bytes=shown_bytes(redactor.start(request.body, MAX_SHOWN_BYTES), len(request.body)),
        request_message=printable_lines(sent),
        status=exchange.status,
        response_headers=redactor.headers(response.headers) if isinstance(response, HttpResponse) else {},
        response_bytes="" if response is None else shown_bytes(_without(_secrets(message), _bytes(response, redactor))),
        response_message=printable_lines(received),
    )


def _outcome(exchange: Exchange) -> str:
    if exchange.status is not None:
        return f"status {exchange.status}"
    if exchange.response is None:
        return "no response" if exchange.close_code is None else f"closed with the code {exchange.close_code}"
    return "unsolicited" if exchange.is_push else "answered"


def shown_bytes(data: bytes, size: int | None = None) -> str:
    """Write the start of data as hexadecimal digits; ``size`` is its length, if this is only the start."""
    size = len(data) if size is None else size
    cut = "" if size <= MAX_SHOWN_BYTES else f"… ({size} bytes)"
    return data[:MAX_SHOWN_BYTES].hex() + cut


def _bytes(response: HttpResponse | ReceivedMessage, redactor: Redactor) -> bytes:
    """Return the body as it came; if compression hides a secret in it, decompressed and without the secret."""
    try:
        redacted = redactor.data(response.data)
    except ValueError:
        return redactor.data(response.body)
    return response.body if redacted == response.data else redacted


def _secrets(message: Message | None) -> set[bytes]:
    """Collect the secrets that the server sends to the agent: private keys, and values of headers."""
    if message is None:
        return set()
    found: set[bytes] = set()
    for field, value in message.ListFields():
        if field.full_name in _SECRET:
            found.add(value if isinstance(value, bytes) else value.encode())
        elif field.message_type is not None:
            found |= {secret for item in _messages_in(value) for secret in _secrets(item)}
    return found


def _messages_in(value: object) -> list[Message]:
    """Return the messages in the value of a field: one message, a list or a map."""
    if isinstance(value, Message):
        return [value]
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, Iterable) else ()
    return [item for item in items if isinstance(item, Message)]


def _without(secrets: set[bytes], data: bytes) -> bytes:
    for secret in secrets:
        data = data.replace(secret, b"*" * len(secret)) if secret else data
    return data


def message_lines(message: Message, redactor: Redactor, indent: str = "") -> Iterable[str]:
    """Describe a message, a line for each field, without secrets."""
    for field, value in message.ListFields():
        for item in value if field.is_repeated else [value]:
            if isinstance(item, KeyValue):
                key = shortened(redactor.text(item.key))
                yield f"{indent}{field.name}: {key!r} = {' '.join(message_lines(item.value, redactor)) or 'null'}"
            elif isinstance(item, Message):
                yield f"{indent}{field.name}:"
                yield from message_lines(item, redactor, indent + "  ")
            elif field.full_name in _SECRET:
                yield f"{indent}{field.name}: {REDACTED}"
            elif isinstance(item, bytes):
                yield f"{indent}{field.name}: {shown_bytes(redactor.data(item)) or '(empty)'}"
            elif field.enum_type is not None:
                known = field.enum_type.values_by_number.get(item)
                yield f"{indent}{field.name}: {item if known is None else known.name}"
            else:
                shown = shortened(redactor.text(item)) if isinstance(item, str) else item
                yield f"{indent}{field.name}: {shown!r}"
