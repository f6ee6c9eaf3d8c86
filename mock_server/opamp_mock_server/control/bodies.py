"""What requests to the control plane bring, and what they are answered with."""

import asyncio
import base64
import json
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message

from opamp_mock_server.http import Refused, Response
from opamp_mock_server.recording import Recorded
from opamp_mock_server.records import AgentRecord, Package
from opamp_proto import INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb

M = TypeVar("M", bound=Message)
H = TypeVar("H")
T = TypeVar("T")

_MOST_BYTES: Final = 1024 * 1024

JSON: Final = b"application/json"
DONE: Final = Response(204)


class Unfit(Exception):
    """What was sent is not what is needed; says what is."""


def chosen(handlers: Mapping[tuple[str, str], H], method: str, resource: str, what: str) -> H:
    """Return what does a method on a resource; raises Refused if nothing does."""
    methods = [other for other, name in handlers if name == resource]
    if not methods:
        raise Refused(404, f"the control plane does not have {what}")
    if method not in methods:
        allowed = ", ".join(methods)
        raise Refused(405, f"the control plane has {allowed} of {what}", (b"allow", allowed.encode()))
    return handlers[method, resource]


def shown(value: object) -> Response:
    """Answer with JSON."""
    return Response(200, json.dumps(value).encode(), content_type=JSON)


async def listed(
    name: str, kept: Sequence[T], size: Callable[[T], int], show: Callable[[T], object], **more: object
) -> Response:
    """Answer with a list, as much of it as an answer may have, and at least one.

    What agents have sent may take long to be written as JSON: meanwhile the loop serves others.
    """
    fitting = kept[: max(1, bisect_right(list(accumulate(map(size, kept))), _MOST_BYTES))]
    return await asyncio.to_thread(lambda: shown({name: [show(one) for one in fitting], **more}))


def instance_uid(name: str) -> bytes:
    try:
        uid = bytes.fromhex(name)
    except ValueError:
        uid = b""
    if len(uid) != INSTANCE_UID_BYTES or len(name) != 2 * INSTANCE_UID_BYTES:
        raise Unfit("an agent is named by the 32 hexadecimal digits of its instance_uid")
    return uid


def message_of(body: bytes, message: M) -> M:
    """Parse the JSON form of a message."""
    try:
        return json_format.ParseDict(object_of(body), message)
    except (json_format.ParseError, RecursionError) as error:
        raise Unfit(f"not the JSON form of {message.DESCRIPTOR.name}: {error}") from error


def object_of(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
        json.dumps(parsed, ensure_ascii=False).encode()  # Half a surrogate pair is no text, and fits in no message.
    except (ValueError, RecursionError) as error:
        raise Unfit(f"not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise Unfit("not a JSON object")
    return parsed


def packages_of(body: bytes) -> Mapping[str, Package]:
    try:
        return {name: _package(**entry) for name, entry in object_of(body).items()}
    except (TypeError, ValueError) as error:
        raise Unfit(f"a package has type, version and content in base64: {error}") from error


def _package(*, type: str, version: str, content: str) -> Package:  # noqa: A002 # the JSON's name
    if not isinstance(version, str):
        raise TypeError("version is a string")
    return Package(pb.PackageType.Value(type), version, base64.b64decode(content, validate=True))


def agent(record: AgentRecord) -> Mapping[str, object]:
    """Make what is shown of an agent."""
    return {
        "instance_uid": record.instance_uid.hex(),
        "sequence_num": record.sequence_num,
        "connected": record.connected,
        "capabilities": record.capabilities,
        "status": _json(pb.AgentToServer.FromString(record.reported)),
    }


def exchange(recorded: Recorded) -> Mapping[str, object]:
    """Make what is shown of a message and its answer."""
    return {
        "number": recorded.number,
        "at": recorded.at,
        "instance_uid": recorded.instance_uid.hex(),
        "received": None if recorded.received is None else _json(pb.AgentToServer.FromString(recorded.received)),
        "sent": _json(pb.ServerToAgent.FromString(recorded.sent)),
    }


def _json(message: Message) -> dict[str, Any]:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)
