"""Exchanges as people read them: decoded messages beside bytes, without secrets."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from google.protobuf.message import Message

from opamp_conformance.errors import Breach
from opamp_conformance.events import Traffic
from opamp_conformance.exchange import Exchange
from opamp_conformance.redaction import REDACTED, Redactor, printable
from opamp_conformance.transports.http import Request, Response
from opamp_conformance.transports.websocket import Received
from opamp_proto import opamp_pb2 as pb
from opamp_proto.anyvalue_pb2 import KeyValue

_SECRET: Final = {f"{pb.DESCRIPTOR.package}.TLSCertificate.private_key", f"{pb.DESCRIPTOR.package}.Header.value"}

MAX_SHOWN_BYTES: Final = 1024
"""Of a longer body, so many bytes are shown."""


def shown(exchanges: Sequence[Exchange], redactor: Redactor) -> tuple[Traffic, ...]:
    """Describe exchanges; secrets are gone from headers, texts and bytes."""
    return tuple(_shown(exchange, redactor) for exchange in exchanges)


def _shown(exchange: Exchange, redactor: Redactor) -> Traffic:
    request, response, message = exchange.request, exchange.response, exchange.message
    sent = "not an AgentToServer" if request.message is None else "\n".join(_lines(request.message, redactor))
    if isinstance(message, Breach):
        received = printable(redactor.text(message.actual))
    else:
        received = "\n".join(_lines(message, redactor))
    return Traffic(
        sent_at=round(exchange.sent_at, 6),
        seconds=round(exchange.seconds, 6),
        method=request.method if isinstance(request, Request) else "WebSocket",
        outcome=_outcome(exchange),
        request_headers=redactor.headers(request.headers or {}),
        request_bytes=_hex(redactor.data(request.body)),
        request_message=sent,
        status=exchange.status,
        response_headers=redactor.headers(response.headers) if isinstance(response, Response) else {},
        response_bytes="" if response is None else _hex(_without(_secrets(message), _bytes(response, redactor))),
        response_message=received,
    )


def _outcome(exchange: Exchange) -> str:
    if exchange.status is not None:
        return f"status {exchange.status}"
    if exchange.response is None:
        return "no response" if exchange.close_code is None else f"closed with the code {exchange.close_code}"
    return "of its own accord" if exchange.is_push else "answered"


def _hex(data: bytes) -> str:
    cut = "" if len(data) <= MAX_SHOWN_BYTES else f"… ({len(data)} bytes)"
    return data[:MAX_SHOWN_BYTES].hex() + cut


def _bytes(response: Response | Received, redactor: Redactor) -> bytes:
    """Return the body as it came, or, if compression hides a secret in it, decompressed and blotted."""
    try:
        blotted = redactor.data(response.data)
    except ValueError:
        return redactor.data(response.body)
    return response.body if blotted == response.data else blotted


def _secrets(message: Message | Breach) -> set[bytes]:
    """Collect what the server means for the agent's eyes only: private keys, and values of headers."""
    if isinstance(message, Breach):
        return set()
    found: set[bytes] = set()
    for field, value in message.ListFields():
        if field.full_name in _SECRET:
            found.add(value if isinstance(value, bytes) else value.encode())
        elif field.message_type is not None:
            found |= {secret for item in _messages_in(value) for secret in _secrets(item)}
    return found


def _messages_in(value: object) -> list[Message]:
    """Return the messages in the value of a field: one, a list or a map of them."""
    if isinstance(value, Message):
        return [value]
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, Iterable) else ()
    return [item for item in items if isinstance(item, Message)]


def _without(secrets: set[bytes], data: bytes) -> bytes:
    for secret in secrets:
        data = data.replace(secret, b"*" * len(secret)) if secret else data
    return data


def _lines(message: Message, redactor: Redactor, indent: str = "") -> Iterable[str]:
    for field, value in message.ListFields():
        for item in value if field.is_repeated else [value]:
            if isinstance(item, KeyValue):
                key = redactor.text(item.key)
                yield f"{indent}{field.name}: {key!r} = {' '.join(_lines(item.value, redactor)) or 'null'}"
            elif isinstance(item, Message):
                yield f"{indent}{field.name}:"
                yield from _lines(item, redactor, indent + "  ")
            elif field.full_name in _SECRET:
                yield f"{indent}{field.name}: {REDACTED}"
            elif isinstance(item, bytes):
                yield f"{indent}{field.name}: {redactor.data(item).hex() or '(empty)'}"
            elif field.enum_type is not None:
                known = field.enum_type.values_by_number.get(item)
                yield f"{indent}{field.name}: {item if known is None else known.name}"
            else:
                shown = redactor.text(item) if isinstance(item, str) else item
                yield f"{indent}{field.name}: {shown!r}"
