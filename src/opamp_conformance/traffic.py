"""Exchanges as people read them: decoded messages beside bytes, without secrets."""

from collections.abc import Iterable, Sequence
from typing import Final

from google.protobuf.message import Message

from opamp_conformance.errors import Breach
from opamp_conformance.events import Traffic
from opamp_conformance.exchange import Exchange
from opamp_conformance.redaction import Redactor
from opamp_proto.anyvalue_pb2 import KeyValue

MAX_SHOWN_BYTES: Final = 1024
"""Of a longer body, so many bytes are shown."""


def shown(exchanges: Sequence[Exchange], redactor: Redactor) -> tuple[Traffic, ...]:
    """Describe exchanges; secrets are gone from headers, texts and bytes."""
    return tuple(_shown(exchange, redactor) for exchange in exchanges)


def _shown(exchange: Exchange, redactor: Redactor) -> Traffic:
    request, response, message = exchange.request, exchange.response, exchange.message
    sent = "not an AgentToServer" if request.message is None else "\n".join(_lines(request.message))
    received = message.actual if isinstance(message, Breach) else "\n".join(_lines(message))
    return Traffic(
        sent_at=round(exchange.sent_at, 6),
        seconds=round(exchange.seconds, 6),
        method=request.method,
        request_headers=redactor.headers(request.headers),
        request_bytes=_hex(redactor.data(request.body)),
        request_message=redactor.text(sent),
        status=None if response is None else response.status,
        response_headers={} if response is None else redactor.headers(response.headers),
        response_bytes="" if response is None else _hex(redactor.data(response.body)),
        response_message=redactor.text(received),
    )


def _hex(data: bytes) -> str:
    cut = "" if len(data) <= MAX_SHOWN_BYTES else f"… ({len(data)} bytes)"
    return data[:MAX_SHOWN_BYTES].hex() + cut


def _lines(message: Message, indent: str = "") -> Iterable[str]:
    for field, value in message.ListFields():
        for item in value if field.is_repeated else [value]:
            if isinstance(item, KeyValue):
                yield f"{indent}{field.name}: {item.key} = {' '.join(_lines(item.value)) or 'null'}"
            elif isinstance(item, Message):
                yield f"{indent}{field.name}:"
                yield from _lines(item, indent + "  ")
            elif isinstance(item, bytes):
                yield f"{indent}{field.name}: {item.hex() or '(empty)'}"
            elif field.enum_type is not None:
                known = field.enum_type.values_by_number.get(item)
                yield f"{indent}{field.name}: {item if known is None else known.name}"
            else:
                yield f"{indent}{field.name}: {item!r}"
