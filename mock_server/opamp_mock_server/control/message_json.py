"""The JSON form of messages: that of protobuf, but for instance_uids, which are hexadecimal digits as in paths."""

import base64
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message

from opamp_proto import INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb

M = TypeVar("M", bound=Message)

_UIDS: Final = ("instance_uid", "instanceUid", "new_instance_uid", "newInstanceUid")
_PARTS_WITH_UIDS: Final = ("agent_identification", "agentIdentification")


_MOST_PARTS: Final = 50_000
"""How many parts of a message are shown: an empty part has two bytes, and its JSON form takes a hundred in memory."""


def to_fields(message: Message) -> dict[str, Any]:
    """Return the JSON form of a message; of one with very many parts, only the fields that have none."""
    if _left(message, _MOST_PARTS) < 0:
        short = type(message)()
        for field, value in message.ListFields():
            if field.message_type is None and not field.is_repeated:
                setattr(short, field.name, value)
        message = short
    fields: dict[str, Any] = json_format.MessageToDict(message, preserving_proto_field_name=True)
    if isinstance(message, pb.AgentToServer | pb.ServerToAgent) and message.instance_uid:
        fields["instance_uid"] = message.instance_uid.hex()
    if isinstance(message, pb.ServerToAgent) and message.agent_identification.new_instance_uid:
        fields["agent_identification"]["new_instance_uid"] = message.agent_identification.new_instance_uid.hex()
    return fields


def from_fields(fields: Mapping[str, Any], message: M) -> M:
    """Fill a message from its JSON form, where an instance_uid may also be in base64; raises ParseError."""
    if isinstance(message, pb.ServerToAgent):
        fields = _in_base64(fields)
    return json_format.ParseDict(dict(fields), message)


def _in_base64(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields with instance_uids in base64, as protobuf reads them. 32 digits cannot be meant as base64."""
    read = dict(fields)
    for name in _PARTS_WITH_UIDS:
        if isinstance(read.get(name), dict):
            read[name] = _in_base64(read[name])
    for name in _UIDS:
        value = read.get(name)
        if isinstance(value, str) and len(value) == 2 * INSTANCE_UID_BYTES:
            try:
                read[name] = base64.b64encode(bytes.fromhex(value)).decode()
            except ValueError:
                continue
    return read


def _left(message: Message, parts: int) -> int:
    """Return how many of so many parts are left after those of a message; less than 0 if they are too few."""
    for field, value in message.ListFields():
        parts -= len(value) if field.is_repeated else 1
        if parts < 0:
            break
        if field.message_type is None:
            continue
        if not field.is_repeated:
            values: Iterable[Any] = (value,)
        else:
            values = value.values() if field.message_type.GetOptions().map_entry else value
        for inner in values:
            if parts >= 0 and isinstance(inner, Message):
                parts = _left(inner, parts)
    return parts
